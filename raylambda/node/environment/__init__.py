"""One execution environment, its trusted side; and the host that holds many.

What comes in: ``StartEnvironment`` and ``Invocation`` from the scheduler, through ``Host``. What goes out:
``InvocationResult``, and by ``Host.events`` the log lines and the environments that ended by themselves.

::

    host.py           Host: the plain class that becomes a Ray actor; many environments, by id
     ├── outbox.py        what its one listener is told: log lines, exits
     ├── packages.py      the runtime_env's packages, for the jails
     ├── unrunnable.py    an environment of a version that this node cannot run
     └── environment.py   Environment: carries out what the life cycle decides
          ├── lifecycle.py     states and the table of transitions (pure), with events.py
          ├── run.py           the invocation that it has
          ├── runtime_api.py   the Runtime API; http_connection.py, http_request.py and listener.py below it
          ├── process.py       the runtime process: started, watched, killed
          ├── journal.py       what is logged and measured; platform_lines.py (pure), log_buffer.py
          ├── failures.py      what a caller reads when something fails (pure)
          └── variables.py     the runtime's environment variables (pure)

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
* an environment whose jail is gone says so (``reusable=False``, ``EnvironmentExited`` when it was idle).

Extensions will register in ``lifecycle.py`` and be served beside ``runtime_api.py`` by the same connections.
"""
