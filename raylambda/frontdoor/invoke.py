"""Invoke and InvokeAsync: plain routes, because their bodies are the function's and not ours (lambda-reference.md 7).

A synchronous call of a function that has a warm environment passes here without SQL and without a change of thread. A
client that goes away gives up its answer only: nobody cancels the invocation.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from raylambda.frontdoor.arrival import Arrival, Receiver
from raylambda.frontdoor.auth.authorization import Authorize
from raylambda.frontdoor.calls import InvocationType, payload_limit, read_address, read_call
from raylambda.model.invocation import Call, Completion, Invoker


class Queue(Protocol):
    """Takes asynchronous events."""

    async def accept(self, call: Call) -> None:
        """Returns once the event is committed. Raises ``LambdaError`` or ``StoreUnavailable``."""
        ...


class Invocations:
    """The endpoints. ``new_trace_id`` makes an ``X-Amzn-Trace-Id`` for calls that come without one."""

    def __init__(
        self,
        receiver: Receiver,
        authorize: Authorize,
        invoker: Invoker,
        queue: Queue,
        new_trace_id: Callable[[], str],
    ) -> None:
        self._receiver = receiver
        self._authorize = authorize
        self._invoker = invoker
        self._queue = queue
        self._new_trace_id = new_trace_id

    async def invoke(self, request: Request) -> Response:
        """``POST /2015-03-31/functions/{FunctionName}/invocations``."""
        invocation_type = request.headers.get("x-amz-invocation-type", InvocationType.REQUEST_RESPONSE)
        arrival = await self._receiver.receive(request, payload_limit(invocation_type))
        call = self._authorized_call(arrival, "lambda:InvokeFunction", invocation_type)
        match InvocationType(invocation_type):
            case InvocationType.REQUEST_RESPONSE:
                return _completed(call, await self._invoker.invoke(call))
            case InvocationType.EVENT:
                return await self._accept(call)
            case InvocationType.DRY_RUN:
                await self._invoker.check(call)
                return _empty(204, call)

    async def invoke_async(self, request: Request) -> Response:
        """``POST /2014-11-13/functions/{FunctionName}/invoke-async``."""
        arrival = await self._receiver.receive(request, payload_limit(InvocationType.EVENT))
        return await self._accept(self._authorized_call(arrival, "lambda:InvokeAsync", InvocationType.EVENT))

    def _authorized_call(self, arrival: Arrival, action: str, invocation_type: str) -> Call:
        address = read_address(arrival, invocation_type)
        self._authorize(arrival.principal, action, address.arn)
        return read_call(arrival, address, InvocationType(invocation_type), self._new_trace_id)

    async def _accept(self, call: Call) -> Response:
        await self._invoker.check(call)
        await self._queue.accept(call)
        return _empty(202, call)


def _completed(call: Call, completion: Completion) -> Response:
    result = completion.result
    headers = {
        **_headers(call),
        "Content-Type": "application/json",
        "X-Amz-Executed-Version": completion.executed_version,
    }
    if result.function_error is not None:
        headers["X-Amz-Function-Error"] = result.function_error
    if call.tail:
        headers["X-Amz-Log-Result"] = base64.b64encode(result.log_tail).decode("ascii")
    return Response(result.payload, 200, headers)


def _empty(status: int, call: Call) -> Response:
    return Response(b"", status, {**_headers(call), "Content-Length": "0"})


def _headers(call: Call) -> dict[str, str]:
    return {"X-Amzn-Trace-Id": call.trace_id, "X-Amzn-Remapped-Content-Length": "0"}
