"""What the platform tells people: the logs of functions, and the log of its own processes.

* ``logs``      ``LogKeeper``: hosts' log lines in, kept with retention, read and followed by ``raylambda logs``
* ``logfiles``  how they lie on disk
* ``setup``     structlog for our own processes, with secrets blotted out

The log of a function is user data from its first byte: names of groups and streams never become parts of a path, lines
are stored as JSON whatever they contain, files have mode 0600, and a function that writes without end fills its own hourly
allowance, not the disk. Lines lie in the order in which they were appended, in one file per group and hour (UTC), so that
retention is deletion of files, and a reader needs to remember only a file name and an offset. Reading goes backwards from
the end and stops at its limit: memory is bounded by the limit, not by the log.
"""
