"""The vocabulary: names, ARNs, function versions, invocations, environments, limits and errors.

Pure values. Nothing here does I/O, reads a clock or imports another package of raylambda; every other package may
import this one. Frozen dataclasses cross process borders (front door to host, by Ray) by pickling, so they hold plain
data only.

* ``names``, ``arn``      how a client names a function, and what AWS prints back
* ``function``            what the data plane must know of a function: ``FunctionVersion``, ``Alias``, ``FunctionRecord``
* ``invocation``          one event on its way in, and its result on the way out
* ``packing``             how an invocation travels to its host
* ``environment``         what front door and host say to each other about execution environments
* ``ray_options``         the options of a host class
* ``limits``, ``errors``  AWS's numbers and AWS's wire errors
* ``clock``               the seam through which everybody learns the time
"""
