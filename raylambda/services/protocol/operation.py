"""The operation table: what registers an operation, and what it works in. No framework, no HTTP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

from sqlmodel import Session

from raylambda.model.addressing import Resource
from raylambda.model.principal import Principal
from raylambda.services.protocol.wire import Wire

ResourceOf = Callable[[Principal, Any], Resource]
"""Finds what a bound request of this principal is about; raises ``LambdaError`` when it names nothing."""

_Handler = TypeVar("_Handler", bound=Callable[..., Wire | None])
_registered: dict[str, Operation] = {}


@dataclass(frozen=True, slots=True)
class Context:
    """What an operation works in: the unit of work, and for whom. A service adds the parts that its operations need.

    ``session`` is an exclusive unit of work (``Database.session``): what an operation has read stays true until it ends.
    ``authorize`` takes the ARN of the operation's resource and raises ``AccessDeniedException`` if ``principal`` may not do
    this to it; only dispatch calls it. ``base_url`` is the address under which the client reached us.
    """

    session: Session
    principal: Principal
    authorize: Callable[[str], None]
    base_url: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One row: ``handler(context, request, resource)`` answers; ``None`` means that the front door serves it itself.

    ``resource`` says what a request is about: the handler gets it once the principal is authorized, and knows no other.
    ``query`` names the query parameters that are members of the request; a member that is a list takes all values.
    ``select`` is a query parameter with the value that tells this operation from another one of the same method and path.
    ``takes_package`` says that a request may carry a package or have one fetched, and so may take long.
    """

    name: str
    method: str
    path: str
    status: int
    handler: Callable[[Any, Any, Any], Wire | None] | None = None
    resource: ResourceOf | None = None
    request: type[Wire] = Wire
    query: tuple[str, ...] = ()
    select: tuple[str, str] | None = None
    takes_package: bool = False

    @property
    def uri(self) -> str:
        """The path as AWS writes it: with the query parameter, if that tells the operation from another one."""
        return self.path if self.select is None else f"{self.path}?{'='.join(self.select)}"


def operation(
    method: str,
    path: str,
    resource: ResourceOf,
    *,
    status: int = 200,
    query: tuple[str, ...] = (),
    takes_package: bool = False,
) -> Callable[[_Handler], _Handler]:
    """Register a function as the operation of its name (``create_alias`` -> ``CreateAlias``) and leave it as it is.

    ``path`` may end with ``?name=value``, as AWS writes it where only that tells two operations apart.
    """
    path, _, selector = path.partition("?")
    parameter, _, value = selector.partition("=")
    select = (parameter, value) if selector else None

    def register(handler: _Handler) -> _Handler:
        name = "".join(part.capitalize() for part in handler.__name__.split("_"))
        request = get_type_hints(handler)["request"]
        _add(Operation(name, method, path, status, handler, resource, request, query, select, takes_package))
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
