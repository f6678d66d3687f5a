"""Host and port as URLs and ``Host`` headers have them, in the one form in which names are compared. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address

_AUTHORITY = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[A-Za-z0-9._-]{1,255}))(?::(?P<port>[0-9]{0,5}))?"
)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Authority:
    """``name`` is in lower case and without the dot of the root; an address is in its shortest form, without brackets.

    ``port`` is ``None`` where the text has none.
    """

    name: str
    port: int | None

    @property
    def is_loopback(self) -> bool:
        """An address that leads to this machine only, or a name that browsers and resolvers take for one (RFC 6761)."""
        address = _address(self.name)
        if address is not None:
            return address.is_loopback
        return self.name == "localhost" or self.name.endswith(".localhost")


def read_authority(text: str) -> Authority | None:
    """``Example.org.:80``, ``[::1]:8470``; ``None`` for whatever else there may be: user names, zones, blanks, several.

    Numbers that browsers would make an address of (``127.1``, ``0x7f000001``) are none here: they send the address itself.
    """
    found = _AUTHORITY.fullmatch(text)
    if found is None:
        return None
    port = int(found["port"]) if found["port"] else None
    name = _name(found["name"]) if found["v6"] is None else _bracketed(found["v6"])
    if name is None or (port is not None and port > 65_535):
        return None
    return Authority(name, port)


def own_form(address: str) -> str:
    """An address as a socket says it, in the form of ``Authority.name``."""
    found = _address(address.partition("%")[0])
    return address if found is None else str(found)


def _name(text: str) -> str | None:
    name = text.lower().removesuffix(".")
    labels = name.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        return None
    if _NUMBER.fullmatch(labels[-1]):
        # https://url.spec.whatwg.org/#ends-in-a-number-checker: such a name is an address or nothing.
        address = _address(name)
        return None if address is None else str(address)
    return name


def _bracketed(text: str) -> str | None:
    address = _address(text) if ":" in text else None
    return None if address is None else str(address)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """IPv4 in IPv6 is the IPv4 address that it leads to."""
    try:
        if ":" not in text:
            return IPv4Address(text)
        address = IPv6Address(text)
    except AddressValueError:
        return None
    return address.ipv4_mapped or address
