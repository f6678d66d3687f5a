"""`invoke`, `list`, `get` and `delete`: functions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from raylambda.cli.connection import connect
from raylambda.cli.output import data, progress, show_error, show_json, show_table, size_text, talk
from raylambda.sdk.packaging import PackagingError

Name = Annotated[str, typer.Argument(help="The function's name or ARN.")]


def invoke(
    name: Name,
    payload: Annotated[str, typer.Option(help="JSON, @FILE, or - for standard input.")] = "{}",
    tail: Annotated[bool, typer.Option("--tail", help="Show the end of the log.")] = False,
    event: Annotated[bool, typer.Option("--event", help="Asynchronously: accepted now, run soon.")] = False,
    qualifier: Annotated[str | None, typer.Option(help="A version or an alias.")] = None,
) -> None:
    """Invoke a function; its answer goes to stdout. A function error gives exit status 1."""
    body = _payload(payload)
    with progress(f"Invoking {name} ..."):
        answer = connect().invoke(name, body, qualifier, "Event" if event else "RequestResponse", tail and not event)
    if answer.log_tail:
        talk.print(answer.log_tail.rstrip("\n"), markup=False, style="dim")
    if event:
        talk.print(f"accepted as {answer.request_id}")
        return
    sys.stdout.buffer.write(answer.payload + b"\n")
    sys.stdout.flush()
    if answer.function_error:
        show_error(f"{name} failed ({answer.function_error}); its log: raylambda logs {name}")
        raise typer.Exit(1)


def _payload(text: str) -> bytes:
    if text == "-":
        return sys.stdin.buffer.read()
    if not text.startswith("@"):
        return text.encode()
    try:
        return Path(text[1:]).read_bytes()
    except OSError as error:
        raise PackagingError(f"the payload cannot be read: {error}") from error


def list_functions() -> None:
    """List the functions of this account and region."""
    with progress("Asking the platform ..."):
        found = sorted(connect().list_functions(), key=lambda function: function.name)
    rows = [
        (
            one.name,
            one.runtime,
            one.handler,
            f"{one.memory_mb} MB",
            f"{one.timeout_s} s",
            size_text(one.code_size),
            one.last_modified,
        )
        for one in found
    ]
    columns = ("NAME", "RUNTIME", "HANDLER", "MEMORY", "TIMEOUT", "CODE", "LAST MODIFIED")
    show_table(columns, rows, "No functions yet: `raylambda deploy DIR` makes one.")


def get(name: Name, qualifier: Annotated[str | None, typer.Option(help="A version or an alias.")] = None) -> None:
    """Show a function's configuration and where its code is, as JSON."""
    with progress("Asking the platform ..."):
        found = connect().get_function(name, qualifier)
    show_json({**found.document, "CodeLocation": found.code_location, "Tags": dict(found.tags)})


def delete(name: Name, qualifier: Annotated[str | None, typer.Option(help="Only this version.")] = None) -> None:
    """Delete a function with its versions and aliases, or one version."""
    with progress(f"Deleting {name} ..."):
        connect().delete_function(name, qualifier)
    data.print(f"deleted {name}{f':{qualifier}' if qualifier else ''}", markup=False)
