"""What outbound networking needs of a node, and what it says when that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from raylambda.node.sandbox.network.contract import NetworkUnavailable
from raylambda.node.sandbox.network.egress import EgressNetwork
from raylambda.node.sandbox.network.holder import check_programs, check_tunnel, may_administer, one_line, program_path
from raylambda.node.sandbox.network.node import Resolver, addresses_of
from raylambda.node.sandbox.network.rules import Service

pytestmark = pytest.mark.anyio


def test_missing_programs_are_named_with_the_way_out(tmp_path: Path) -> None:
    present = tmp_path / "ip"
    present.touch()
    present.chmod(0o755)

    with pytest.raises(NetworkUnavailable) as refused:
        check_programs(str(tmp_path))

    text = str(refused.value)
    assert text.startswith("Outbound networking needs slirp4netns, nft, nsenter")
    assert "apt-get install slirp4netns nftables iproute2" in text
    assert "RAYLAMBDA_NETWORK=none" in text
    assert "\n" not in text


def test_a_missing_tunnel_device_is_named(tmp_path: Path) -> None:
    with pytest.raises(NetworkUnavailable, match="tun"):
        check_tunnel(tmp_path / "tun")


def test_programs_of_administrators_are_found_too() -> None:
    assert {"/usr/sbin", "/sbin"} <= set(program_path().split(":"))


@pytest.mark.parametrize(
    ("effective", "may"),
    [("000001ffffffffff", True), ("0000000000000000", False), ("0000000000201000", True), ("0000000000001000", False)],
)
def test_network_and_system_administration_are_both_needed(effective: str, may: bool) -> None:
    assert may_administer(f"Name:\tpython\nCapPrm:\t000001ffffffffff\nCapEff:\t{effective}\n") is may


def test_only_the_last_words_of_a_program_are_told() -> None:
    assert one_line(b"first\nnft: no such table\n\n") == "nft: no such table"
    assert one_line(b"") == ""


async def test_an_entry_that_is_no_service_is_refused_before_anything_is_built() -> None:
    with pytest.raises(ValueError, match="not host:port"):
        await EgressNetwork.open(["database"])


@pytest.mark.parametrize("host", ["localhost", "host.raylambda.internal", "127.0.0.1"])
async def test_the_nodes_names_mean_its_loopback(host: str) -> None:
    assert [str(address) for address in await addresses_of(Service(host, 5432))] == ["127.0.0.1"]


async def test_an_unknown_name_has_no_address() -> None:
    assert await Resolver().resolve([Service("a..b", 1)]) == {Service("a..b", 1): ()}
