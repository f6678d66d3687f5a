"""Who runs an event, and where: the way of an invocation from a name to an execution environment and back.

What comes in is a ``Call`` (an event for a function by name), what goes out a ``Completion``, or an error of AWS's. The
path is ``Invoker._attempt``, five calls: resolve, admit, place, run, settle. Warm, it makes no SQL and nothing but the one
call to the host.

* ``registry``     resolve: every function by heart; ``follower`` keeps it in step with the store's change feed
* ``admission``    admit: units of concurrency, reserved and shared
* ``fleet``        place: the decider that knows all hosts and environments
* ``shell``        feeds the fleet and hands its leases to the invoker; ``host_keeper`` carries out what it decides
* ``ports``        what a host and a cluster are; ``actor`` has them over Ray, ``raylambda.testing.hosts`` in memory
* ``invoker``      the path itself

Decide apart from do. ``admission`` and the fleet are pure: they import no asyncio, no Ray, no SQL, and are told the time.
The fleet takes one event (``fleet_events``, past tense) and returns commands (imperative); it is made of

* ``fleet_state``  the books: hosts, environments with their states and transitions, pools
* ``placements``   who waits for an environment, and who gets which
* ``capacity``     where there is room on the hosts that run; ``placement`` chooses, ``keep_alive`` expires
* ``host_supply``  when a host is made, kept or released
* ``environment_events``, ``host_events``  what follows when one of them changes
* ``fleet_audit``  invariants (``check``) and description, for tests and for people

A *pool* holds the environments that can stand in for each other: one generation of one version of one function. A
*placement* is a caller that waits for one; it ends as one *lease* or one refusal. Invariants, checked after every event in
the property tests: nobody waits beside an idle environment of the pool; every placement has a start under way or its pool is
tried again whenever room may have come; a host's memory is never given out twice; each lease is returned once, whatever
dies, and an answer about something that is gone changes nothing.

Nothing about environments is ever stored: when this process ends, its hosts end with it.
"""
