"""`deploy`: a folder becomes a function, and what changed is said."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raylambda.cli.arguments import Words, add_json, complete_with
from raylambda.cli.connection import connect
from raylambda.cli.output import hint, progress, say, show_json, size_text

if TYPE_CHECKING:
    from raylambda.sdk import Deployment


def declare(parser: ArgumentParser) -> None:
    folder = parser.add_argument("folder", type=Path, metavar="DIR", help="code, and perhaps a requirements.txt")
    complete_with(folder, Words.FILES)
    parser.add_argument("--name", help="the function; without it, the folder's name")
    parser.add_argument(
        "--runtime", help="for example python3.11; without it, the function's own or guessed from the files"
    )
    parser.add_argument(
        "--handler", help="for example app.handler; without it, the function's own or guessed from the files"
    )
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
    parser.add_argument(
        "--no-check",
        dest="check",
        action="store_false",
        help="do not look first whether handler, runtime and node_modules are there",
    )
    parser.add_argument("--fresh", action="store_true", help="install the dependencies again")
    add_json(parser, "what changed and the function's configuration as a JSON object")
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
    check: bool,
    fresh: bool,
    as_json: bool,
) -> None:
    """Package a folder and create the function, or update it when it exists, in one step."""
    from raylambda.sdk import DeployOptions, FunctionSettings  # noqa: PLC0415  # starts slowly

    settings = FunctionSettings(
        runtime=runtime,
        handler=handler,
        memory_mb=memory,
        timeout_s=timeout,
        environment=dict(env) if env else None,
    )
    client = connect()
    with progress(f"Deploying {folder} ...") as tell:
        options = DeployOptions(
            name=name,
            settings=settings,
            ray_options=_read_options(ray_options),
            publish=publish,
            check=check,
            fresh=fresh,
            tell=tell,
        )
        done = client.deploy(folder, options)
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
    say(f"{verb} {function.arn} ({function.runtime}, {size}){version}")
    if not done.created:
        if done.code_changed:
            say(f"  code: updated ({size})")
        for difference in done.differences:
            say(f"  {_line(difference)}")
        if not done.changed:
            say("  nothing changed")
    hint(f"invoke it: raylambda invoke {function.name} --payload '{{}}' --tail")


def _line(difference: Mapping[str, Any]) -> str:
    """``MemorySize 128 -> 256``; values of environment variables may be secrets and are not shown."""
    member = str(difference["Member"])
    if member.startswith("Environment."):
        how = "added" if "From" not in difference else "removed" if "To" not in difference else "changed"
        return f"{member.removeprefix('Environment.Variables.')}: {how} (environment)"
    return f"{member} {json.dumps(difference.get('From'))} -> {json.dumps(difference.get('To'))}"


def _read_options(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    from raylambda.sdk.packaging import PackagingError  # noqa: PLC0415  # starts slowly

    try:
        options = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise PackagingError(f"the Ray options in {path} cannot be read: {error}") from error
    if not isinstance(options, dict):
        raise PackagingError(f"the Ray options in {path} are not a JSON object")
    return options
