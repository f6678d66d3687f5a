"""Where everything that must survive is kept: rows in SQL, packages by content.

* ``engine``        opens SQLite (WAL) or PostgreSQL; ``Database`` gives units of work, ``migrate`` the newest schema
* ``tables``        the rows
* ``migrations``    Alembic's revisions
* ``changes``       the change feed: what changed, by kind and number; positions of those who follow it; pruning
* ``following``     ``ChangeFollower``: the loop that follows the feed for its subscribers, whatever they keep
* ``functions``     rows -> ``model.FunctionRecord``, the only form in which the data plane sees a function; activation
* ``events``        accept, claim, defer and settle asynchronous events
* ``group_writer``  many small units of work in one commit
* ``codestore``     packages by SHA-256, verified when read
* ``uploads``       packages on their way: sent by an account, and not yet a function's
* ``collecting``    packages that no version needs any more are removed
* ``errors``        ``StoreUnavailable`` and its kin: what everybody above may have to expect

There are three kinds of units of work. *Exclusive* ones (``Database.session``) run one after the other on both databases:
an operation reads, decides and writes, and what it has read stays true. *Shared* ones (``Database.shared``) are for events,
which depend on no other row. *Reading* ones (``Database.reading``) see one state and disturb nobody. Nothing is ever
half-written: a unit is committed as a whole, or leaves no trace.

The change feed::

    operation ── rows and one change, one commit ──▶ change 7 8 9        row 7 stays while a follower stands there
                                                            │
    ChangeFollower: heard at once, or polled ◀──────────────┘
        └─ Subscriber of the kind: ``apply`` what changed, or ``load`` everything

Changes are numbered, and become visible in the order of their numbers, so a follower that asks "what came after n" misses
nothing. It stands at the last number that it has applied, and now and then writes that position down; rows below the lowest
position are pruned. Whoever was away too long to be waited for finds the row of its own position gone, and loads everything.
A new kind of thing to follow is a member of ``ChangeKind``, a ``record_change`` in its operations, and a ``Subscriber``.

Everything but ``following`` and ``group_writer`` is synchronous: control-plane handlers run in threads, and nothing on the
warm path of an invocation comes here.
"""
