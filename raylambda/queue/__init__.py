"""Asynchronous events: accepted before the 202, run at least once, retried as AWS retries (lambda-reference.md 14).

::

    front door ── accept ──▶ event row ── claim ──▶ attempt ──▶ settled: the row is gone
                                ▲                      │
                                └───── defer ◀─────────┘

* ``dispatcher``  ``Acceptance`` commits an event: when ``accept`` has returned, no crash loses it. ``Dispatcher`` is the loop:
  look, claim, run side by side, conclude; one per front door, any number per store
* ``claims``      what a dispatcher has in hand: leases, renewed while events run; ``DispatchSettings``, its bounds
* ``attempt``     one invocation, and its outcome in the words of the rules
* ``rules``       pure: outcome and time -> settled, retry at, exhausted, dropped
* ``settlement``  who is told how an event ended: the seam of destinations and dead-letter queues

Rows and leases are written by ``store.events``, many in one commit by ``store.group_writer``. What comes in is a ``Call``,
what goes out is a ``Settlement``. A *claim* is a lease on one event's row; to *defer* is to give the row back until a later time.

Invariants: an event row exists from its acceptance until its ending is known. An attempt is made only under a claim, and
a claim has one holder. Every attempt has the request id of the acceptance. Function errors are retried ``retries`` times;
throttles and failures of ours consume no attempt, and only the event's age ends them. What a crash leaves is a claim that
runs out, never a lost event; so a function may run more than once for one event, as on AWS.
"""
