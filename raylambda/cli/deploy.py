"""`deploy`: a folder becomes a function, and what changed is said."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from raylambda.cli.connection import connect
from raylambda.cli.output import show_json, size_text, talk
from raylambda.sdk import FunctionSettings
from raylambda.sdk.deployment import Deployment, DeployOptions
from raylambda.sdk.packaging import PackagingError
from raylambda.settings import Settings


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
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Look first whether the handler and the runtime are there.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Say what changed as JSON.")] = False,
) -> None:
    """Package a folder and create the function, or update it when it exists, in one step."""
    options = DeployOptions(
        cache=Settings.from_environ(os.environ).home / "dependencies",
        name=name,
        settings=FunctionSettings(
            runtime=runtime, handler=handler, memory_mb=memory, timeout_s=timeout, environment=_variables(env)
        ),
        ray_options=_read_options(ray_options),
        publish=publish,
        check=check,
    )
    client = connect()
    with talk.status("Looking ...") as status:
        tell = dataclasses.replace(options, tell=status.update)
        done = client.deploy(folder, tell)
        function = client.wait_until_active(done.function.name) if done.changed else done.function
    if as_json:
        show_json(
            {
                "Created": done.created,
                "CodeChanged": done.code_changed,
                "Differences": list(done.differences),
                "Version": done.version,
                "Configuration": dict(function.document),
            }
        )
        return
    _show(done)


def _show(done: Deployment) -> None:
    function, size = done.function, size_text(done.package_size)
    verb = "Created" if done.created else "Updated" if done.changed else "Unchanged:"
    version = f", version {done.version}" if done.version else ""
    talk.print(f"{verb} {function.arn} ({function.runtime}, {size}){version}", markup=False)
    if not done.created:
        if done.code_changed:
            talk.print(f"  code: updated ({size})", markup=False)
        for difference in done.differences:
            talk.print(f"  {_line(difference)}", markup=False)
        if not done.changed:
            talk.print("  nothing changed", markup=False)
    talk.print(f"invoke it: raylambda invoke {function.name} --payload '{{}}' --tail", markup=False, style="dim")


def _line(difference: Mapping[str, Any]) -> str:
    """``MemorySize 128 -> 256``; values of environment variables may be secrets and are not shown."""
    member = str(difference["Member"])
    if member.startswith("Environment."):
        how = "added" if "From" not in difference else "removed" if "To" not in difference else "changed"
        return f"{member.removeprefix('Environment.Variables.')}: {how} (environment)"
    return f"{member} {json.dumps(difference.get('From'))} -> {json.dumps(difference.get('To'))}"


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
