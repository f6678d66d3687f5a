"""The control plane: a file per resource, an operation per function.

What comes in is an operation of the table with its labels, query and JSON body (``dispatch.answer``); what goes out is an
``Answer``, or a ``LambdaError`` is raised. HTTP, signatures and routing are the front door's.

* ``operation``     the table's row, the decorator that registers it, and the ``Context`` that an operation works in
* ``table``         imports every resource, so that the table is full; ``not_yet`` names AWS's other operations
* ``wire``          the root of all request and response models: AWS's member names, absent members absent
* ``validation``    pydantic's errors in AWS's words (lambda-reference.md 1)
* ``dispatch``      binds a request to its model, calls the operation, renders the answer
* ``addressing``    which function and qualifier a client means
* ``settings``      what a client may set of a function, and the rules; pure. ``runtimes``: the names of runtimes
* ``configuration`` ``FunctionConfiguration``, made from a row; ``states``: Pending, Active, InProgress; ``pages``: markers
* ``s3_source``     packages out of S3
* ``functions``, ``function_code``, ``function_configuration``, ``versions``, ``aliases``, ``concurrency``, ``tags``,
  ``account``, ``ray_options``   the resources

An operation is a plain function of (context, request). It validates, reads rows, writes rows and one change record in the
session's transaction, and does nothing else: it starts nothing and waits for nothing. The data plane follows the change
feed; ``store.activation`` is what later turns Pending into Active. Each of them can so be tested with SQLite in memory.

The session is an exclusive unit of work, so two operations never interleave: what one has read is true until it ends, and
of two creations of one name the second gets AWS's 409. Code is fetched, inspected and stored before the first SQL statement,
so nobody waits for S3 or a slow disk.

A resource file has the same parts in this order: models, loading, describing, operations.
"""
