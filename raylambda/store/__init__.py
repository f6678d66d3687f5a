"""Where everything that must survive is kept: rows in SQL, packages by content.

* ``engine``      one SQLAlchemy engine for SQLite (WAL) or PostgreSQL, and sessions per unit of work
* ``tables``      the rows
* ``migrations``  Alembic; ``engine.migrate`` brings a database to the newest revision
* ``changes``     the change feed: an operation writes its rows and one ``ChangeRow`` in one transaction
* ``reads``       rows -> ``model.FunctionRecord``, the only form in which the data plane sees a function
* ``codestore``   packages by SHA-256, verified when read
* ``events``      accept, claim, settle asynchronous events

All of it is synchronous: control-plane handlers run in threads, and nothing on the warm path of an invocation comes here.
"""
