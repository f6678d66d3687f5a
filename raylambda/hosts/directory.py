"""The hosts that run, by their ids."""

from __future__ import annotations

from collections.abc import Iterator

from raylambda.hosts.ports import Host, HostLost


class HostDirectory:
    """Whoever makes and releases hosts adds and removes them (``fleet.host_keeper``); everybody else finds them here.

    A lease or an order names its host by id only, so what carries the call is looked up when the call is made.
    """

    def __init__(self) -> None:
        self._hosts: dict[str, Host] = {}

    def add(self, host: Host) -> None:
        self._hosts[host.facts.host_id] = host

    def remove(self, host_id: str) -> Host | None:
        """Forget the host and return it; ``None`` when it is not there (any more)."""
        return self._hosts.pop(host_id, None)

    def find(self, host_id: str) -> Host:
        """Raises ``HostLost`` when the host is not there: it never comes back under its id."""
        host = self._hosts.get(host_id)
        if host is None:
            raise HostLost(f"host {host_id} is not there any more")
        return host

    def __iter__(self) -> Iterator[Host]:
        """The hosts as they are now; they may change meanwhile."""
        return iter(tuple(self._hosts.values()))

    def __len__(self) -> int:
        return len(self._hosts)
