"""What functions wrote: kept for days, read from the end, followed.

* ``writer``      ``LogWriter``: hosts' log lines in
* ``reader``      ``LogReader``: lines out, as many as a ``LogQuery`` asks for, and those that come
* ``requests``    whose a line is: which invocation wrote it
* ``files``       how they lie on disk; ``expire_logs`` removes what is too old
* ``collection``  which groups of deleted functions go when they take too much room

The way of a line: a function writes it; ``node.sandbox.output`` reads the pipe, ``node.environment.logging`` makes lines and
keeps them in the host's outbox; ``hosts.listener`` fetches them (``Host.events``) and hands them to ``LogWriter.append``;
``LogReader`` gives them to ``frontdoor.own_paths``, which is what `raylambda logs` asks.

The log of a function is user data from its first byte: names of groups and streams never become parts of a path, lines
are stored as JSON whatever they contain, files have mode 0600, and a function that writes without end fills its own hourly
allowance, not the disk. Lines lie in the order in which they were appended, in one file per group and hour (UTC), so that
retention is deletion of files, and a reader needs to remember only a file name and an offset. Reading goes backwards from
the end and stops at its limit: memory is bounded by the limit, not by the log.

The files are all that writer and reader share; a writer of the same process tells the reader of each append
(``LogReader.wake``), so that who follows a group waits for nothing.
"""
