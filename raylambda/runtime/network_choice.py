"""Which network guests get: the one that ``RAYLAMBDA_NETWORK`` names."""

from __future__ import annotations

from collections.abc import Sequence

from raylambda.runtime.egress import EgressNetwork, no_cluster
from raylambda.runtime.egress_outbound import ClusterAddresses
from raylambda.runtime.network import HostNetwork, Network, NoNetwork


async def open_network(choice: str, allow: Sequence[str] = (), cluster: ClusterAddresses = no_cluster) -> Network:
    """``egress``, ``none`` or ``host``; raises ``NetworkUnavailable`` when this node cannot give it.

    ``allow`` and ``cluster`` (see ``EgressNetwork.open``) matter for ``egress`` only.
    """
    if choice == "egress":
        return await EgressNetwork.open(allow, cluster)
    if choice == "host":
        return HostNetwork()
    if choice == "none":
        return NoNetwork()
    raise ValueError(f"{choice!r} is no network: egress, none or host")
