"""Keeps web pages away from a front door that asks for no signature: whoever reaches it runs code.

A browser on this machine reaches loopback for every page that it shows. Three headers, which a page can neither leave out
nor choose, tell what a browser is doing:

* ``Host``            is the name in the address. A page whose own name was made to lead here (DNS rebinding) says that name
* ``Origin``          comes with everything but plain reads, and says whose page asks; ``null`` says that it will not say
* ``Sec-Fetch-Site``  comes with plain reads too, and says how far the page is from here (https://www.w3.org/TR/fetch-metadata/)

Only this front door's own origin passes. Another port of this machine is the ``same-site`` and somebody else's server all
the same, so it does not. Tools send neither ``Origin`` nor ``Sec-Fetch-Site``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from raylambda.model.errors import AccessDeniedException
from raylambda.model.host_name import Authority, own_form, read_authority

_DEFAULT_PORTS = {"http": 80, "https": 443}
_OWN_SITES = frozenset({"same-origin", "none"})
_QUOTED = 100
_ITS_NAMES = (
    "With RAYLAMBDA_AUTH=none this front door answers to localhost alone: "
    "use that name, or put the one that you need into RAYLAMBDA_HOST_NAMES."
)
_NO_PAGES = "With RAYLAMBDA_AUTH=none this front door answers no other web page: call it from a program, or set RAYLAMBDA_AUTH=sigv4."


@dataclass(frozen=True, slots=True)
class OwnNames:
    """What this front door may be called, beside loopback and the address that a connection came to.

    ``names`` are in the form of ``Authority.name``.
    """

    names: frozenset[str] = frozenset()

    def own(self, host: str, server: str | None) -> Authority | None:
        """What ``Host`` says when it means us; ``server`` is the address that the connection came to."""
        authority = read_authority(host)
        if authority is None:
            return None
        here = server is not None and authority.name == own_form(server)
        return authority if here or authority.is_loopback or authority.name in self.names else None


@dataclass(frozen=True, slots=True)
class RequestHead:
    """What the decision needs. Header names are in lower case; one that came twice is there twice."""

    method: str
    path: str
    headers: Sequence[tuple[bytes, bytes]]
    server: str | None

    def values(self, name: bytes) -> list[str]:
        return [value.decode("latin-1") for key, value in self.headers if key == name]


def refusal(head: RequestHead, names: OwnNames) -> str | None:
    """Why a request is refused, with what to do about it; ``None`` lets it pass."""
    hosts = head.values(b"host")
    host = names.own(hosts[0], head.server) if len(hosts) == 1 else None
    if host is None:
        return f"{_said('Host', hosts)}. {_ITS_NAMES}"
    origins = head.values(b"origin")
    sites = [site.strip().lower() for site in head.values(b"sec-fetch-site")]
    if any(not _same_origin(origin, host) for origin in origins) or len(origins) > 1:
        return f"{_said('Origin', origins)}. {_NO_PAGES}"
    if any(site not in _OWN_SITES for site in sites) and not _is_followed_link(head):
        return f"{_said('Sec-Fetch-Site', sites)}. {_NO_PAGES}"
    return None


def _same_origin(origin: str, host: Authority) -> bool:
    scheme, _, rest = origin.lower().partition("://")
    default, authority = _DEFAULT_PORTS.get(scheme), read_authority(rest)
    if default is None or authority is None:
        return False
    return (authority.name, authority.port or default) == (host.name, host.port or default)


def _is_followed_link(head: RequestHead) -> bool:
    """A person who opens our own page from somewhere else; that page does nothing and cannot be put into a frame."""
    opened = (head.values(b"sec-fetch-mode"), head.values(b"sec-fetch-dest")) == (["navigate"], ["document"])
    return opened and head.method == "GET" and head.path == "/"


def _said(header: str, values: Sequence[str]) -> str:
    """What came, shortened, with nothing in it that a terminal or a log could take for something else."""
    if not values:
        return f"The request has no {header}"
    return f"The request's {header} is {', '.join(ascii(value[:_QUOTED]) for value in values[:3])}"


class BrowserGuard:
    """ASGI middleware: refuses with 403, before anything of the body is read."""

    def __init__(self, app: ASGIApp, names: OwnNames) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            server = (scope.get("server") or (None,))[0]
            head = RequestHead(scope["method"], scope["path"], scope["headers"], server)
            reason = refusal(head, self._names)
            if reason is not None:
                raise AccessDeniedException(reason)
        await self._app(scope, receive, send)
