"""`deploy`: a folder becomes a function."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raylambda.cli.arguments import Words, add_json, complete_with
from raylambda.cli.connection import connect
from raylambda.cli.output import hint, progress, say, show_json, size_text
from raylambda.cli.packaging import PackagingError, build_package, guess_entry_point
from raylambda.settings import Settings

if TYPE_CHECKING:
    from raylambda.sdk import Client, FunctionSettings


def declare(parser: ArgumentParser) -> None:
    folder = parser.add_argument("folder", type=Path, metavar="DIR", help="code, and perhaps a requirements.txt")
    complete_with(folder, Words.FILES)
    parser.add_argument("--name", help="the function; without it, the folder's name")
    parser.add_argument("--runtime", help="for example python3.11; without it, guessed from the files")
    parser.add_argument("--handler", help="for example app.handler; without it, guessed from the files")
    parser.add_argument("--memory", type=int, metavar="MB", help="memory in MB")
    parser.add_argument("--timeout", type=int, metavar="S", help="time limit in seconds")
    parser.add_argument(
        "--env",
        type=_variable,
        action="append",
        metavar="NAME=VALUE",
        help="a variable; may be given several times, and replaces what was there",
    )
    options = parser.add_argument(
        "--ray-options", type=Path, metavar="FILE", help="JSON: runtime_env, num_gpus, resources, label_selector"
    )
    complete_with(options, Words.FILES)
    parser.add_argument("--publish", action="store_true", help="publish a version of it")
    add_json(parser, "what was done and the function's configuration as a JSON object")
    parser.set_defaults(run=deploy)


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def deploy(
    folder: Path,
    *,
    name: str | None,
    runtime: str | None,
    handler: str | None,
    memory: int | None,
    timeout: int | None,
    env: list[tuple[str, str]] | None,
    ray_options: Path | None,
    publish: bool,
    as_json: bool,
) -> None:
    """Package a folder and create the function, or update it when it exists."""
    settings = _settings(folder, runtime, handler)
    settings = dataclasses.replace(
        settings, memory_mb=memory, timeout_s=timeout, environment=dict(env) if env else None
    )
    given_options = _read_options(ray_options)
    function = name or _name_of(folder)
    client = connect()
    with progress(f"Packaging {folder} ..."):
        package = build_package(folder, settings.runtime or "", Settings.from_environ(os.environ).home / "dependencies")
    with progress(f"Deploying {function} ({size_text(len(package))}) ..."):
        done = _create_or_update(client, function, package, settings)
        if given_options is not None:
            client.ray_options.put(function, given_options)
        found = client.wait_until_active(function)
        version = client.publish_version(function).version if publish else None
    if as_json:
        show_json({"Done": done, "Version": version, "Configuration": dict(found.document)})
        return
    size = size_text(len(package))
    say(f"{done} {found.arn} ({found.runtime}, {size}){f', version {version}' if version else ''}")
    hint(f"invoke it: raylambda invoke {function} --payload '{{}}' --tail")


def _settings(folder: Path, runtime: str | None, handler: str | None) -> FunctionSettings:
    from raylambda.sdk import FunctionSettings  # noqa: PLC0415  # httpx starts slowly

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
    from raylambda.sdk import LambdaApiError  # noqa: PLC0415

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
