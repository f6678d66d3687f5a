"""The jail: from a code tree and a plan to a process that no other can disturb.

What comes in is a ``GuestSpec``: the tree of a version's code, the mounts of its runtime, a memory size; then a ``RuntimeCommand``.
What goes out is a ``Guest``: a listening Runtime API socket, one runtime process at a time, its output, and its end.

The way of a launch::

    contract             what every sandbox promises; where the bootstrap lies
    selection            who fulfils it on this node, tried out
    bubblewrap           namespaces, mounts, network slot      (process_isolation: nothing of it)
      seccomp              the system calls that a guest may not make
      network/             a network for each guest
      process_one          vfork + exec, hello, questions and answers   <- runtimes/bootstrap/init.py, process 1 of the guest
        control_socket       the host's end of the control socket
        control_protocol     its frames, as bytes (pure)
        guest                into its limits, then: run, exited, kill, close
          limits/              memory and processes
          output               stdout and stderr to the host's sink

What a guest sees of files: its code tree at ``TASK_ROOT``, the bootstrap, and each of ``GuestSpec.mounts``, all bound read-only by
``bubblewrap``. ``OPT_ROOT`` is an empty folder. Layers are to be bound there in the same way: ``trees`` unpacks a package, as it
does a function's, ``launch`` adds a mount, and the search paths of ``runtimes`` name ``/opt`` already.

Invariants:

* No code of a function runs before its guest is under its limits: process 1 starts nothing until it is told to.
* The host believes no guest. Process 1 starts trusted, but has the guest's own user; its reports are bounded, and one that is not an
  answer to a question ends that guest. Nothing that it sends is executed, unpickled, or used as a path.
* The end of a guest is made from outside and is complete: the first process is killed, and the kernel kills its namespace. It comes
  by itself when the host dies: bubblewrap by the death of its parent, process 1 by that of bubblewrap and by the closed socket.
* Secrets (environment variables) travel over the control socket, never in a command line.
"""
