"""The OpenAPI document, made from the rows of the operation table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from raylambda import __version__
from raylambda.frontdoor.routing import Endpoint, OperationRoute
from raylambda.services.protocol.operation import Operation

_LABEL = re.compile(r"\{(\w+)\}")
_COMPONENT = "#/components/schemas/{model}"


@dataclass(frozen=True, slots=True)
class Description:
    """``route`` are the arguments of a FastAPI route; ``schemas`` belong into the document's components."""

    route: dict[str, Any]
    schemas: dict[str, Any]


def describe(operation: Operation) -> Description:
    """Parameters and body are the members of the request model, each where the operation takes it from."""
    schema = operation.request.model_json_schema(by_alias=True, ref_template=_COMPONENT)
    schemas = schema.pop("$defs", {})
    members: dict[str, Any] = schema.get("properties", {})
    in_path = [_parameter(name, "path", members.pop(name, None)) for name in _LABEL.findall(operation.path)]
    in_query = [_parameter(name, "query", members.pop(name[:1].upper() + name[1:], None)) for name in operation.query]
    extra: dict[str, Any] = {"parameters": in_path + in_query}
    if operation.method in {"POST", "PUT"}:
        schema["required"] = [name for name in schema.get("required", ()) if name in members]
        extra["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    route = {
        "operation_id": operation.name,
        "name": operation.name,
        "summary": operation.name,
        "status_code": operation.status,
        "openapi_extra": extra,
    }
    return Description(route, schemas)


def document_endpoint(served: Sequence[Operation]) -> Endpoint:
    """Answers with the document of these operations, made when it is first asked for."""
    names = {row.name for row in served}
    document: dict[str, Any] = {}

    async def serve(request: Request) -> Response:
        if not document:
            routes = [
                route for route in request.app.routes if isinstance(route, OperationRoute) and route.name in names
            ]
            document.update(get_openapi(title="raylambda", version=__version__, routes=routes))
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            for row in served:
                schemas.update(describe(row).schemas)
        return JSONResponse(document)

    return serve


def _parameter(name: str, place: str, schema: dict[str, Any] | None) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": schema or {"type": "string"}}
