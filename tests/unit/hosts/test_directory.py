"""Hosts by their ids."""

from __future__ import annotations

import asyncio

import pytest

from raylambda.hosts.directory import HostDirectory
from raylambda.hosts.ports import Host, HostClass, HostLost
from raylambda.model.ray_options import RayOptions
from raylambda.testing.hosts import FakeCluster


def a_host(host_id: str) -> Host:
    async def make() -> Host:
        return await FakeCluster().create_host(host_id, HostClass("default", RayOptions()), 128)

    return asyncio.run(make())


def test_a_host_is_found_by_its_id_until_it_is_removed() -> None:
    directory, host = HostDirectory(), a_host("h1")
    directory.add(host)

    assert directory.find("h1") is host
    assert directory.remove("h1") is host

    assert directory.remove("h1") is None
    with pytest.raises(HostLost, match="h1"):
        directory.find("h1")


def test_the_hosts_may_change_while_they_are_gone_through() -> None:
    directory = HostDirectory()
    for host_id in ("h1", "h2"):
        directory.add(a_host(host_id))

    for host in directory:
        directory.remove(host.facts.host_id)

    assert len(directory) == 0
    assert not directory
