"""Networks for guests: none, the node's own, or outwards only.

What comes in: ``RAYLAMBDA_NETWORK``, ``RAYLAMBDA_EGRESS_ALLOW``, and the addresses of the cluster. What goes out is a ``NetworkSlot``
for each guest: how its jail enters a network namespace, and the files that it sees in ``/etc``.

::

    contract.py   Network and its slots; the two simple ones, none and the node's own
    egress.py     EgressNetwork: outwards, and neither to the node, nor to the cluster, nor to other guests
    pool.py       guests' namespaces made ahead, and their numbers
    outbound.py   the outbound namespace of a host process, kept alive and in accordance with the facts
    holder.py     the process that holds the namespaces, and what is run inside
    node.py       what the node says: routes, resolvers, names, and when they change
    rules.py      who may reach what, as text for the packet filter (pure)
    scripts.py    command lines and shell scripts (pure)

What holds:

* rules stand before any packet goes out, and are replaced in one transaction when facts change;
* the node's own firewall, routes and kernel settings are never changed;
* when the host process dies the holder's input ends, and everything made here goes with it.
"""
