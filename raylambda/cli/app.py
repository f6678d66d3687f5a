"""The commands together, and what happens to their errors."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from raylambda import __version__
from raylambda.cli import completion, deploy, env, functions, invoke, logs, status, up
from raylambda.cli.arguments import Parser
from raylambda.cli.output import show_error

COMMANDS: Final[dict[str, tuple[Callable[[ArgumentParser], None], str]]] = {
    "up": (up.declare, "Start a platform and run it until Ctrl-C."),
    "env": (env.declare, "Show or write what AWS's tools need to find this machine's platform."),
    "deploy": (deploy.declare, "Package a folder and create the function, or update it when it exists."),
    "invoke": (invoke.declare, "Invoke a function; its answer goes to stdout."),
    "list": (functions.declare_list, "List the functions of this account and region."),
    "get": (functions.declare_get, "Show a function's configuration and where its code is."),
    "delete": (functions.declare_delete, "Delete a function with its versions and aliases, or one version."),
    "logs": (logs.declare, "Show what a function wrote, oldest line first."),
    "status": (status.declare, "Show functions, queue and nodes, or why a function waits."),
    "completion": (completion.declare, "Print what makes a shell complete commands, options and function names."),
}
"""Each command's declaration and summary. A declaration adds arguments, and sets ``run``, which takes them by name."""


def grammar() -> Parser:
    """The whole command line. Declaring costs next to nothing: commands import what they need when they run."""
    parser = Parser(prog="raylambda", description="AWS Lambda's programming model on a Ray cluster that you own.")
    parser.add_argument("--version", action="version", version=f"raylambda {__version__}", help="show the version")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    for name, (declare, summary) in COMMANDS.items():
        declare(commands.add_parser(name, help=summary, description=summary))
    return parser


def main() -> None:
    """The console script; every expected failure is one line and exit status 1."""
    _open_standard_streams()
    arguments = sys.argv[1:]
    if arguments[:1] == [completion.QUESTION]:
        completion.answer(grammar(), arguments[1:])
    else:
        sys.exit(run(arguments))


def run(arguments: Sequence[str]) -> int:
    """Run a command line; the exit status. Raises ``SystemExit`` for help and for a wrong command line."""
    options: dict[str, Any] = vars(grammar().parse_args(arguments or ["-h"]))
    try:
        status: int | None = options.pop("run")(**options)
        sys.stdout.flush()
    except BrokenPipeError:  # who reads us has enough
        _forget_output()
        return 141  # what a shell says of a program that SIGPIPE ended
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        from raylambda.cli.failures import one_line  # noqa: PLC0415  # it knows the errors of parts that start slowly

        text = one_line(error)
        if text is None:
            raise
        if isinstance(error, OSError):
            _forget_output()
        show_error(text)
        return 1
    return status or 0


def _forget_output() -> None:
    """What is still buffered must not fail again when the interpreter ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_standard_streams() -> None:
    """A stream that was closed takes what it is given and keeps nothing; letters that a stream cannot encode are escaped."""
    for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_RDWR), number)
            setattr(sys, name, open(os.devnull, "r+" if name == "stdin" else "w", encoding="utf-8"))  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
