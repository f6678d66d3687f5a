"""`up` and `env`: the platform itself."""

from __future__ import annotations

import dataclasses
import os
import shlex
import time
from collections.abc import Callable
from typing import Annotated

import typer
from rich.text import Text

from raylambda.cli.output import data, talk
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
