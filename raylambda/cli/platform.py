"""`up`, `env` and `status`: the platform itself."""

from __future__ import annotations

import dataclasses
import os
import shlex
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer
from rich.text import Text

from raylambda.cli.connection import connect
from raylambda.cli.output import data, progress, show_json, show_table, show_warning, talk
from raylambda.home import read_note
from raylambda.settings import Settings


class CannotStart(Exception):
    """The platform cannot start; the text says what to do."""


def up(
    port: Annotated[
        int | None, typer.Option(help="Port of the front door; 0 takes a free one.", min=0, max=65535)
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address of the front door.")] = None,
    ray_address: Annotated[
        str | None,
        typer.Option(help="A Ray cluster to join (`auto`, or host:port); without it, one of its own is started."),
    ] = None,
) -> None:
    """Start a platform and run it until Ctrl-C."""
    settings = Settings.from_environ(os.environ)
    settings = dataclasses.replace(
        settings,
        port=settings.port if port is None else port,
        host=host or settings.host,
        ray_address=ray_address or settings.ray_address,
    )
    from raylambda.boot import BootError  # noqa: PLC0415
    from raylambda.boot.up import run  # noqa: PLC0415  # Ray and FastAPI take seconds to import
    from raylambda.telemetry.setup import set_up_logging  # noqa: PLC0415

    set_up_logging()
    try:
        run(settings, _step_printer())
    except BootError as error:
        raise CannotStart(str(error)) from error


def _step_printer() -> Callable[[str], None]:
    """Print a line for each step of starting and stopping, with the time since now; warnings loudly."""
    began = time.monotonic()

    def show(text: str) -> None:
        style = "bold yellow" if text.startswith("WARNING") else ""
        talk.print(f"[dim]{time.monotonic() - began:5.1f} s[/dim]  ", Text(text, style), sep="")

    return show


def env() -> None:
    """Print the lines that let boto3, the AWS CLI, SAM and `ray` find this machine's platform: eval "$(raylambda env)"."""
    found = read_note(Settings.from_environ(os.environ).home)
    variables = {
        "AWS_ENDPOINT_URL_LAMBDA": found.endpoint,
        "AWS_ACCESS_KEY_ID": found.access_key_id,
        "AWS_SECRET_ACCESS_KEY": found.secret_access_key,
        "AWS_REGION": found.region,
        "AWS_DEFAULT_REGION": found.region,
        "RAY_ADDRESS": found.ray_address,
        "RAY_AUTH_MODE": found.ray_auth_mode,
    }
    for name, value in variables.items():
        data.print(f"export {name}={shlex.quote(value)}", markup=False)
    # A session token of other credentials would make the key unknown.
    data.print("unset AWS_SESSION_TOKEN", markup=False)


def status(as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False) -> None:
    """Show nodes, hosts, environments and the isolation in force."""
    with progress("Asking the platform ..."):
        found = connect().status()
    if as_json:
        show_json(found)
        return
    data.print(f"raylambda {found['version']}, requests: {found['auth']}, store: {found['store']}\n", markup=False)
    show_table(
        ("NODE", "ADDRESS", "ALIVE", "CPU", "GPU", "MEMORY"), [_node(node) for node in found["nodes"]], "No nodes."
    )
    show_table(("HOST", "NODE", "PID", "ISOLATION"), [_host(host) for host in found["hosts"]], "No hosts yet.")
    show_table(
        ("ENVIRONMENT", "FUNCTION", "STATE", "FOR", "HOST"),
        [_environment(one, host) for host in found["fleet"]["hosts"] for one in host["environments"]],
        "No environments: nothing has been invoked lately.",
    )
    for line in _isolation_lines(found["hosts"]):
        data.print(line, markup=False)
    if found["auth"] == "none":
        show_warning("requests are not checked: whoever reaches the front door runs code here")
    for warning in sorted({warning for host in found["hosts"] for warning in host["warnings"]}):
        show_warning(warning)


def _isolation_lines(hosts: list[dict[str, Any]]) -> Iterator[str]:
    """What holds functions in, and which runtimes there are: once for all hosts that agree."""
    alike: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for host in hosts:
        alike.setdefault((tuple(host["isolation"]), tuple(host["runtimes"])), []).append(host["host_id"])
    for (isolation, runtimes), names in alike.items():
        yield f"isolation of {', '.join(names)}: {isolation[0]}"
        yield from (f"  {part}" for part in isolation[1:])
        yield f"runtimes: {', '.join(runtimes)}"


def _node(node: dict[str, Any]) -> tuple[str, ...]:
    resources = node["resources"]
    memory_gb = resources.get("memory", 0) / 1e9
    alive = "yes" if node["alive"] else "no"
    return (
        node["node_id"][:12],
        node["name"],
        alive,
        f"{resources.get('CPU', 0):g}",
        f"{resources.get('GPU', 0):g}",
        f"{memory_gb:.1f} GB",
    )


def _host(host: dict[str, Any]) -> tuple[str, ...]:
    return (host["host_id"], host["node_name"], str(host["pid"]), host["isolation"][0])


def _environment(environment: dict[str, Any], host: dict[str, Any]) -> tuple[str, ...]:
    function = f"{environment['function']}:{environment['version']}"
    return (
        environment["environment_id"],
        function,
        environment["state"],
        f"{environment['for_s']:.0f} s",
        host["host_id"],
    )
