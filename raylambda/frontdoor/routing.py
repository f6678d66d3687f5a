"""Routes on the raw path: a label is decoded once, after splitting on ``/`` (lambda-reference.md 1).

Starlette routes on the decoded path, where the ``%2F`` of an ARN in one label would look like a border between labels. A
trailing slash is accepted everywhere and never redirected: older SDKs send one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

Endpoint = Callable[[Request], Awaitable[Response]]

_SEGMENTS = "raylambda.segments"
_NO_LABEL = frozenset({"", ".", ".."})  # signatures are made over normalized paths, in which these do not exist


def split_path(raw_path: str) -> tuple[str, ...]:
    """The segments of a raw path, not decoded, without the leading slash and one trailing slash."""
    return tuple(raw_path.removeprefix("/").removesuffix("/").split("/"))


def parse_query(query_string: bytes) -> dict[str, list[str]]:
    """Decoded query parameters, each with all its values; a parameter without ``=`` has the value ``""``."""
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(query_string.decode("latin-1"), keep_blank_values=True):
        query.setdefault(name, []).append(value)
    return query


class PathTemplate:
    """One method and path such as ``/2015-03-31/functions/{FunctionName}``; ``select`` must be in the query when given."""

    def __init__(self, method: str, path: str, select: tuple[str, str] | None = None) -> None:
        self.method = method
        self._parts = split_path(path)
        self._select = select

    def labels(self, scope: Scope) -> Mapping[str, str] | None:
        """The decoded labels of a request that this template describes, otherwise ``None``."""
        if scope["type"] != "http" or scope["method"] != self.method:
            return None
        segments = _segments(scope)
        if len(segments) != len(self._parts):
            return None
        labels = {}
        for part, segment in zip(self._parts, segments, strict=True):
            if part.startswith("{"):
                if segment in _NO_LABEL:
                    return None
                labels[part[1:-1]] = unquote(segment)
            elif part != segment:
                return None
        if self._select is not None:
            name, value = self._select
            if value not in parse_query(scope["query_string"]).get(name, []):
                return None
        return labels


def _segments(scope: Scope) -> tuple[str, ...]:
    """Split once for all templates that look at this request."""
    if _SEGMENTS not in scope:
        scope[_SEGMENTS] = split_path(scope["raw_path"].decode("latin-1"))
    segments: tuple[str, ...] = scope[_SEGMENTS]
    return segments


def _match(template: PathTemplate, route: Route, scope: Scope) -> tuple[Match, Scope]:
    labels = template.labels(scope)
    if labels is None:
        return Match.NONE, {}
    return Match.FULL, {"endpoint": route.endpoint, "path_params": labels}


class RawRoute(Route):
    """A plain Starlette route: nothing between the request and ``endpoint``."""

    def __init__(self, method: str, path: str, endpoint: Endpoint) -> None:
        super().__init__(path, endpoint, methods=[method])
        self._template = PathTemplate(method, path)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return _match(self._template, self, scope)


class OperationRoute(APIRoute):
    """A FastAPI route, so that the operation stands in the OpenAPI document, as ``uri``, with what ``documented`` says of it."""

    def __init__(self, template: PathTemplate, uri: str, endpoint: Endpoint, documented: Mapping[str, Any]) -> None:
        super().__init__(uri, endpoint, methods=[template.method], **documented)
        self._template = template

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return _match(self._template, self, scope)
