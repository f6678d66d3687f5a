"""From labels, query and body to an answer: bind, authorize, call, render."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, get_origin

from raylambda.model.errors import SerializationException
from raylambda.services.protocol.operation import Context, Operation
from raylambda.services.protocol.validation import bind
from raylambda.services.protocol.wire import render

_WITH_BODY = frozenset({"POST", "PUT"})
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the client gets; the front door adds the request id."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def answer(
    operation: Operation,
    context: Context,
    labels: Mapping[str, str],
    query: Mapping[str, Sequence[str]],
    body: bytes,
) -> Answer:
    """Run one operation of the table in the session of ``context``; raises ``LambdaError``.

    ``labels`` and ``query`` are percent-decoded. The caller owns the transaction: it commits after an answer and rolls back
    after an error. An operation without a handler is the front door's own, and must not come here.
    """
    if operation.handler is None or operation.resource is None:
        raise ValueError(f"{operation.name} is served by the front door")
    document = _parsed(body) if operation.method in _WITH_BODY else {}
    document |= _members_of_query(operation, query)
    document |= labels
    _refuse_unstorable(document)
    request = bind(operation.request, document)
    resource = operation.resource(context.principal, request)
    context.authorize(resource.arn)
    result = operation.handler(context, request, resource)
    if result is None:
        return Answer(operation.status)
    return Answer(operation.status, {"Content-Type": "application/json"}, render(result))


def _parsed(body: bytes) -> dict[str, Any]:
    """The members of a JSON object; ``null`` is the same as absent, an empty body the same as ``{}``."""
    if not body:
        return {}
    try:
        document = json.loads(body.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise SerializationException("Could not parse request body into json.") from None
    if not isinstance(document, dict):
        raise SerializationException("Could not parse request body into json: an object is expected.")
    return {name: value for name, value in document.items() if value is not None}


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _members_of_query(operation: Operation, query: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    lists = {spec.alias for spec in operation.request.model_fields.values() if get_origin(spec.annotation) is list}
    members: dict[str, Any] = {}
    for name in operation.query:
        values = query.get(name, ())
        member = name[:1].upper() + name[1:]
        if values:
            members[member] = list(values) if member in lists else values[0]
    return members


def _refuse_unstorable(document: Mapping[str, Any]) -> None:
    """No member takes U+0000 or half a surrogate pair, and neither do SQL text nor the environment of a process."""
    try:
        found = any("\0" in text or (not text.isascii() and _SURROGATE.search(text)) for text in _texts(document))
    except RecursionError:
        found = True
    if found:
        raise SerializationException("Illegal character in the request.")


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
