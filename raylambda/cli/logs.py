"""`logs`: what functions wrote."""

from __future__ import annotations

import dataclasses
import re
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from raylambda.cli.arguments import add_function, add_json
from raylambda.cli.connection import connect
from raylambda.cli.output import hint, show, show_json_line

if TYPE_CHECKING:
    from raylambda.sdk import Client, LogQuery, LogRecord

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_PAGE_S = 60
_PAGE_LINES = 100
_MOST_LINES = 10_000
_NO_REQUEST = "-" * 36


def declare(parser: ArgumentParser) -> None:
    parser.description = (
        "Show what a function wrote, oldest line first, with the time in UTC at which its host read each line. Without "
        f"--since, --until and --limit it is what came in the last minute, or else the last {_PAGE_LINES} lines."
    )
    add_function(parser)
    parser.add_argument("--follow", "-f", action="store_true", help="go on as the function writes, until Ctrl-C")
    moment = "30s, 10m, 2h, 1d ago, or a time like 2026-01-31T12:00Z"
    parser.add_argument("--since", type=_moment, metavar="TIME", help=f"only what is newer: {moment}")
    parser.add_argument("--until", type=_moment, metavar="TIME", help="only what is older, in the same words")
    parser.add_argument("--limit", type=_limit, metavar="N", help="the newest so many lines, at most 10000")
    parser.add_argument("--filter", dest="text", metavar="TEXT", help="only lines with this text in them")
    parser.add_argument("--request-id", metavar="ID", help="only what this invocation wrote")
    parser.add_argument(
        "--with-request-id", action="store_true", help="before each line, the id of the invocation that wrote it"
    )
    parser.add_argument("--no-times", dest="times", action="store_false", help="the lines alone")
    parser.add_argument("--raw", action="store_true", help="control characters as they are")
    add_json(parser, "a JSON object per line with time (epoch milliseconds), stream, message and request_id")
    parser.set_defaults(run=logs)


def logs(
    name: str,
    *,
    follow: bool,
    since: int | None,
    until: int | None,
    limit: int | None,
    text: str | None,
    request_id: str | None,
    with_request_id: bool,
    times: bool,
    raw: bool,
    as_json: bool,
) -> None:
    """Show a function's log."""
    from raylambda.sdk import LogQuery, LogSearchEnded  # noqa: PLC0415  # starts slowly

    client = connect()
    query = LogQuery(since, limit, None, follow, until, text, request_id, requests=with_request_id or as_json)
    try:
        for record in _records(client, name, query):
            if as_json:
                show_json_line(
                    {
                        "time": record.time_ms,
                        "stream": record.stream,
                        "message": record.message,
                        "request_id": record.request_id,
                    }
                )
                continue
            stamp = f"{utc(record.time_ms / 1000)}  " if times else ""
            whose = f"{record.request_id or _NO_REQUEST}  " if with_request_id else ""
            if raw:
                sys.stdout.write(f"{stamp}{whose}{record.message}\n")
            else:
                show(f"{stamp}{whose}{record.message}", lines=True)
            if follow:
                sys.stdout.flush()
    except LogSearchEnded as ended:
        moment = utc(ended.searched_to_ms / 1000)
        hint(f"searched back to {moment}; what is older: --until {moment.replace(' ', 'T')}")


def _records(client: Client, name: str, query: LogQuery) -> Iterator[LogRecord]:
    """The lines of the query, or those of a page when it names no end."""
    from raylambda.sdk import LogQuery  # noqa: PLC0415  # starts slowly

    if not any(client.logs(name, LogQuery(limit=1))):
        client.get_function(name)  # a log outlives its function; without either, the name is wrong
    if (query.since_ms, query.until_ms, query.limit, query.request_id) == (None, None, None, None):
        lately = dataclasses.replace(query, since_ms=int((time.time() - _PAGE_S) * 1000))
        anything = any(client.logs(name, dataclasses.replace(lately, limit=1, follow=False)))
        query = lately if anything else dataclasses.replace(query, limit=_PAGE_LINES)
    count = 0
    for count, record in enumerate(client.logs(name, query), 1):  # noqa: B007
        yield record
    if count == _MOST_LINES:
        hint(f"these are the newest {count} lines; what is older: --until")


def utc(epoch_s: float) -> str:
    """``2026-01-31 12:00:00.000Z``."""
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + "Z"


def _moment(text: str) -> int:
    """Epoch milliseconds of ``10m`` (ago) or of an ISO time, which is UTC unless it says otherwise."""
    if span := re.fullmatch(r"(\d{1,9})([smhd])", text, re.ASCII):
        return max(0, int((time.time() - int(span[1]) * _SECONDS[span[2]]) * 1000))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no time: use 30s, 10m, 2h, 1d or 2026-01-31T12:00Z") from None
    return max(0, int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000))


def _limit(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_LINES:
        raise ArgumentTypeError(f"{text!r} is no number from 1 to 10000")
    return int(text)
