"""The control plane over HTTP: one endpoint per row of the operation table."""

from __future__ import annotations

from functools import partial
from typing import Final

from anyio import CapacityLimiter, move_on_after, to_thread
from starlette.requests import Request
from starlette.responses import Response

from raylambda.frontdoor.arrival import Arrival, Receiver, base_url, operation_limit
from raylambda.frontdoor.front_door import FrontDoorParts
from raylambda.frontdoor.routing import Endpoint
from raylambda.services.lambda_.context import LambdaContext
from raylambda.services.lambda_.not_yet import refusal
from raylambda.services.lambda_.table import action
from raylambda.services.protocol.dispatch import Answer, answer
from raylambda.services.protocol.operation import Operation
from raylambda.store.engine import announced
from raylambda.store.errors import StoreConflict

_ATTEMPTS: Final = 3
"""A unit of work that lost against another one sees that one's rows when it runs again, and answers accordingly."""

_PACKAGE_THREADS: Final = 8
"""Packages may wait for S3 for a long time, so they have threads of their own and never use up everybody's."""

SETTLING_S: Final = 0.25
"""An answer waits so long at most for what it has changed to be in force: waiters look at once, and then after seconds."""


class ControlPlane:
    """Makes the endpoints. Each request is one unit of work in a thread, committed before its answer is sent.

    The answer says what the operation left (``Pending``, ``InProgress``), and is sent when the change has settled: the next
    read finds ``Active`` and ``Successful``.
    """

    def __init__(self, parts: FrontDoorParts, receiver: Receiver) -> None:
        self._parts = parts
        self._receiver = receiver
        self._package_threads = CapacityLimiter(_PACKAGE_THREADS)

    def endpoint(self, operation: Operation) -> Endpoint:
        limit = operation_limit(operation.name)
        threads = self._package_threads if operation.takes_package else None

        async def serve(request: Request) -> Response:
            arrival = await self._receiver.receive(request, limit)
            result, change = await to_thread.run_sync(
                self._answer, operation, arrival, base_url(request), limiter=threads
            )
            if change is not None:
                with move_on_after(SETTLING_S):
                    await self._parts.settled(change)
            length = {} if result.body else {"Content-Length": "0"}
            return Response(result.body, result.status, {**result.headers, **length})

        return serve

    def refusing(self, operation: Operation) -> Endpoint:
        """The endpoint of an operation that AWS has and we do not."""
        limit = operation_limit(operation.name)

        async def refuse(request: Request) -> Response:
            await self._receiver.receive(request, limit)
            raise refusal(operation)

        return refuse

    def _answer(self, operation: Operation, arrival: Arrival, url: str) -> tuple[Answer, int | None]:
        """The answer, and the number of the change that was committed for it."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._attempt(operation, arrival, url)
            except StoreConflict:
                continue
        return self._attempt(operation, arrival, url)

    def _attempt(self, operation: Operation, arrival: Arrival, url: str) -> tuple[Answer, int | None]:
        database = self._parts.database
        with database.reading() if operation.method == "GET" else database.session() as session:
            context = LambdaContext(
                session=session,
                principal=arrival.principal,
                authorize=partial(self._parts.authorize, arrival.principal, action(operation)),
                base_url=url,
                parts=self._parts.control,
            )
            return answer(operation, context, arrival.labels, arrival.query, arrival.body), announced(session)
