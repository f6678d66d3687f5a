"""The vocabulary: names, ARNs, principals, function versions, invocations, environments, limits and errors.

Pure values. Nothing here does I/O, reads a clock or imports another package of raylambda; every other package may
import this one. Frozen dataclasses cross process borders (front door to host, by Ray) by pickling, so they hold plain
data only.

* ``names``               AWS's constraints on what a client may write
* ``validation_text``     AWS's words for a broken constraint
* ``arn``                 how names and ARNs are written and read
* ``addressing``          which function a client means by one
* ``host_name``           which host and port a URL or a ``Host`` header means
* ``principal``           who asks
* ``function``            what the data plane must know of a function: ``FunctionVersion``, ``Alias``, ``FunctionRecord``
* ``invocation``          one event on its way in, and its result on the way out
* ``packing``             how an invocation travels to its host
* ``environment``         what front door and host say to each other about execution environments
* ``log_names``           log groups and log streams
* ``reserved_variables``  environment variables that are Lambda's own
* ``runtime_names``       the names of AWS's runtimes
* ``ray_options``         the options of a host class
* ``limits``, ``errors``  AWS's numbers and AWS's wire errors
* ``clock``               the seam through which everybody learns the time
"""
