"""Which hosts there are, and which environments on them: the decider about both, and its driver; one per cluster.

What comes in is a request for an environment of a function version, what goes out a lease of one, or a refusal with its
reason. Beside that it hears what becomes of hosts and environments, and which versions still serve.

Decide apart from do. The decider is pure: no asyncio, no Ray, no clock; it takes one event (past tense) with the time, and
returns commands (imperative).

* ``events``              what the fleet is told, and what it wants done
* ``fleet``               the decider: what follows from each event
* ``state``               the books: hosts, environments with their states and transitions, pools, and what is lately over
* ``placements``          who waits for an environment, who gets which, and who was refused
* ``capacity``            starts environments where there is room, makes it where it must, and stops environments
* ``host_choice``         which host gets an environment, and which idle ones make room for it
* ``host_supply``         when a host is made, kept as head-room, given up for another class, or released
* ``policy``              how the fleet is told to behave: limits, keeping of idle environments, rate of starts
* ``audit``               what must hold in the books after every event
* ``explain``             what there is, and why one function gets what it gets, for people
* ``driver``              tells the fleet events, has its commands carried out, hands its leases over
* ``host_keeper``         carries out the orders about hosts: makes, listens (``hosts.listener``), releases
* ``environment_orders``  carries out the orders about environments: boots and stops them

A *pool* holds the environments that can stand in for each other: one generation of one version of one function. A
*placement* is a caller that waits for one; it ends as one *lease* or one refusal. Hosts come in *classes*, by the Ray
options of their functions; at most one host of a class is being made at a time.

Invariants, checked after every event in the property tests: nobody waits beside an idle environment of the pool; every
placement has a start under way, or its pool is *starved*, that is, tried again whenever room may have come; a host's memory
is never given out twice; a lease ends once, whatever dies; an answer about something that is gone changes nothing.

Nothing about environments is ever stored: when this process ends, its hosts end with it. Log lines do not come through here.
"""
