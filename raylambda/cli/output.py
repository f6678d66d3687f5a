"""What people see: tables, sizes, progress and errors. Data goes to stdout, talk to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_WIDE = 10_000  # a program that reads our tables wants a line for each row

data = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _WIDE)
talk = Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def progress(text: str) -> Iterator[None]:
    """Show that work goes on; nothing when stderr is no terminal."""
    with talk.status(escape(text)):
        yield


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> None:
    """A table and an empty line on stdout, or one line on stderr when there are no rows."""
    if not rows:
        talk.print(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    data.print(table)


def show_json(document: object) -> None:
    """Indented JSON on stdout."""
    data.print(json.dumps(document, indent=2, ensure_ascii=False), markup=False)


def show_error(text: str) -> None:
    """One clear line."""
    talk.print(f"[red]error:[/red] {escape(text)}")


def show_warning(text: str) -> None:
    """One loud line."""
    talk.print(f"[bold yellow]warning:[/bold yellow] {escape(text)}")


def size_text(size: int) -> str:
    """Bytes for people: 12.3 MB."""
    value = float(size)
    for unit in ("B", "KB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
