"""The jail and what goes into it: from a code package and a plan to a process that no other can disturb.

What comes in is a ``GuestSpec``: the tree of a version's code (``trees``, unpacked by ``archive``), the mounts and the command of
its runtime (``catalog``), a memory size. What goes out is a ``Guest``: a listening Runtime API socket, one runtime process at a
time, its output, and its end. ``sandbox`` is the contract; ``selection`` chooses who fulfils it on this node.

The way of a launch::

    bubblewrap   namespaces, mounts, seccomp, network slot      (process_isolation: nothing of it)
      process_one  vfork + exec, control socket, hello           <- bootstrap/init.py, process 1 of the guest
        guest        into its limits (limits, cgroups), then: run, exited, kill, close
          output       stdout and stderr to the host's sink
          memory_watch the part of memory that the kernel cannot count as we need it

Invariants:

* No code of a function runs before its guest is under its limits: process 1 starts nothing until it is told to.
* The host believes no guest. Process 1 starts trusted, but has the guest's own user; its reports are bounded, and one that is not an
  answer to a question ends that guest. Nothing that it sends is executed, unpickled, or used as a path.
* The end of a guest is made from outside and is complete: the first process is killed, and the kernel kills its namespace. It comes
  by itself when the host dies: bubblewrap by the death of its parent, process 1 by that of bubblewrap and by the closed socket.
* Secrets (environment variables) travel over the control socket, never in a command line.
"""
