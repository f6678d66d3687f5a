"""What people see: lines, tables, JSON, progress and errors. Data goes to stdout, talk to stderr.

Whatever a guest wrote may come here, and nothing of it steers a terminal: every line is made visible on its way out.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TextIO

_HARMLESS: Final = frozenset("\t\u200c\u200d")  # the latter part and join letters, in Persian and in emoji
_ENDS_OF_LINES: Final = "\u2028\u2029"
_DIM, _RED, _YELLOW = "2", "31", "1;33"


def visible(text: str, *, lines: bool = False) -> str:
    r"""The text with everything visible that a terminal would obey: ``ESC`` as ``\x1b``, an override of direction as ``\u202e``.

    Letters, signs, spaces and tabs stay, and the ends of ``lines``. What is visible already does not change.
    """
    if text.isprintable():
        return text
    return "".join(one if lines and one == "\n" else _visible_character(one) for one in text)


def _visible_character(character: str) -> str:
    number = ord(character)
    a_space = number > 0x9F and character.isspace() and character not in _ENDS_OF_LINES
    if character.isprintable() or character in _HARMLESS or a_space:
        return character
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def json_text(document: object, indent: int | None = 2) -> str:
    """JSON in which letters can be read, and what a terminal would obey is escaped as JSON escapes it; the value is the same."""
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    return text if text.isprintable() else "".join(map(_json_character, text))


def _json_character(character: str) -> str:
    # Line ends can only be those of the indentation: inside of strings they are escaped already.
    return character if character == "\n" or _visible_character(character) == character else json.dumps(character)[1:-1]


def show(text: str = "", *, lines: bool = False) -> None:
    """A line on stdout, or several."""
    sys.stdout.write(f"{visible(text, lines=lines)}\n")


def show_json(document: object) -> None:
    """Indented JSON on stdout."""
    sys.stdout.write(f"{json_text(document)}\n")


def show_json_line(document: object) -> None:
    """A document on a line of its own, which is out at once: more may follow at any time."""
    sys.stdout.write(f"{json_text(document, indent=None)}\n")
    sys.stdout.flush()


def show_bytes(data: bytes) -> None:
    """Bytes on stdout as they are."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on stdout."""
    for line in table_lines([columns, *rows]):
        show(line)


def table_lines(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A line for each row, however narrow the terminal is: a program that reads it, and a terminal that wraps, want that."""
    cells = [tuple(map(visible, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def say(text: str) -> None:
    """A line on stderr."""
    sys.stderr.write(f"{visible(text, lines=True)}\n")
    sys.stderr.flush()


def hint(text: str) -> None:
    """A line on stderr that may be overlooked."""
    say_styled("", text, _DIM)


def show_error(text: str) -> None:
    """One clear line."""
    say_styled("error: ", text, "", head_style=_RED)


def show_warning(text: str) -> None:
    """One loud line."""
    say_styled("warning: ", text, "", head_style=_YELLOW)


def say_styled(head: str, text: str, style: str, head_style: str = _DIM) -> None:
    """A line on stderr in two styles (SGR parameters), plain where nothing or nobody shows colours."""
    shown = visible(text, lines=True)
    if is_terminal(sys.stderr) and not os.environ.get("NO_COLOR"):
        head, shown = (
            f"\x1b[{code}m{part}\x1b[0m" if code and part else part
            for part, code in ((head, head_style), (shown, style))
        )
    sys.stderr.write(f"{head}{shown}\n")
    sys.stderr.flush()


def is_terminal(stream: TextIO) -> bool:
    """Whether this is a terminal that understands more than text (``TERM`` says ``dumb`` otherwise)."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


@contextmanager
def progress(text: str) -> Iterator[Callable[[str], None]]:
    """Show that work goes on, and give what changes the text; nothing when stderr is no terminal."""
    if not is_terminal(sys.stderr):
        yield lambda _text: None
        return
    from rich.console import Console  # noqa: PLC0415  # half of the time in which most commands are done
    from rich.text import Text  # noqa: PLC0415

    with Console(stderr=True).status(Text(visible(text))) as status:
        yield lambda now: status.update(Text(visible(now)))


def size_text(size: int) -> str:
    """Bytes for people: 12.3 MB."""
    value = float(size)
    for unit in ("B", "KB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
