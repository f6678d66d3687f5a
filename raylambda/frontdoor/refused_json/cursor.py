"""The bytes of a payload, read one after the other; an error says where it is."""

from __future__ import annotations

from typing import NoReturn


class Complaint(Exception):
    """The first error of a payload: what AWS says, with the place."""


def described(code: int) -> str:
    """A character, or a byte taken for one, as Jackson prints it."""
    if code < 0x20 or 0x7F <= code <= 0x9F:
        return f"(CTRL-CHAR, code {code})"
    return f"'{chr(code)}' (code {code}{f' / 0x{code:x}' if code > 0xFF else ''})"


def place(row: int, column: int) -> str:
    """A place in the payload; AWS does not quote what it read."""
    source = "REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)"
    return f"[Source: {source}; line: {row}, column: {column}]"


class Cursor:
    """``at`` is the byte that is read next; ``seen`` is what Jackson last saw of the payload, in its words."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.seen = "null"
        self._row = 1
        self._row_start = 0

    def peek(self) -> bytes:
        """The next byte; empty at the end."""
        return self.data[self.at : self.at + 1]

    def byte(self, where: str = "") -> int:
        """Read the next byte; ``where`` tells what the end of the payload would cut off."""
        if self.at >= len(self.data):
            self.end(where)
        self.at += 1
        return self.data[self.at - 1]

    def after_blanks(self) -> int | None:
        """Read the next byte that is no blank; ``None`` at the end."""
        while self.peek():
            byte = self.byte()
            if byte == ord("/"):
                feature = "not recognized as one since Feature 'ALLOW_COMMENTS' not enabled for parser"
                self.unexpected(byte, f"maybe a (non-standard) comment? ({feature})")
            if byte > 0x20:
                return byte
            if byte in b"\r\n":
                if byte == ord("\r") and self.peek() == b"\n":
                    self.at += 1
                self._row += 1
                self._row_start = self.at
            elif byte not in b" \t":
                only = r"only regular white space (\r, \n, \t) is allowed between tokens"
                self.fail_before(f"Illegal character ({described(byte)}): {only}")
        return None

    def unexpected(self, code: int, comment: str) -> NoReturn:
        self.fail_before(f"Unexpected character ({described(code)}): {comment}")

    def end(self, where: str) -> NoReturn:
        self.fail(f"Unexpected end-of-input{where}")

    def fail_before(self, text: str) -> NoReturn:
        """It is the byte read last that is wrong."""
        raise Complaint(f"{text}\n at {self.here(before=1)}")

    def fail(self, text: str) -> NoReturn:
        raise Complaint(f"{text}\n at {self.here()}")

    def here(self, before: int = 0) -> str:
        """The place of the next byte, or of one so many bytes before it."""
        return place(self._row, self.at - self._row_start + 1 - before)
