"""One execution environment, its trusted side.

What comes in: a guest that is launched, the command of its runtime, and invocations. What goes out: ``EnvironmentStarted``,
``InvocationResult``, lines in the function's log, and one word when the environment ends while nobody uses it.

::

    environment.py    Environment: carries out what the life cycle decides; and the one of a version that this node cannot run
     ├── lifecycle.py    states and the table of transitions (pure)
     ├── events.py       what the life cycle is told, and what it says to do (pure)
     ├── run.py          the invocation that the environment has
     ├── process.py      the runtime process: started, watched, killed
     ├── timers.py       the seam through which it is woken up
     ├── failures.py     what a caller reads when something fails (pure)
     ├── variables.py    the runtime's environment variables (pure)
     ├── guest_api/      what the guest asks over HTTP: the Runtime API
     └── logging/        what is logged, measured and told

The life of an environment: INIT runs in ``start`` (10 s at most). A failed INIT is no failure of the start: the next
invocation repeats it, on its own time. An invocation ends with the runtime's answer, with its timeout, or with the end of
the process; after the last two the runtime is killed, ``/tmp`` stays, and the next invocation begins with an INIT. The
caller has its answer as soon as the runtime gave it; the environment is free when the runtime asks for the next event, and
an invocation that arrives in between waits for that. ``docs/environment-states.md`` has the picture.

What holds:

* everything of an environment happens in the host's event loop; deciders are pure and told the time;
* the guest is hostile: nothing it sends, or does not send, costs another environment more than a few callbacks, and what is
  kept of it is bounded (connections, heads, bodies, lines, the lines that wait);
* an invocation gets exactly one end, and an event that may have reached the runtime is never run again from here;
* an environment whose jail is gone says so (``reusable=False``, ``EnvironmentExited`` when it was idle);
* ``describe`` tells people whose environment it is, where it is, and how it came to be there.

Extensions will register in ``lifecycle.py`` and have an API of their own in ``guest_api``.
"""
