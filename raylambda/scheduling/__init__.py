"""Who may run an event, and on what: the way of an invocation from a name to an environment and back.

What comes in is a ``Call`` (an event for a function by name), what goes out a ``Completion``, or an error of AWS's. The
path is ``Invoker._attempt``: resolve, lease (admit and place), run, settle. Warm, it makes no SQL, waits for nothing but the
host's answer, and makes the one call to the host.

* ``invoker``     the path itself
* ``registry``    resolve: every function by heart
* ``leases``      lease: a unit of concurrency and an environment, or neither (``hosts.placing.Placing`` on ``fleet``)
* ``admission``   units of concurrency, reserved and shared; pure
* ``tally``       what functions have done, counted for people; pure
* ``follower``    keeps registry, admission and fleet in step with the store: the subscriber of ``store.following``

Invariants, checked in the property tests: as many units are out as leases and callers that wait for one; every lease is
given back once, however its call ends; what was admitted never exceeds a limit that was there at the time. A caller that is
cancelled gives up the answer, not the invocation.
"""
