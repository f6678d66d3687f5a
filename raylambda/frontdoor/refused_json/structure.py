"""Values in arrays and objects, without recursion: a payload may be nested as deep as it likes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NoReturn

from raylambda.frontdoor.refused_json.cursor import Complaint, Cursor, place
from raylambda.frontdoor.refused_json.scalars import read_scalar
from raylambda.frontdoor.refused_json.text import read_character, read_text

DEPTH: Final = 1000
"""How deep arrays and objects may be nested at AWS."""

_BEGINNINGS: Final = {ord('"'): "VALUE_STRING", ord("["): "START_ARRAY", ord("{"): "START_OBJECT"}


def json_complaint(payload: bytes) -> str | None:
    """The text about the first error, with its place; ``None`` when ``payload`` is JSON."""
    try:
        _Reader(payload).read()
    except Complaint as complaint:
        return str(complaint)
    return None


@dataclass(slots=True)
class _Scope:
    """An array or object that is open: what closes it, where it began, and whether it has an entry."""

    kind: str
    closed_by: int
    start: str
    filled: bool = False


class _Reader:
    """Reads one document."""

    def __init__(self, data: bytes) -> None:
        self._cursor = Cursor(data)
        self._scopes: list[_Scope] = []

    def read(self) -> None:
        """Raises ``Complaint`` unless there is one value and nothing else."""
        byte = self._cursor.after_blanks()
        if byte is None:
            self._cursor.fail("No content to map due to end-of-input")
        if byte in b"]}":
            self._close(byte)
        self._value(byte)
        while (byte := self._cursor.after_blanks()) is not None:
            if byte in b"]}":
                self._close(byte)
            elif self._scopes:
                self._entry(self._scopes[-1], byte)
            else:
                self._refuse_more(byte)
        if self._scopes:
            scope = self._scopes[-1]
            self._cursor.end(f": expected close marker for {scope.kind} (start marker at {scope.start})")

    def _value(self, byte: int) -> None:
        """The value that begins with ``byte``; of an array or object only its beginning."""
        cursor = self._cursor
        if byte not in _BEGINNINGS:
            cursor.seen = read_scalar(cursor, byte, self._scopes[-1].kind if self._scopes else None)
            return
        cursor.seen = _BEGINNINGS[byte]
        if byte == ord('"'):
            read_text(cursor, "string value", f" in {cursor.seen}")
            return
        kind, closed_by = ("Array", ord("]")) if byte == ord("[") else ("Object", ord("}"))
        self._scopes.append(_Scope(kind, closed_by, cursor.here(before=1)))
        if len(self._scopes) > DEPTH:
            limit = f"({DEPTH}, from `StreamReadConstraints.getMaxNestingDepth()`)"
            raise Complaint(f"Document nesting depth ({DEPTH + 1}) exceeds the maximum allowed {limit}")

    def _entry(self, scope: _Scope, byte: int) -> None:
        """An entry of the innermost array or object, with the comma before it."""
        cursor = self._cursor
        if scope.filled:
            if byte != ord(","):
                cursor.unexpected(byte, f"was expecting comma to separate {scope.kind} entries")
            byte = self._inside(scope)
        scope.filled = True
        if scope.kind == "Object":
            if byte != ord('"'):
                cursor.unexpected(read_character(cursor, byte), "was expecting double-quote to start field name")
            if not cursor.peek():
                cursor.end(": was expecting closing '\"' for name")
            read_text(cursor, "name", " in field name")
            cursor.seen = "FIELD_NAME"
            byte = self._inside(scope)
            if byte != ord(":"):
                cursor.unexpected(byte, "was expecting a colon to separate field name and value")
            byte = self._inside(scope)
        self._value(byte)

    def _inside(self, scope: _Scope) -> int:
        """The next byte that is no blank, where there must be one."""
        byte = self._cursor.after_blanks()
        if byte is None:
            self._cursor.end(f" within/between {scope.kind} entries")
        return byte

    def _close(self, byte: int) -> None:
        scope = self._scopes[-1] if self._scopes else _Scope("root", 0, place(1, 0))
        if byte != scope.closed_by:
            other = "}" if byte == ord("]") else "]"
            where = f"(for {scope.kind} starting at {scope.start})"
            self._cursor.fail_before(f"Unexpected close marker '{chr(byte)}': expected '{other}' {where}")
        self._scopes.pop()
        self._cursor.seen = f"END_{scope.kind.upper()}"

    def _refuse_more(self, byte: int) -> NoReturn:
        """Something after the value: wrong in itself, or in being there."""
        start = self._cursor.here(before=1)
        kind = _BEGINNINGS.get(byte) or read_scalar(self._cursor, byte, None)
        raise Complaint(
            f"Trailing token (of type {kind}) found after value (bound as `com.fasterxml.jackson.databind.JsonNode`): "
            f"not allowed as per `DeserializationFeature.FAIL_ON_TRAILING_TOKENS`\n at {start}"
        )
