"""`logs`: what functions wrote."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from raylambda.cli.connection import connect
from raylambda.cli.output import data
from raylambda.sdk import LogQuery

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def logs(
    name: Annotated[str, typer.Argument(help="The function.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as the function writes.")] = False,
    since: Annotated[str | None, typer.Option(help="Only what is newer: 30s, 10m, 2h, 1d.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many lines.")] = 1000,
    times: Annotated[bool, typer.Option(help="Show when each line was read, in UTC.")] = True,
) -> None:
    """Show a function's log, oldest line first."""
    query = LogQuery(since_ms=_since_ms(since), limit=limit, follow=follow)
    client = connect()
    if not any(client.logs(name, LogQuery(limit=1))):
        client.get_function(name)  # a log outlives its function; without either, the name is wrong
    for record in client.logs(name, query):
        data.print(f"{_time(record.time_ms)}  {record.message}" if times else record.message, markup=False)


def _since_ms(text: str | None) -> int | None:
    if text is None:
        return None
    number, unit = text[:-1], text[-1:]
    if unit not in _SECONDS or not number.isdecimal():
        raise typer.BadParameter(f"{text!r} is no time span: use 30s, 10m, 2h or 1d", param_hint="--since")
    return max(0, int((time.time() - int(number) * _SECONDS[unit]) * 1000))


def _time(epoch_ms: int) -> str:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
