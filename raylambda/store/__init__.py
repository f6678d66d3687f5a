"""Where everything that must survive is kept: rows in SQL, packages by content.

* ``engine``      opens SQLite (WAL) or PostgreSQL; ``Database`` gives units of work, ``migrate`` the newest schema
* ``tables``      the rows
* ``migrations``  Alembic's revisions
* ``changes``     the change feed: an operation writes its rows and one change in one transaction
* ``reads``       rows -> ``model.FunctionRecord``, the only form in which the data plane sees a function
* ``activation``  Pending and InProgress end
* ``codestore``   packages by SHA-256, verified when read
* ``events``      accept, claim, put off and settle asynchronous events
* ``errors``      ``StoreUnavailable`` and its kin: what everybody above may have to expect
* ``locks``       how PostgreSQL is made to do what SQLite does by itself

There are three kinds of units of work. *Exclusive* ones (``Database.session``) run one after the other on both databases:
an operation reads, decides and writes, and what it has read stays true. *Shared* ones (``Database.shared``) are for events,
which depend on no other row. *Reading* ones (``Database.reading``) see one state and disturb nobody. Nothing is ever
half-written: a unit is committed as a whole, or leaves no trace.

Changes are numbered, and become visible in the order of their numbers, so a follower that asks "what came after n" misses
nothing. Everything here is synchronous: control-plane handlers run in threads, and nothing on the warm path of an invocation
comes here.
"""
