"""The application: which endpoint serves which method and path, and what stands around them all."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from raylambda.frontdoor import code_links, uploads
from raylambda.frontdoor.answers import AlwaysAnswer
from raylambda.frontdoor.arrival import Receiver
from raylambda.frontdoor.browser_guard import BrowserGuard
from raylambda.frontdoor.calls import make_trace_id
from raylambda.frontdoor.code_links import CodeDownload
from raylambda.frontdoor.control import ControlPlane
from raylambda.frontdoor.front_door import FrontDoorParts
from raylambda.frontdoor.invoke import Invocations
from raylambda.frontdoor.openapi import describe, document_endpoint
from raylambda.frontdoor.other_services import answer_to_other_service
from raylambda.frontdoor.own_paths import OwnPaths
from raylambda.frontdoor.page import StartPage
from raylambda.frontdoor.routing import OperationRoute, PathTemplate, RawRoute
from raylambda.frontdoor.uploads import PackageUploads
from raylambda.model.errors import UnknownOperationException
from raylambda.services.lambda_ import table
from raylambda.services.lambda_.not_yet import NOT_YET
from raylambda.services.protocol.operation import Operation


def create_app(parts: FrontDoorParts) -> FastAPI:
    """The front door over its parts. It starts nothing and owns nothing: whoever made the parts closes them."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    receiver = Receiver(parts.authenticator)
    rows = (*table.OPERATIONS.values(), *table.OWN_OPERATIONS.values())
    served = [row for row in rows if row.handler is not None]
    app.router.routes[:] = [
        *_invoke_routes(parts, receiver),
        *_own_routes(parts, receiver),
        *_operation_routes(parts, receiver, served),
        RawRoute("GET", "/_raylambda/openapi.json", document_endpoint(served)),
    ]
    app.router.default = _unknown_operation
    if not parts.authenticator.asks_signature:
        app.add_middleware(BrowserGuard, names=parts.own_names)
    app.add_middleware(AlwaysAnswer, new_id=parts.control.new_id)
    return app


def _invoke_routes(parts: FrontDoorParts, receiver: Receiver) -> list[BaseRoute]:
    """First in the list, so that an invocation is found at once."""

    def new_trace_id() -> str:
        return make_trace_id(parts.control.clock.now(), parts.random_bytes)

    invocations = Invocations(receiver, parts.authorize, parts.invoker, parts.queue, new_trace_id)
    return [
        RawRoute(table.INVOKE.method, table.INVOKE.path, invocations.invoke),
        RawRoute(table.INVOKE_ASYNC.method, table.INVOKE_ASYNC.path, invocations.invoke_async),
    ]


def _own_routes(parts: FrontDoorParts, receiver: Receiver) -> list[BaseRoute]:
    own = OwnPaths(parts, receiver)
    download = CodeDownload(parts.links, parts.control.code_store.open).download
    return [
        *(RawRoute(method, "/", StartPage(parts).show) for method in ("GET", "HEAD")),
        *(RawRoute(method, "/_raylambda/health", own.health) for method in ("GET", "HEAD")),
        *(RawRoute(method, code_links.PATH, download) for method in ("GET", "HEAD")),
        RawRoute("PUT", uploads.PATH, PackageUploads(parts, receiver).upload),
        RawRoute("GET", "/_raylambda/status", own.status),
        RawRoute("GET", "/_raylambda/functions/{FunctionName}/logs", own.logs),
    ]


def _operation_routes(parts: FrontDoorParts, receiver: Receiver, served: list[Operation]) -> list[BaseRoute]:
    """An operation that a query parameter selects comes before the one of the same path that needs none."""
    control = ControlPlane(parts, receiver)
    endpoints = [(row, control.endpoint(row)) for row in served]
    endpoints += [(row, control.refusing(row)) for row in NOT_YET]
    return [
        OperationRoute(PathTemplate(row.method, row.path, row.select), row.uri, endpoint, describe(row).route)
        for row, endpoint in sorted(endpoints, key=lambda pair: pair[0].select is None)
    ]


async def _unknown_operation(scope: Scope, receive: Receive, send: Send) -> None:
    answer = answer_to_other_service(scope)
    if answer is not None:
        await answer(scope, receive, send)
        return
    raise UnknownOperationException(f"No operation of Lambda has this path and the method {scope['method']}.")
