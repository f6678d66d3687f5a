"""The first thing that happens to a request: its body is read, and whose it is becomes known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request

from raylambda.frontdoor.answers import REQUEST_ID
from raylambda.frontdoor.auth.credential import ReceivedRequest
from raylambda.frontdoor.auth.signature import Authenticator, Confirm
from raylambda.frontdoor.bodies import BodyLimit, read_body
from raylambda.frontdoor.routing import parse_query
from raylambda.model.errors import RequestEntityTooLargeException
from raylambda.model.host_name import Authority, read_authority
from raylambda.model.limits import REQUEST_BYTES
from raylambda.model.principal import Principal


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request that was read whole and whose principal is known. Labels and query are decoded; header names in lower case."""

    request_id: str
    principal: Principal
    labels: Mapping[str, str]
    query: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    body: bytes

    def parameter(self, name: str) -> str | None:
        """The first value of a query parameter."""
        return self.query.get(name, (None,))[0]


class Receiver:
    """Makes arrivals of requests. Nothing of a request is believed before the authenticator has named its principal."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def receive(self, request: Request, limit: BodyLimit) -> Arrival:
        """Raises the limit's error, AWS's 403s, and ``ClientDisconnect``."""
        scope = request.scope
        confirm, headers, query = self._examine(request)
        body = await read_body(request.receive, headers.get("content-length"), limit)
        principal = confirm(body.sha256)
        return Arrival(scope[REQUEST_ID], principal, scope["path_params"], query, headers, body.data)

    def admit(self, request: Request, body_sha256: str) -> Principal:
        """Whose request it is, before its body is read: for one that says itself which digest the body is going to have."""
        confirm, _, _ = self._examine(request)
        return confirm(body_sha256)

    def _examine(self, request: Request) -> tuple[Confirm, Mapping[str, str], Mapping[str, Sequence[str]]]:
        """The other half of the authentication, headers and query."""
        scope = request.scope
        headers = [(name.decode("latin-1"), _text(value)) for name, value in scope["headers"]]
        query = parse_query(scope["query_string"])
        received = ReceivedRequest(scope["method"], scope["raw_path"].decode("latin-1"), headers, query)
        return self._authenticator.examine(received), dict(reversed(headers)), query


def operation_limit(operation: str) -> BodyLimit:
    """AWS's limit of a whole request, in AWS's words."""
    text = f"Request must be smaller than {REQUEST_BYTES} bytes for the {operation} operation"
    return BodyLimit(REQUEST_BYTES, lambda _size: RequestEntityTooLargeException(text))


def base_url(request: Request, believe: Callable[[str], Authority | None] = read_authority) -> str:
    """The address under which this client reached us: as it says itself, where that can be believed."""
    host = request.headers.get("host", "")
    if believe(host) is None:
        server, port = request.scope.get("server") or ("localhost", None)
        shown = f"[{server}]" if ":" in server else server
        host = shown if port is None else f"{shown}:{port}"
    return f"{request.scope['scheme']}://{host}"


def _text(value: bytes) -> str:
    """Clients sign the text of a header, and send it in either of these encodings."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
