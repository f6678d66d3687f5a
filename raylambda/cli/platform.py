"""`up`, `env` and `status`: the platform itself."""

from __future__ import annotations

import dataclasses
import os
import shlex
import time
from typing import Annotated, Any

import typer

from raylambda.cli.connection import connect, own_connection
from raylambda.cli.output import data, progress, show_json, show_table, talk
from raylambda.settings import Settings


class CannotStart(Exception):
    """The platform cannot start; the text says what to do."""


def up(
    port: Annotated[int | None, typer.Option(help="Port of the front door.")] = None,
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
    from raylambda.boot import BootError, run  # noqa: PLC0415  # Ray and FastAPI take seconds to import
    from raylambda.telemetry.setup import set_up_logging  # noqa: PLC0415

    set_up_logging()
    began = time.monotonic()
    try:
        run(settings, lambda text: talk.print(f"[dim]{time.monotonic() - began:5.1f} s[/dim]  {text}"))
    except BootError as error:
        raise CannotStart(str(error)) from error


def env() -> None:
    """Print the export lines that let boto3, the AWS CLI and SAM find this machine's platform: eval "$(raylambda env)"."""
    found = own_connection(os.environ)
    variables = {
        "AWS_ENDPOINT_URL_LAMBDA": found.endpoint,
        "AWS_ACCESS_KEY_ID": found.key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": found.key.secret,
        "AWS_REGION": found.region,
        "AWS_DEFAULT_REGION": found.region,
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
    data.print(f"raylambda {found['version']}, requests: {found['auth']}, store: {found['store']}", markup=False)
    show_table(
        ("NODE", "ADDRESS", "ALIVE", "CPU", "GPU", "MEMORY"), [_node(node) for node in found["nodes"]], "No nodes."
    )
    show_table(("HOST", "NODE", "PID", "ISOLATION"), [_host(host) for host in found["hosts"]], "No hosts yet.")
    show_table(
        ("ENVIRONMENT", "FUNCTION", "STATE", "FOR", "HOST"),
        [_environment(one, host) for host in found["fleet"]["hosts"] for one in host["environments"]],
        "No environments: nothing has been invoked lately.",
    )
    for warning in sorted({warning for host in found["hosts"] for warning in host["warnings"]}):
        talk.print(f"[yellow]warning:[/yellow] {warning}")


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
    return (host["host_id"], host["node_name"], str(host["pid"]), ", ".join(host["isolation"]))


def _environment(environment: dict[str, Any], host: dict[str, Any]) -> tuple[str, ...]:
    function = f"{environment['function']}:{environment['version']}"
    return (
        environment["environment_id"],
        function,
        environment["state"],
        f"{environment['for_s']:.0f} s",
        host["host_id"],
    )
