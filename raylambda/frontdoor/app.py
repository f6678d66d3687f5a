"""The application: which endpoint serves which method and path, and what stands around them all."""

from __future__ import annotations

from typing import Any, NoReturn

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from raylambda import __version__
from raylambda.frontdoor import code_links
from raylambda.frontdoor.answers import AlwaysAnswer
from raylambda.frontdoor.arrival import Desk
from raylambda.frontdoor.calls import make_trace_id
from raylambda.frontdoor.code_links import CodeDownload
from raylambda.frontdoor.control import ControlPlane
from raylambda.frontdoor.front_door import FrontDoor
from raylambda.frontdoor.invoke import Invocations
from raylambda.frontdoor.openapi import describe
from raylambda.frontdoor.own_paths import OwnPaths
from raylambda.frontdoor.routing import Endpoint, OperationRoute, PathTemplate, RawRoute
from raylambda.model.errors import UnknownOperationException
from raylambda.services.lambda_ import table
from raylambda.services.lambda_.not_yet import NOT_YET
from raylambda.services.protocol.operation import Operation


def create_app(door: FrontDoor) -> FastAPI:
    """The front door over its seams. It starts nothing and owns nothing: whoever made the seams closes them."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    desk = Desk(door.authenticator)
    app.router.routes[:] = [
        *_invoke_routes(door, desk),
        *_own_routes(door, desk),
        *_operation_routes(door, desk),
        RawRoute("GET", "/_raylambda/openapi.json", _openapi_endpoint()),
    ]
    app.router.default = _unknown_operation
    app.add_middleware(AlwaysAnswer, new_id=door.new_id)
    return app


def _invoke_routes(door: FrontDoor, desk: Desk) -> list[BaseRoute]:
    """First in the list, so that an invocation is found at once."""

    def new_trace_id() -> str:
        return make_trace_id(door.clock.now(), door.random_bytes)

    invocations = Invocations(desk, door.invoker, door.queue, new_trace_id)
    return [
        RawRoute(table.INVOKE.method, table.INVOKE.path, invocations.invoke),
        RawRoute(table.INVOKE_ASYNC.method, table.INVOKE_ASYNC.path, invocations.invoke_async),
    ]


def _own_routes(door: FrontDoor, desk: Desk) -> list[BaseRoute]:
    own = OwnPaths(door, desk)
    download = CodeDownload(door.links, door.code_store.get).download
    return [
        *(RawRoute(method, "/_raylambda/health", own.health) for method in ("GET", "HEAD")),
        *(RawRoute(method, code_links.PATH, download) for method in ("GET", "HEAD")),
        RawRoute("GET", "/_raylambda/status", own.status),
        RawRoute("GET", "/_raylambda/functions/{FunctionName}/logs", own.logs),
    ]


def _operation_routes(door: FrontDoor, desk: Desk) -> list[BaseRoute]:
    """An operation that a query parameter selects comes before the one of the same path that needs none."""
    control = ControlPlane(door, desk)
    served = [(row, control.endpoint(row)) for row in _served()]
    refused = [(row, control.refusing(row)) for row in NOT_YET]
    return [
        _operation_route(row, serve) for row, serve in sorted(served + refused, key=lambda pair: pair[0].select is None)
    ]


def _served() -> list[Operation]:
    rows = (*table.OPERATIONS.values(), *table.OWN_OPERATIONS.values())
    return [row for row in rows if row.handler is not None]


def _operation_route(row: Operation, endpoint: Endpoint) -> OperationRoute:
    return OperationRoute(PathTemplate(row.method, row.path, row.select), endpoint, describe(row).route)


def _openapi_endpoint() -> Endpoint:
    document: dict[str, Any] = {}

    async def serve(request: Request) -> Response:
        if not document:
            document.update(_openapi_document(request.app.routes))
        return JSONResponse(document)

    return serve


def _openapi_document(routes: list[BaseRoute]) -> dict[str, Any]:
    served = {row.name for row in _served()}
    known = [route for route in routes if isinstance(route, OperationRoute) and route.name in served]
    document = get_openapi(title="raylambda", version=__version__, routes=known)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for row in _served():
        schemas.update(describe(row).schemas)
    return document


async def _unknown_operation(scope: Scope, _receive: Receive, _send: Send) -> NoReturn:
    raise UnknownOperationException(f"No operation of Lambda has this path and the method {scope['method']}.")
