"""Lambda's control plane: a file per resource, an operation per function.

What every operation uses:

* ``context``   ``LambdaContext`` and its ``ControlParts``: packages, S3, the account's limit
* ``lookup``    which resource a request names, and the rows of a resource
* ``settings``  what a client may set of a function, and the rules. Pure
* ``s3_source`` packages out of S3

The resources:

* ``functions``               create, read, list and delete
* ``function_code``           packages: where they come from, what is checked, UpdateFunctionCode
* ``function_configuration``  what AWS prints of a version, Pending, Active and InProgress, UpdateFunctionConfiguration
* ``versions``, ``aliases``, ``concurrency``, ``tags``, ``account``
* ``ray_options``, ``deployments``  raylambda's own

And those of which there is none yet, as nothing here makes them. Their operations check what AWS checks, look up what AWS
looks up, and then say so truly. What would make such a thing is still in ``not_yet``.

* ``policies``, ``function_urls``, ``code_signing``, ``layers``, ``event_source_mappings``, ``event_invoke_configs``
* ``provisioned_concurrency``, ``capacity_providers``, ``recursion``, ``runtime_management``

The table:

* ``table``             imports every resource, so that the table is full
* ``not_yet``           AWS's other operations, by name
* ``operations_table``  writes the list in the README

An operation is a plain function of (context, request, address). It validates, reads rows, writes rows and one change record
in the session's transaction, and does nothing else: it starts nothing and waits for nothing. The data plane follows the
change feed; ``store.functions`` is what later turns Pending into Active. Each of them can so be tested with SQLite in memory.

The session is an exclusive unit of work, so two operations never interleave: what one has read is true until it ends, and
of two creations of one name the second gets AWS's 409. Code is fetched, inspected and stored before the first SQL statement,
so nobody waits for S3 or a slow disk.

A resource file has the same parts in this order: models, loading, describing, operations.
"""
