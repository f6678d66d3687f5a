"""Pages of a list: at most 50 items, and an opaque marker that says where the next page begins (lambda-reference.md 1).

A marker holds the identity of the last item, so a page is right whatever came or went in between.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import ColumnElement, tuple_
from sqlalchemy.orm import Mapped
from sqlmodel import Session
from sqlmodel.sql.expression import SelectOfScalar

from raylambda.model.errors import InvalidParameterValueException

PAGE_ITEMS: Final = 50

_BAD_MARKER: Final = "The provided Marker is not valid. Use the NextMarker of the previous page."
_PART: Final = re.compile(r"[A-Za-z0-9_$.-]{1,128}")
_Row = TypeVar("_Row")


@dataclass(frozen=True)
class Order(Generic[_Row]):
    """``identity`` of a row (so many ``parts``) is what a marker holds; ``key`` turns it into values of ``columns``, the sort order."""

    parts: int
    columns: Sequence[ColumnElement[Any] | Mapped[Any]]
    identity: Callable[[_Row], tuple[str, ...]]
    key: Callable[[tuple[str, ...]], tuple[Any, ...]]


def take_page(
    session: Session, query: SelectOfScalar[_Row], order: Order[_Row], marker: str | None, max_items: int | None
) -> tuple[list[_Row], str | None]:
    """The rows of one page and the marker of the next, ``None`` on the last; raises ``InvalidParameterValueException``."""
    items = min(max_items or PAGE_ITEMS, PAGE_ITEMS)
    if marker:
        query = query.where(tuple_(*order.columns) > tuple_(*_key(order, marker)))
    rows = list(session.exec(query.order_by(*order.columns).limit(items + 1)))
    if len(rows) <= items:
        return rows, None
    identity = order.identity(rows[items - 1])
    return rows[:items], base64.urlsafe_b64encode(json.dumps(identity).encode()).decode()


def refuse_marker(marker: str | None) -> None:
    """For a list that is always empty: it never gave out a marker, so raise ``InvalidParameterValueException`` for any."""
    if marker:
        raise InvalidParameterValueException(_BAD_MARKER)


def _key(order: Order[_Row], marker: str) -> tuple[Any, ...]:
    try:
        identity = json.loads(base64.urlsafe_b64decode(marker.encode()))
    except (binascii.Error, ValueError, RecursionError):
        identity = None
    parts = tuple(identity) if isinstance(identity, list) else ()
    known = all(isinstance(part, str) and _PART.fullmatch(part) for part in parts)
    if len(parts) != order.parts or not known:
        raise InvalidParameterValueException(_BAD_MARKER)
    return order.key(parts)
