"""`invoke`: an event for a function, and its answer."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raylambda.cli.arguments import add_function, add_json, add_qualifier
from raylambda.cli.connection import connect
from raylambda.cli.output import hint, progress, say, show, show_bytes, show_error, show_json

if TYPE_CHECKING:
    from raylambda.sdk import InvokeResult


class PayloadUnreadable(Exception):
    """The file of the payload cannot be read; the text says why."""


def declare(parser: ArgumentParser) -> None:
    parser.description = "Invoke a function; its answer goes to stdout. A function error gives exit status 1."
    add_function(parser)
    parser.add_argument("--payload", default="{}", help="JSON, @FILE, or - for standard input; without it: {}")
    parser.add_argument("--tail", action="store_true", help="show the end of the log")
    parser.add_argument("--event", action="store_true", help="asynchronously: accepted now, run soon")
    add_qualifier(parser, "a version or an alias")
    parser.add_argument("--raw", action="store_true", help="control characters as they are, also on a terminal")
    add_json(parser, "answer, request id, version, error and log as a JSON object")
    parser.set_defaults(run=invoke)


def invoke(name: str, payload: str, *, tail: bool, event: bool, qualifier: str | None, raw: bool, as_json: bool) -> int:
    """Invoke; the exit status."""
    body = _payload(payload)
    with progress(f"Invoking {name} ..."):
        answer = connect().invoke(name, body, qualifier, "Event" if event else "RequestResponse", tail and not event)
    if as_json:
        show_json(_document(answer))
        return 1 if answer.function_error else 0
    if answer.log_tail:
        _show_tail(answer.log_tail, raw)
    if event:
        say(f"accepted as {answer.request_id}")
        return 0
    if sys.stdout.isatty() and not raw:  # a dumb one, too, obeys what it knows
        show(answer.payload.decode("utf-8", "replace"), lines=True)
    else:
        show_bytes(answer.payload + b"\n")
    if answer.function_error:
        show_error(f"{name} failed ({answer.function_error}); its log: raylambda logs {name}")
        return 1
    return 0


def _show_tail(text: str, raw: bool) -> None:
    if raw:
        sys.stderr.write(text)
        sys.stderr.flush()
    else:
        hint(text.rstrip("\n"))


def _document(answer: InvokeResult) -> dict[str, Any]:
    """What AWS's API answers in headers and body. An answer that is no JSON is told as text."""
    try:
        payload: Any = json.loads(answer.payload) if answer.payload else None
    except ValueError:
        payload = answer.payload.decode("utf-8", "replace")
    return {
        "StatusCode": answer.status,
        "RequestId": answer.request_id,
        "ExecutedVersion": answer.executed_version,
        "FunctionError": answer.function_error,
        "Payload": payload,
        "Log": answer.log_tail.splitlines() if answer.log_tail else None,
    }


def _payload(text: str) -> bytes:
    if text == "-":
        return sys.stdin.buffer.read()
    if not text.startswith("@"):
        return text.encode("utf-8", "surrogateescape")
    try:
        return Path(text[1:]).read_bytes()
    except OSError as error:
        raise PayloadUnreadable(f"the payload cannot be read: {error}") from error
