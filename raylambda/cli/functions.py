"""`deploy`, `invoke`, `list`, `get` and `delete`: functions."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from raylambda.cli.connection import connect
from raylambda.cli.output import data, progress, show_error, show_json, show_table, size_text, talk
from raylambda.cli.packaging import PackagingError, build_package, guess_entry_point
from raylambda.sdk import Client, FunctionSettings, LambdaApiError
from raylambda.settings import Settings

Name = Annotated[str, typer.Argument(help="The function's name or ARN.")]


def deploy(
    folder: Annotated[Path, typer.Argument(help="Code, and perhaps a requirements.txt.", metavar="DIR")],
    *,
    name: Annotated[str | None, typer.Option(help="The function; without it, the folder's name.")] = None,
    runtime: Annotated[
        str | None, typer.Option(help="For example python3.11; without it, guessed from the files.")
    ] = None,
    handler: Annotated[
        str | None, typer.Option(help="For example app.handler; without it, guessed from the files.")
    ] = None,
    memory: Annotated[int | None, typer.Option(help="Memory in MB.")] = None,
    timeout: Annotated[int | None, typer.Option(help="Time limit in seconds.")] = None,
    env: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE; may be given several times. Replaces what was there.")
    ] = None,
    ray_options: Annotated[
        Path | None, typer.Option(help="A JSON file: runtime_env, num_gpus, resources, label_selector.")
    ] = None,
    publish: Annotated[bool, typer.Option("--publish", help="Publish a version of it.")] = False,
) -> None:
    """Package a folder and create the function, or update it when it exists."""
    settings = _settings(folder, runtime, handler)
    settings = dataclasses.replace(settings, memory_mb=memory, timeout_s=timeout, environment=_variables(env))
    options = _read_options(ray_options)
    function = name or _name_of(folder)
    client = connect()
    with progress(f"Packaging {folder} ..."):
        package = build_package(folder, settings.runtime or "", Settings.from_environ(os.environ).home / "dependencies")
    with progress(f"Deploying {function} ({size_text(len(package))}) ..."):
        done = _create_or_update(client, function, package, settings)
        if options is not None:
            client.ray_options.put(function, options)
        found = client.wait_until_active(function)
        version = client.publish_version(function).version if publish else None
    size = size_text(len(package))
    talk.print(f"{done} {found.arn} ({found.runtime}, {size}){f', version {version}' if version else ''}", markup=False)
    talk.print(f"invoke it: raylambda invoke {function} --payload '{{}}' --tail", markup=False, style="dim")


def _settings(folder: Path, runtime: str | None, handler: str | None) -> FunctionSettings:
    if runtime is None or handler is None:
        if not folder.is_dir():
            raise PackagingError(f"{folder} is not a folder")
        guessed = guess_entry_point(folder)
        runtime, handler = runtime or guessed.runtime, handler or guessed.handler
    return FunctionSettings(runtime=runtime, handler=handler)


def _name_of(folder: Path) -> str:
    name = re.sub(r"[^A-Za-z0-9-_]+", "-", folder.resolve().name).strip("-")[:64]
    if not name:
        raise PackagingError(f"{folder} gives no function name: use --name")
    return name


def _variables(pairs: list[str] | None) -> dict[str, str] | None:
    if not pairs:
        return None
    for pair in pairs:
        if "=" not in pair:
            raise typer.BadParameter(f"{pair!r} is not NAME=VALUE", param_hint="--env")
    return dict(pair.split("=", 1) for pair in pairs)


def _read_options(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    try:
        options = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise PackagingError(f"the Ray options in {path} cannot be read: {error}") from error
    if not isinstance(options, dict):
        raise PackagingError(f"the Ray options in {path} are not a JSON object")
    return options


def _create_or_update(client: Client, name: str, package: bytes, settings: FunctionSettings) -> str:
    try:
        client.get_function(name)
    except LambdaApiError as error:
        if error.status != 404:
            raise
        client.create_function(name, package, settings)
        return "Created"
    client.wait_until_active(name)
    client.update_function_code(name, package)
    client.wait_until_active(name)
    client.update_function_configuration(name, settings)
    return "Updated"


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
