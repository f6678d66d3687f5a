"""Strings and names behind their opening quote: escapes, control characters and UTF-8."""

from __future__ import annotations

import re
from typing import Final

from raylambda.frontdoor.refused_json.cursor import Cursor, described

_PLAIN: Final = re.compile(rb'[^"\\\x00-\x1f\x80-\xff]*')
_HEX: Final = b"0123456789abcdefABCDEF"
_SECOND: Final = {0xE0: (0xA0, 0xBF), 0xED: (0x80, 0x9F), 0xF0: (0x90, 0xBF), 0xF4: (0x80, 0x8F)}
"""Where the second byte has narrower limits: too long a form, half a surrogate pair, beyond Unicode."""


def read_text(cursor: Cursor, kind: str, where: str) -> None:
    """Read past the closing quote; ``kind`` is ``string value`` or ``name``, ``where`` what the end would cut off."""
    while True:
        match = _PLAIN.match(cursor.data, cursor.at)
        cursor.at = match.end() if match else cursor.at
        byte = cursor.byte(where)
        if byte == ord('"'):
            return
        if byte == ord("\\"):
            _read_escape(cursor)
        elif byte < 0x20:
            reason = f"has to be escaped using backslash to be included in {kind}"
            cursor.fail_before(f"Illegal unquoted character ({described(byte)}): {reason}")
        else:
            read_character(cursor, byte, where)


def read_character(cursor: Cursor, byte: int, where: str = " in VALUE_STRING") -> int:
    """The character of UTF-8 that begins with ``byte``, which is read already."""
    if byte < 0x80:
        return byte
    if not 0xC2 <= byte <= 0xF4:
        cursor.fail(f"Invalid UTF-8 start byte 0x{byte:x}")
    more = 1 if byte < 0xE0 else 2 if byte < 0xF0 else 3
    code = byte & (0x3F >> more)
    least, most = _SECOND.get(byte, (0x80, 0xBF))
    for _ in range(more):
        middle = cursor.byte(where)
        if not least <= middle <= most:
            cursor.fail(f"Invalid UTF-8 middle byte 0x{middle:x}")
        code, least, most = code << 6 | middle & 0x3F, 0x80, 0xBF
    return code


def _read_escape(cursor: Cursor) -> None:
    where = " in character escape sequence"
    byte = cursor.byte(where)
    if byte == ord("u"):
        for _ in range(4):
            digit = cursor.byte(where)
            if digit not in _HEX:
                cursor.unexpected(digit, "expected a hex-digit for character escape sequence")
    elif byte not in b'"\\/bfnrt':
        cursor.fail_before(f"Unrecognized character escape {described(read_character(cursor, byte))}")
