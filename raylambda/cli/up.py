"""`up`: a platform, and what it says while it starts and stops."""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType

from raylambda.cli.arguments import add_json
from raylambda.cli.output import is_terminal, say_styled, show_json_line
from raylambda.settings import Settings


class CannotStart(Exception):
    """The platform cannot start; the text says what to do."""


def declare(parser: ArgumentParser) -> None:
    parser.add_argument("--port", type=_port, help="port of the front door; 0 takes a free one")
    parser.add_argument("--host", help="address of the front door")
    parser.add_argument(
        "--ray-address",
        metavar="ADDRESS",
        help="a Ray cluster to join (`auto`, or host:port); without it, one of its own is started",
    )
    add_json(parser, "each step as a line of JSON on stdout; the one with `endpoint` says that invocations are served")
    parser.set_defaults(run=up)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise ArgumentTypeError(f"{text!r} is no port: it takes 0 to 65535")
    return int(text)


def up(port: int | None, host: str | None, ray_address: str | None, as_json: bool) -> None:
    """Run until Ctrl-C."""
    settings = Settings.from_environ(os.environ)
    settings = dataclasses.replace(
        settings,
        port=settings.port if port is None else port,
        host=host or settings.host,
        ray_address=ray_address or settings.ray_address,
    )
    with Steps(as_json) as steps:
        steps.wait("loading Ray")
        from raylambda.boot import BootError  # noqa: PLC0415
        from raylambda.boot.up import run  # noqa: PLC0415  # Ray and FastAPI take seconds to import
        from raylambda.telemetry.setup import set_up_logging  # noqa: PLC0415

        set_up_logging()
        try:
            run(settings, steps)
        except BootError as error:
            raise CannotStart(str(error)) from error


class Steps(AbstractContextManager["Steps"]):
    """``boot.up.Say``: a line for each step with the seconds since the start, on stderr, or as JSON on stdout.

    A terminal shows beneath how long the step takes that is under way.
    """

    def __init__(self, as_json: bool = False) -> None:
        self._as_json = as_json
        self._began = time.monotonic()
        self._live = ExitStack()

    def __call__(self, text: str, *, warning: bool = False, waits: bool = False, **facts: str) -> None:
        self._live.close()
        seconds = time.monotonic() - self._began
        if self._as_json:
            show_json_line(
                {"seconds": round(seconds, 3), "step": text, **({"warning": True} if warning else {}), **facts}
            )
            return
        say_styled(f"{seconds:5.1f} s  ", f"WARNING: {text}" if warning else text, "1;33" if warning else "")
        if waits:
            self.wait(text)

    def wait(self, text: str) -> None:
        """Show that a step is under way; its time goes on until the next step. Nothing where there is no terminal."""
        if self._as_json or not is_terminal(sys.stderr):
            return
        from rich.console import Console  # noqa: PLC0415
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        live = self._live.enter_context(Progress(*columns, console=Console(stderr=True), transient=True))
        live.add_task(text, total=None)

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._live.close()
