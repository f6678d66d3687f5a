"""`completion`: scripts for shells, and the answers to what these scripts ask at each TAB."""

from __future__ import annotations

import argparse
import os
import re
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from threading import Thread
from typing import Final

from raylambda.cli.arguments import Words, add_json
from raylambda.cli.connection import connect
from raylambda.cli.output import show_json, visible

QUESTION: Final = "__complete"
"""The scripts' command: `raylambda __complete WORD...` prints what the last word, which may be empty, can become."""

FILES: Final = ":files"
"""The answer that leaves it to the shell to complete with files."""

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""A function's; what else a platform may answer would be code in somebody's shell."""

_PATIENCE_S: Final = 1.5

SCRIPTS: Final = {
    "bash": f"""\
_raylambda() {{
    local found
    mapfile -t found < <(raylambda {QUESTION} "${{COMP_WORDS[@]:1:COMP_CWORD}}" 2>/dev/null)
    if [[ ${{found[0]-}} == {FILES} ]]; then
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "${{COMP_WORDS[COMP_CWORD]}}")
    else
        COMPREPLY=("${{found[@]}}")
    fi
}}
complete -F _raylambda raylambda
""",
    "zsh": f"""\
#compdef raylambda
_raylambda() {{
    local -a found
    found=(${{(f)"$(raylambda {QUESTION} "${{(@)words[2,CURRENT]}}" 2>/dev/null)"}})
    if [[ $found[1] == {FILES} ]]; then
        _files
    else
        compadd -a found
    fi
}}
(( $+functions[compdef] )) || {{ autoload -Uz compinit && compinit }}
compdef _raylambda raylambda
""",
    "fish": f"""\
function __raylambda_complete
    set -l words (commandline -opc)[2..-1] (commandline -ct)
    set -l found (raylambda {QUESTION} $words 2>/dev/null)
    if test "$found[1]" = {FILES}
        __fish_complete_path (commandline -ct)
    else
        for one in $found
            printf '%s\\n' $one
        end
    end
end
complete -c raylambda -f -a '(__raylambda_complete)'
""",
}


def declare(parser: ArgumentParser) -> None:
    parser.description = (
        "Print what makes a shell complete commands, options and function names. For this shell: "
        'eval "$(raylambda completion bash)" (or zsh), or raylambda completion fish | source; put that into ~/.bashrc, '
        "~/.zshrc or ~/.config/fish/config.fish for all."
    )
    parser.add_argument("shell", choices=tuple(SCRIPTS), help="the shell")
    add_json(parser, "the script as a JSON object")
    parser.set_defaults(run=completion)


def completion(shell: str, as_json: bool) -> None:
    """Print a shell's script."""
    if as_json:
        show_json({"shell": shell, "script": SCRIPTS[shell]})
    else:
        sys.stdout.write(SCRIPTS[shell])


def answer(grammar: ArgumentParser, words: Sequence[str]) -> None:
    """Print a candidate per line. Nothing is said about anything that fails: people are typing."""
    for candidate in candidates(grammar, words, _function_names):
        sys.stdout.write(f"{visible(candidate)}\n")
    sys.stdout.flush()
    os._exit(0)  # a platform that does not answer keeps a thread


def candidates(grammar: ArgumentParser, words: Sequence[str], names: Callable[[], Sequence[str]]) -> Iterator[str]:
    """What the last of the words can become; ``names`` asks for the functions. Pure but for that."""
    *before, last = words or [""]
    parser, before = _command(grammar, before)
    options = [action for action in parser._actions if action.option_strings]  # argparse has no other way
    positional = [action for action in parser._actions if not action.option_strings]
    wanted, value = _awaits(options, before), last
    if wanted is None and "=" in last:
        name, _, value = last.partition("=")
        wanted = next((one for one in options if name in one.option_strings and one.nargs is None), None)
    elif wanted is None and last.startswith("-"):
        yield from (name for one in options for name in one.option_strings if name.startswith(last))
        return
    if wanted is None:
        wanted = dict(enumerate(positional)).get(_given(options, before))
    if wanted is not None:
        yield from _values(wanted, value, names)


def _command(grammar: ArgumentParser, words: Sequence[str]) -> tuple[ArgumentParser, list[str]]:
    """The command that is written already, and what is written behind it."""
    for action in grammar._actions:
        if isinstance(action, argparse._SubParsersAction):
            for number, word in enumerate(words):
                if word in action.choices:
                    return action.choices[word], list(words[number + 1 :])
    return grammar, list(words)


def _awaits(options: Sequence[argparse.Action], words: Sequence[str]) -> argparse.Action | None:
    """The option whose value comes next."""
    return next((one for one in options if words and words[-1] in one.option_strings and one.nargs is None), None)


def _given(options: Sequence[argparse.Action], words: Sequence[str]) -> int:
    """How many positional arguments are written."""
    return sum(
        not word.startswith("-") and _awaits(options, words[:number]) is None for number, word in enumerate(words)
    )


def _values(action: argparse.Action, value: str, names: Callable[[], Sequence[str]]) -> Iterator[str]:
    words = getattr(action, "words", None)
    if words is Words.FILES:
        yield FILES
        return
    known = names() if words is Words.FUNCTIONS else action.choices or ()
    yield from (one for one in known if one.startswith(value))


def _function_names() -> list[str]:
    """The functions of the platform that this shell means; none when it does not answer soon."""
    found: list[str] = []

    def ask() -> None:
        try:
            found.extend(function.name for function in connect().list_functions())
        except Exception:  # whatever it is, a TAB must not print it
            found.clear()

    asking = Thread(target=ask, daemon=True)
    asking.start()
    asking.join(_PATIENCE_S)
    return sorted(name for name in found if _NAME.fullmatch(name))
