"""The simple networks: none, and the node's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from raylambda.node.sandbox.network.contract import HostNetwork, NoNetwork

pytestmark = pytest.mark.anyio


async def test_without_a_network_the_jail_makes_an_empty_one() -> None:
    network = NoNetwork()

    slot = await network.take()

    assert (slot.argv_prefix, slot.unshare, slot.private) == ((), True, True)
    assert slot.files == {"/etc/resolv.conf": "", "/etc/hosts": "127.0.0.1 localhost\n"}
    assert network.warnings() == ()


async def test_the_nodes_own_network_is_shared_and_said_to_be_weaker(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n10.0.0.1 database\n")
    network = HostNetwork(resolver_file=tmp_path / "missing", hosts_path=hosts)

    slot = await network.take()

    assert (slot.argv_prefix, slot.unshare, slot.private) == ((), False, False)
    assert slot.files["/etc/resolv.conf"] == ""
    assert slot.files["/etc/hosts"].splitlines()[1:] == ["10.0.0.1 database", "127.0.0.1 host.raylambda.internal"]
    assert "RAYLAMBDA_NETWORK=host" in network.warnings()[0]


async def test_each_guest_has_a_slot_of_its_own_that_may_be_given_back_twice() -> None:
    network = NoNetwork()
    first, second = await network.take(), await network.take()

    await network.give_back(first)
    await network.give_back(first)

    assert first.slot_id != second.slot_id
