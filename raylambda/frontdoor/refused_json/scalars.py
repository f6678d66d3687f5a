"""Numbers, ``true``, ``false`` and ``null``, and whatever stands where a value should."""

from __future__ import annotations

import re
from typing import Final, NoReturn
from unicodedata import category

from raylambda.frontdoor.refused_json.cursor import Cursor, described
from raylambda.frontdoor.refused_json.text import read_character

_VALUES: Final = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
_WORDS: Final = {ord("t"): "true", ord("f"): "false", ord("n"): "null"}
_NON_NUMBERS: Final = {ord("N"): "NaN", ord("I"): "Infinity"}
_WORD_LENGTH: Final = 256
_DIGITS: Final = re.compile(rb"[0-9]*")
_STARTS: Final = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nl", "Sc", "Pc"})
_CONTINUES: Final = _STARTS | {"Nd", "Mn", "Mc", "Cf"}


def read_scalar(cursor: Cursor, byte: int, enclosing: str | None) -> str:
    """Read the number or word that begins with ``byte``; ``enclosing`` is ``Array``, ``Object`` or nothing. Jackson's name of it."""
    if byte in b"-0123456789":
        return _read_number(cursor, byte, enclosing)
    if byte not in _WORDS:
        _refuse_value(cursor, byte, enclosing)
    _read_rest(cursor, _WORDS[byte])
    return f"VALUE_{_WORDS[byte].upper()}"


def _refuse_value(cursor: Cursor, byte: int, enclosing: str | None) -> NoReturn:
    if byte in b",}" or (byte == ord("]") and enclosing == "Array"):
        cursor.unexpected(byte, "expected a value")
    if byte in _NON_NUMBERS:
        _read_rest(cursor, _NON_NUMBERS[byte])
        _refuse_non_number(cursor, _NON_NUMBERS[byte])
    if byte == ord("+"):
        _refuse_sign(cursor, cursor.byte(" in a Number value"), "+")
    # Jackson asks this of the byte, as if it were a character.
    if category(chr(byte)) in _STARTS:
        _refuse_word(cursor, chr(byte))
    cursor.unexpected(byte, f"expected a valid value {_VALUES}")


def _read_number(cursor: Cursor, byte: int, enclosing: str | None) -> str:
    where = f" in {cursor.seen}"
    if byte == ord("-"):
        byte = cursor.byte(where)
        if byte == ord("."):
            _refuse_value(cursor, byte, enclosing)
        if byte not in b"0123456789":
            _refuse_sign(cursor, byte, "-")
    if byte == ord("0") and _DIGITS.fullmatch(cursor.peek()) and cursor.peek():
        cursor.fail("Invalid numeric value: Leading zeroes not allowed")
    _read_digits(cursor)
    kind = "VALUE_NUMBER_INT"
    if cursor.peek() == b".":
        cursor.at += 1
        kind = "VALUE_NUMBER_FLOAT"
        _need_digits(cursor, ord("."), "Decimal point not followed by a digit")
    if cursor.peek() in (b"e", b"E"):
        cursor.at += 1
        kind = "VALUE_NUMBER_FLOAT"
        last = cursor.byte(where)
        if last not in b"+-":
            cursor.at -= 1
        elif not cursor.peek():
            cursor.end(where)
        _need_digits(cursor, last, "Exponent indicator not followed by a digit")
    if enclosing is None and cursor.peek() not in (b"", b" ", b"\t", b"\r", b"\n"):
        cursor.unexpected(cursor.byte(), "Expected space separating root-level values")
    return kind


def _need_digits(cursor: Cursor, last: int, comment: str) -> None:
    if not _read_digits(cursor):
        found = cursor.byte() if cursor.peek() else last
        cursor.fail_before(f"Unexpected character ({described(found)}) in numeric value: {comment}")


def _read_digits(cursor: Cursor) -> bool:
    start = cursor.at
    match = _DIGITS.match(cursor.data, start)
    cursor.at = match.end() if match else start
    return cursor.at > start


def _refuse_sign(cursor: Cursor, byte: int, sign: str) -> NoReturn:
    """A sign that no digit follows, but ``byte``."""
    if byte == ord("I"):
        byte = cursor.byte(" in a Number value")
        word = {ord("N"): "INF", ord("n"): "Infinity"}.get(byte)
        if word is not None:
            _read_rest(cursor, sign + word, 3)
            _refuse_non_number(cursor, sign + word)
    comment = "expected digit (0-9) to follow minus sign, for valid numeric value"
    if sign == "+":
        allow = "enable `JsonReadFeature.ALLOW_LEADING_PLUS_SIGN_FOR_NUMBERS` to allow"
        byte, comment = ord("+"), f"JSON spec does not allow numbers to have plus signs: {allow}"
    cursor.fail_before(f"Unexpected character ({described(byte)}) in numeric value: {comment}")


def _refuse_non_number(cursor: Cursor, word: str) -> NoReturn:
    cursor.fail(f"Non-standard token '{word}': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow")


def _read_rest(cursor: Cursor, word: str, known: int = 1) -> None:
    """Read the rest of a word of which so many characters are known."""
    for index in range(known, len(word)):
        if cursor.peek() != word[index].encode():
            _refuse_word(cursor, word[:index])
        cursor.at += 1
    following = cursor.peek()
    if following >= b"0" and following not in b"]}" and _continues(following[0]):
        _refuse_word(cursor, word)


def _refuse_word(cursor: Cursor, begun: str) -> NoReturn:
    """The word is all that Java would take for an identifier."""
    word = begun
    while cursor.peek() and len(word) < _WORD_LENGTH:
        code = read_character(cursor, cursor.byte())
        if not _continues(code):
            break
        word += chr(code)
    cut = "..." if len(word) >= _WORD_LENGTH else ""
    cursor.fail(f"Unrecognized token '{word}{cut}': was expecting {_VALUES}")


def _continues(code: int) -> bool:
    ignorable = code <= 0x08 or 0x0E <= code <= 0x1B or 0x7F <= code <= 0x9F
    return ignorable or category(chr(code)) in _CONTINUES
