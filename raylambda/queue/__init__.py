"""Asynchronous events: accepted before the 202, run at least once, retried as AWS retries (lambda-reference.md 14).

::

    front door ── accept ──▶ event row ── claim ──▶ attempt ──▶ settled: the row is gone
                                ▲                      │
                                └──── put off ◀────────┘

* ``acceptance``   commits the event; when ``accept`` has returned, no crash loses it
* ``dispatcher``   the loop: look, claim, run side by side, conclude; one per front door, any number per store
* ``claims``       what a dispatcher has in hand: leases, renewed while events run
* ``attempt``      one invocation, and its outcome in the words of the rules
* ``rules``        pure: outcome and time -> settled, retry at, exhausted, dropped
* ``settlement``   who is told how an event ended: the seam of destinations and dead-letter queues
* ``writer``       many small units of work in one commit

Invariants: an event row exists from its acceptance until its ending is known. An attempt is made only under a claim, and
a claim has one holder. Every attempt has the request id of the acceptance. Function errors are retried ``retries`` times;
throttles and failures of ours consume no attempt, and only the event's age ends them. What a crash leaves is a claim that
runs out, never a lost event; so a function may run more than once for one event, as on AWS.
"""
