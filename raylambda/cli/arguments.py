"""The command line's grammar: argparse with our manners, and what several commands take."""

from __future__ import annotations

import argparse
import sys
from enum import StrEnum
from typing import Any, NoReturn

from raylambda.cli.output import show_error


class Words(StrEnum):
    """What a shell completes an argument with, where it is not one of fixed choices."""

    FUNCTIONS = "functions"
    FILES = "files"


class Parser(argparse.ArgumentParser):
    """A wrong command line is one clear line and exit status 2; options are not abbreviated, so that new ones break no script."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        show_error(f"{message}; `{self.prog} -h` tells more")
        sys.exit(2)


def complete_with(argument: argparse.Action, words: Words) -> None:
    """Say what the shell offers for this argument."""
    argument.words = words  # type: ignore[attr-defined]


def add_function(parser: argparse.ArgumentParser) -> None:
    """The one function that a command is about."""
    complete_with(
        parser.add_argument("name", metavar="FUNCTION", help="the function's name or ARN"), words=Words.FUNCTIONS
    )


def add_qualifier(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--qualifier", help=text)


def add_json(parser: argparse.ArgumentParser, text: str) -> None:
    """Every command can be read by a program; ``text`` says what it prints then."""
    parser.add_argument("--json", dest="as_json", action="store_true", help=f"for programs: {text}")
