"""The seam between a caller and a host: what a host is, how a caller gets an environment on one, and hosts over Ray.

A host is a slice of a node that runs environments (``raylambda.node``). Callers know it by its id and by the protocol
``Host``; what carries a call is nobody's business above. Nothing here imports ``raylambda.node``: both ends speak
``model.environment`` and ``model.invocation``, and only ``boot`` names the actor's class.

* ``ports``         what a host is, what makes hosts, where code packages are found: protocols, with their promises
* ``placing``       how a caller gets an environment for one call and gives it back: leases and refusals
* ``directory``     the hosts that run, by their ids
* ``listener``      hears one host, to its last words: log lines go to the log sink, exits of environments to the fleet
* ``ray_hosts``     ``Host`` and ``Cluster`` over Ray: a host is an actor, a call an actor task
* ``ray_packages``  code packages in Ray's object store, put there once for all nodes
* ``ray_options``   how large a host is, which Ray options make it, and what a cluster lacks for it; pure

A socket path to a host would be ``socket_hosts`` beside ``ray_hosts``, with its far end beside ``node/host_actor.py``.

What goes wrong is one of few things, and every implementation says which: ``HostLost`` (gone; the event may have run),
``NoSuchEnvironment`` (the event has not run), ``EnvironmentStopped`` (it may have), ``StartRefused``, and for a host that is
to be made ``Unplaceable``, ``HostUnfit`` or ``HostNotMade``. ``raylambda.testing.hosts`` has hosts in memory that pass the
same tests (``tests/contract/host_contract.py``).
"""
