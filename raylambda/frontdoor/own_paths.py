"""Our own additions, below ``/_raylambda/``: health, status and the logs of functions."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from raylambda.frontdoor.arrival import Arrival, Desk, operation_limit
from raylambda.frontdoor.front_door import FrontDoor
from raylambda.logs.files import LogLine
from raylambda.logs.reader import READ_LIMIT, LogQuery
from raylambda.model.errors import InvalidParameterValueException
from raylambda.model.function import LATEST
from raylambda.model.log_names import default_log_group, log_group_of, stream_mark
from raylambda.services.lambda_.addressing import locate
from raylambda.store.functions import load_function

JSON_LINES = "application/x-ndjson"


class OwnPaths:
    """The endpoints."""

    def __init__(self, door: FrontDoor, desk: Desk) -> None:
        self._door = door
        self._desk = desk

    async def health(self, _request: Request) -> Response:
        """``GET /_raylambda/health``, without a signature: 200 once invocations can be served, otherwise 503."""
        if self._door.healthy():
            return JSONResponse({"status": "healthy"})
        return JSONResponse({"status": "starting"}, 503)

    async def status(self, request: Request) -> Response:
        """``GET /_raylambda/status``: what the platform says of itself, to this account."""
        arrival = await self._desk.receive(request, operation_limit("Status"))
        return JSONResponse(await self._door.status(arrival.caller.account))

    async def logs(self, request: Request) -> Response:
        """``GET /_raylambda/functions/{FunctionName}/logs``: lines of JSON, ``{"time": ms, "stream": .., "message": ..}``.

        Query: ``since`` (epoch milliseconds), ``limit`` (the newest so many), ``stream`` (a whole name), and
        ``follow=true``, which keeps the answer open and sends lines as they are written.
        """
        arrival = await self._desk.receive(request, operation_limit("Logs"))
        query = await run_in_threadpool(self._log_query, arrival)
        if arrival.parameter("follow") == "true":
            return StreamingResponse(_json_lines(self._door.logs.follow(query)), media_type=JSON_LINES)
        lines = await run_in_threadpool(self._door.logs.read, query)
        return Response(_joined(lines), media_type=JSON_LINES)

    def _log_query(self, arrival: Arrival) -> LogQuery:
        address = locate(arrival.caller, arrival.labels["FunctionName"])
        default_group = default_log_group(address.name)
        with self._door.database.reading() as session:
            record = load_function(session, address.account, address.region, address.name)
        # The logs of a function outlive it, in the group that it has by default.
        group = default_group if record is None else log_group_of(record.versions[LATEST])
        return LogQuery(
            account=address.account,
            region=address.region,
            log_group=group,
            since_ms=_whole_number(arrival, "since", 0),
            limit=_whole_number(arrival, "limit", READ_LIMIT),
            stream=arrival.parameter("stream"),
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


async def _json_lines(lines: AsyncIterator[LogLine]) -> AsyncIterator[str]:
    async for line in lines:
        yield _joined((line,))


def _joined(lines: Iterable[LogLine]) -> str:
    documents = ({"time": line.time_ms, "stream": line.stream, "message": line.message} for line in lines)
    return "".join(json.dumps(document) + "\n" for document in documents)
