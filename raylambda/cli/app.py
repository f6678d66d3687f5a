"""The commands together, and what happens to their errors."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from raylambda import __version__
from raylambda.cli import deploy, functions, logs, platform, status
from raylambda.cli.output import show_error
from raylambda.home import HomeUnusable, NoPlatform
from raylambda.sdk import ClientError, PlatformUnreachable
from raylambda.settings import SettingsError


def _show_version(asked: bool) -> None:
    if asked:
        print(f"raylambda {__version__}")  # noqa: T201
        raise typer.Exit


app = typer.Typer(
    name="raylambda",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def about(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """AWS Lambda's programming model on a Ray cluster that you own."""


app.command()(platform.up)
app.command()(platform.env)
app.command()(deploy.deploy)
app.command()(functions.invoke)
app.command(name="list")(functions.list_functions)
app.command()(functions.get)
app.command()(functions.delete)
app.command()(logs.logs)
app.command()(status.status)


def main() -> None:
    """The console script; every expected failure is one line and exit status 1."""
    try:
        app()
    except PlatformUnreachable as error:
        show_error(f"{error}; is a platform running? `raylambda up` starts one")
    except (ClientError, HomeUnusable, NoPlatform, SettingsError, platform.CannotStart) as error:
        show_error(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
    else:
        return
    sys.exit(1)
