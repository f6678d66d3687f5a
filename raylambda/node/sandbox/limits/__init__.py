"""Memory and process limits of guests: cgroups where this node lets us, otherwise a watcher that reads /proc.

*Memory* is what processes hold themselves (anonymous memory): neither page cache nor the files in /tmp, which have a limit of
their own, as on AWS. The kernel cannot leave a tmpfs out of a cgroup's account, so the cgroup's hard limit is memory plus what /tmp
may hold, and the memory watch looks at the anonymous part alone.

======================  ===============================  ================================  =========================
implementation          needs                            over the memory limit             more than 1,024 tasks
======================  ===============================  ================================  =========================
``Cgroups``, version 1  writable memory and pids          killed by the kernel or watch     fork fails
``Cgroups``, version 2  delegated memory and pids         killed by the kernel or watch     fork fails
``Watched``             nothing                           killed by the watch               killed by the watch
======================  ===============================  ================================  =========================

::

    contract.py        what limits of one guest, and their maker, promise
    cgroups.py         where this process may make cgroups; those of dead hosts are removed
    cgroup_limits.py   limits by cgroups
    watched_limits.py  limits by looking
    memory_watch.py    looks at all guests of a host, and tells who is over

What comes in is a guest's name, memory and ``/tmp`` size. What goes out is what stands before its command line, and what it uses.

What holds: a guest is under its limits before it starts anything; what is made here is given back when its last process is gone,
and what a killed host leaves is removed by the next one of the node.
"""
