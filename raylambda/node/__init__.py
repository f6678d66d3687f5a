"""Everything that runs on a node, beside guests: a host with its execution environments, and the jails that these live in.

What comes in: ``HostSettings`` from ``boot``, then ``StartEnvironment`` and ``Invocation`` (``model``) from the hosts' side of the
seam, ``hosts/``. What goes out: ``EnvironmentStarted``, ``InvocationResult``, and by ``Host.events`` log lines and the environments
that ended by themselves. Nothing else of the platform is known here: no store, no front door, no fleet.

::

    host_actor.py     the host as Ray carries it; boot makes a Ray actor class of it
    host.py           Host: many environments, by the ids that the fleet chose
     ├── host_parts.py   what a host is made with and stands on; with host_actor.py all that knows Ray
     ├── host_folder.py  the folder that one host alone writes to, and those of hosts that were killed
     ├── trees/          the code: each package is unpacked and compiled once on a node, and goes when nobody uses it
     ├── runtimes/       what runs a function version here: languages, interpreters, and what they run in the jail
     ├── launch.py       from a runtime's plan to a jail and a command (pure)
     ├── runtime_env.py  the packages that Ray installed for this host
     ├── sandbox/        the jail: launched, limited, connected, ended
     └── environment/    one environment, trusted side: life cycle, Runtime API, log

The way of a start: the code tree, the plan of the runtime, the jail, the environment with its INIT. A runtime that this node lacks
is no failure of the start: the environment then answers every invocation with the reason.

What holds:

* all runs in the event loop of one process; what blocks goes to a thread;
* ``node`` imports ``artifacts`` and ``model``, and of Ray only what the two files above say;
* when the host dies, however it dies, its guests die, and the next host of the node removes what is left.
"""
