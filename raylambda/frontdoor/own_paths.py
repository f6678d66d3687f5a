"""Our own additions, below ``/_raylambda/``: health, status and the logs of functions."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from raylambda.frontdoor.arrival import Arrival, Receiver, operation_limit
from raylambda.frontdoor.front_door import FrontDoorParts
from raylambda.logs.reader import END_OF_TIME_MS, READ_LIMIT, LogQuery
from raylambda.logs.requests import LineOf
from raylambda.model.addressing import AccountAddress, Address, locate
from raylambda.model.errors import InvalidParameterValueException
from raylambda.model.function import LATEST
from raylambda.model.log_names import default_log_group, log_group_of, stream_mark
from raylambda.store.functions import load_function

JSON_LINES = "application/x-ndjson"


class OwnPaths:
    """The endpoints."""

    def __init__(self, parts: FrontDoorParts, receiver: Receiver) -> None:
        self._parts = parts
        self._receiver = receiver

    async def health(self, _request: Request) -> Response:
        """``GET /_raylambda/health``, without a signature: 200 once invocations can be served, otherwise 503."""
        if self._parts.healthy():
            return JSONResponse({"status": "healthy"})
        return JSONResponse({"status": "starting"}, 503)

    async def status(self, request: Request) -> Response:
        """``GET /_raylambda/status``: what the platform says of itself, to this principal.

        Query: ``detail=all`` tells the stories too; ``function`` (a name or an ARN) wants those of one function.
        """
        arrival = await self._receiver.receive(request, operation_limit("Status"))
        principal, detail, name = arrival.principal, arrival.parameter("detail"), arrival.parameter("function")
        if detail not in {None, "all"}:
            raise InvalidParameterValueException("detail is `all`, or is left out.")
        if name is not None and detail is None:
            raise InvalidParameterValueException("function goes with detail=all.")
        function = None if name is None else locate(principal, name)
        resource = function or AccountAddress(principal.account, principal.region)
        self._parts.authorize(principal, "raylambda:Status", resource.arn)
        return JSONResponse(
            await self._parts.status(principal, detail is not None, None if function is None else function.name)
        )

    async def logs(self, request: Request) -> Response:
        """``GET /_raylambda/functions/{FunctionName}/logs``: lines of JSON, ``{"time": ms, "stream": .., "message": ..}``.

        Query: ``since`` and ``until`` (epoch milliseconds), ``limit`` (the newest so many), ``stream`` (a whole name),
        ``filter`` (a text in the message), ``request`` (the id of one invocation), ``requests=true``, which adds
        ``request_id`` to each line, and ``follow=true``, which keeps the answer open and sends lines as they are written.

        A request looks at so many lines at most; a last line ``{"searched_to": ms}`` says that older ones were left.
        """
        arrival = await self._receiver.receive(request, operation_limit("Logs"))
        address = locate(arrival.principal, arrival.labels["FunctionName"])
        self._parts.authorize(arrival.principal, "raylambda:Logs", address.arn)
        query = await run_in_threadpool(self._log_query, arrival, address)
        if arrival.parameter("follow") == "true":
            return StreamingResponse(_json_lines(self._parts.logs.follow(query)), media_type=JSON_LINES)
        page = await run_in_threadpool(self._parts.logs.read, query)
        rest = [] if page.searched_to_ms is None else [{"searched_to": page.searched_to_ms}]
        return Response(_joined([*map(_document, page.lines), *rest]), media_type=JSON_LINES)

    def _log_query(self, arrival: Arrival, address: Address) -> LogQuery:
        default_group = default_log_group(address.name)
        with self._parts.database.reading() as session:
            record = load_function(session, address.account, address.region, address.name)
        # The logs of a function outlive it, in the group that it has by default.
        group = default_group if record is None else log_group_of(record.versions[LATEST])
        return LogQuery(
            account=address.account,
            region=address.region,
            log_group=group,
            since_ms=_whole_number(arrival, "since", 0),
            until_ms=_whole_number(arrival, "until", END_OF_TIME_MS),
            limit=_whole_number(arrival, "limit", READ_LIMIT),
            stream=arrival.parameter("stream"),
            text=arrival.parameter("filter") or "",
            request_id=arrival.parameter("request"),
            requests=arrival.parameter("requests") == "true",
            # Functions may share a group; their streams are then named after them (lambda-reference.md 11).
            stream_part=None if group == default_group else stream_mark(address.name),
        )


def _whole_number(arrival: Arrival, name: str, default: int) -> int:
    text = arrival.parameter(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdecimal() or len(text) > 15:
        raise InvalidParameterValueException(f"{name} is a whole number that is not negative.")
    return int(text)


async def _json_lines(lines: AsyncIterator[LineOf]) -> AsyncIterator[str]:
    async for one in lines:
        yield _joined((_document(one),))


def _document(one: LineOf) -> dict[str, object]:
    line = one.line
    whose = {} if one.request_id is None else {"request_id": one.request_id}
    return {"time": line.time_ms, "stream": line.stream, "message": line.message, **whose}


def _joined(documents: Iterable[Mapping[str, object]]) -> str:
    return "".join(json.dumps(document) + "\n" for document in documents)
