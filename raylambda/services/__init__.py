"""AWS's control planes: a folder for what all of them share, and a folder for each service.

* ``protocol/``  what an operation is, and how a request becomes its answer; it knows no service
* ``lambda_/``   Lambda: functions, versions, aliases and what belongs to them

What comes in is a row of an operation table with labels, query and JSON body, in a unit of work of the store; what goes out
is an answer, or a ``LambdaError``. HTTP, signatures and routing are the front door's. No invocation comes here: what it
needs of names and their validation is in ``model``, and ``tests/unit/test_invocation_path.py`` keeps it so.

A further service is a folder beside ``lambda_``: its own context, its own table, and the same ``protocol``.
"""
