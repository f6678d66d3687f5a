"""The control plane over HTTP: one endpoint per row of the operation table."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Final

from anyio import CapacityLimiter, to_thread
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from raylambda.frontdoor.arrival import Arrival, Desk, base_url, operation_limit
from raylambda.frontdoor.front_door import FrontDoor
from raylambda.frontdoor.routing import Endpoint
from raylambda.services.lambda_.not_yet import refusal
from raylambda.services.protocol.dispatch import Answer, answer
from raylambda.services.protocol.operation import Context, Operation
from raylambda.store.errors import StoreConflict

_ATTEMPTS: Final = 3
"""A unit of work that lost against another one sees that one's rows when it runs again, and answers accordingly."""

_TAKE_PACKAGES: Final = frozenset({"CreateFunction", "UpdateFunctionCode"})
_PACKAGE_THREADS: Final = 8
"""Packages may wait for S3 for a long time, so they have threads of their own and never use up everybody's."""


class ControlPlane:
    """Makes the endpoints. Each request is one unit of work in a thread, committed before its answer is sent."""

    def __init__(self, door: FrontDoor, desk: Desk) -> None:
        self._door = door
        self._desk = desk
        self._package_threads = CapacityLimiter(_PACKAGE_THREADS)

    def endpoint(self, operation: Operation) -> Endpoint:
        limit = operation_limit(operation.name)
        threads = self._package_threads if operation.name in _TAKE_PACKAGES else None

        async def serve(request: Request) -> Response:
            arrival = await self._desk.receive(request, limit)
            result = await to_thread.run_sync(self._answer, operation, arrival, base_url(request), limiter=threads)
            return _response(result)

        return serve

    def refusing(self, operation: Operation) -> Endpoint:
        """The endpoint of an operation that AWS has and we do not."""
        limit = operation_limit(operation.name)

        async def refuse(request: Request) -> Response:
            await self._desk.receive(request, limit)
            raise refusal(operation)

        return refuse

    def _answer(self, operation: Operation, arrival: Arrival, url: str) -> Answer:
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._run(operation, arrival, url)
            except StoreConflict:
                continue
        return self._run(operation, arrival, url)

    def _run(self, operation: Operation, arrival: Arrival, url: str) -> Answer:
        with self._unit_of_work(operation) as session:
            context = self._context(session, arrival, url)
            return answer(operation, context, arrival.labels, arrival.query, arrival.body)

    def _unit_of_work(self, operation: Operation) -> AbstractContextManager[Session]:
        database = self._door.database
        return database.reading() if operation.method == "GET" else database.session()

    def _context(self, session: Session, arrival: Arrival, url: str) -> Context:
        door = self._door
        return Context(
            session=session,
            account=arrival.caller.account,
            region=arrival.caller.region,
            code_store=door.code_store,
            clock=door.clock,
            new_id=door.new_id,
            fetch_s3=door.fetch_s3,
            code_location=lambda sha256: door.links.location(url, sha256),
            concurrency_limit=door.concurrency_limit,
        )


def _response(result: Answer) -> Response:
    if result.body:
        return Response(result.body, result.status, result.headers)
    return Response(b"", result.status, {**result.headers, "Content-Length": "0"})
