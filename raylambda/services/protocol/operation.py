"""The operation table: what registers an operation, and what it works with. No framework, no HTTP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

from sqlmodel import Session

from raylambda.model.clock import Clock
from raylambda.services.protocol.wire import Wire
from raylambda.store.codestore import CodeStore

_Handler = TypeVar("_Handler", bound=Callable[..., Wire | None])
_registered: dict[str, Operation] = {}


class S3Failure(Exception):
    """S3 did not give the object; ``code`` and the text are S3's own."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Context:
    """What an operation works in: whose resources, the unit of work, and the seams to the rest of the world.

    ``session`` is an exclusive unit of work (``Database.session``): what an operation has read stays true until it ends.
    ``fetch_s3`` reads (bucket, key, version) or raises ``S3Failure``; ``code_location`` makes a link that downloads
    the package of a hex SHA-256 for ten minutes; ``concurrency_limit`` is the account's in this region.
    """

    session: Session
    account: str
    region: str
    code_store: CodeStore
    clock: Clock
    new_id: Callable[[], str]
    fetch_s3: Callable[[str, str, str | None], bytes]
    code_location: Callable[[str], str]
    concurrency_limit: int


@dataclass(frozen=True, slots=True)
class Operation:
    """One row: ``handler(context, request)`` answers; ``None`` means that the front door serves it itself.

    ``query`` names the query parameters that are members of the request; a member that is a list takes all values.
    ``select`` is a query parameter with the value that tells this operation from another one of the same method and path.
    """

    name: str
    method: str
    path: str
    status: int
    handler: Callable[[Context, Any], Wire | None] | None = None
    request: type[Wire] = Wire
    query: tuple[str, ...] = ()
    select: tuple[str, str] | None = None


def operation(
    method: str, path: str, *, status: int = 200, query: tuple[str, ...] = ()
) -> Callable[[_Handler], _Handler]:
    """Register a function as the operation of its name (``create_alias`` -> ``CreateAlias``) and leave it as it is."""

    def register(handler: _Handler) -> _Handler:
        name = "".join(part.capitalize() for part in handler.__name__.split("_"))
        request = get_type_hints(handler)["request"]
        _add(Operation(name, method, path, status, handler, request, query))
        return handler

    return register


def served_by_front_door(name: str, method: str, path: str, *, status: int) -> Operation:
    """Register an operation whose body is not JSON, so that the table is complete."""
    return _add(Operation(name, method, path, status))


def registered() -> dict[str, Operation]:
    """All operations that were registered so far, by name."""
    return dict(_registered)


def _add(row: Operation) -> Operation:
    if row.name in _registered:
        raise ValueError(f"{row.name} is registered twice")
    _registered[row.name] = row
    return row
