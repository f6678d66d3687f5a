"""The command line as a whole: what every command takes, what a shell completes, what starting it imports."""

from __future__ import annotations

import inspect
import io
import json
import os
import shlex
import shutil
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest

from raylambda.cli.app import COMMANDS, grammar
from raylambda.cli.completion import FILES, QUESTION, SCRIPTS, candidates
from raylambda.cli.invoke import invoke
from raylambda.sdk import InvokeResult

EXAMPLES = {
    "deploy": ["folder"],
    "invoke": ["hello"],
    "get": ["hello"],
    "delete": ["hello"],
    "logs": ["hello"],
    "completion": ["bash"],
}
PAGE = Path(__file__).parents[3] / "docs" / "command-line.md"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_json_and_gets_all_its_options(command: str) -> None:
    options = vars(grammar().parse_args([command, *EXAMPLES.get(command, []), "--json"]))

    run = options.pop("run")
    assert options["as_json"] is True
    assert options.keys() == inspect.signature(run).parameters.keys()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_place_in_the_page(command: str) -> None:
    assert f"`{command}`" in PAGE.read_text()


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        grammar().parse_args([command, flag])

    assert left.value.code == 0
    assert "--json" in capsys.readouterr().out


SLOW = {
    "ray",
    "httpx",
    "rich",
    "boto3",
    "botocore",
    "sqlalchemy",
    "sqlmodel",
    "fastapi",
    "starlette",
    "pydantic",
    "typer",
}


@pytest.mark.parametrize("arguments", [["--version"], ["-h"], ["list", "-h"], ["up", "-h"], ["__complete", "in"]])
def test_starting_imports_nothing_slow(arguments: list[str]) -> None:
    script = (
        "import sys, os, atexit\nfrom raylambda.cli import main\nsys.argv = ['raylambda', *sys.argv[1:]]\n"
        "os._exit = sys.exit\ntry:\n    main()\nexcept SystemExit:\n    pass\n"
        "import json\nsys.stderr.write(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )

    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)

    assert SLOW & set(json.loads(done.stderr)) == set()
    assert done.stdout


COMPLETED = {
    "in": ["invoke"],
    "invoke he": ["hello", "help"],
    "invoke --payload @x he": ["hello", "help"],
    "invoke hello ": [],
    "invoke hello --t": ["--tail"],
    "status --why ": ["hello", "help", "other"],
    "status --why=o": ["other"],
    "deploy ": [FILES],
    "deploy x --ray-options ": [FILES],
    "completion z": ["zsh"],
    "logs hello --with": ["--with-request-id"],
    "nothing ": [],
}


@pytest.mark.parametrize("line", COMPLETED)
def test_words_are_completed(line: str) -> None:
    assert list(candidates(grammar(), line.split(" "), lambda: ["hello", "help", "other"])) == COMPLETED[line]


def test_bash_completes_by_the_script(tmp_path: Path) -> None:
    (tmp_path / "some-folder").mkdir()
    tries = 'try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _raylambda; echo "${COMPREPLY[*]}"; }\n'
    tries += "compopt() { :; }\ntry raylambda st\ntry raylambda completion f\ntry raylambda deploy some\n"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    done = subprocess.run(
        ["bash", "-c", SCRIPTS["bash"] + tries],
        env={"PATH": path, "RAYLAMBDA_HOME": str(tmp_path), "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines() == ["status", "fish", "some-folder"]
    assert done.stderr == ""


class HostileNames(BaseHTTPRequestHandler):
    """A platform that answers what a shell might run, or take for files."""

    def do_GET(self) -> None:
        names = (
            "$(touch ran)",
            "`touch ran`",
            "*",
            "a b",
            "fine-1",
            "x;touch ran",
            "fine_2\n",
            "",
            "a" * 65,
            "\x1b[2J",
        )
        body = json.dumps(
            {"Functions": [{"FunctionName": name, "FunctionArn": f"arn:{name}"} for name in names]}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_only_names_that_functions_can_have_reach_a_shell(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), HostileNames) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        variables = {
            "AWS_ENDPOINT_URL_LAMBDA": f"http://127.0.0.1:{server.server_port}",
            "AWS_ACCESS_KEY_ID": "AKID",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
            "HOME": str(tmp_path),
        }
        done = subprocess.run(
            [sys.executable, "-c", "from raylambda.cli import main; main()", QUESTION, "invoke", ""],
            env=variables,
            capture_output=True,
            text=True,
            check=True,
        )
        server.shutdown()

    assert done.stdout.splitlines() == ["fine-1"]


@pytest.mark.parametrize("answer", ["*", "a b", "some*", "", "$(touch ran)"])
def test_bash_takes_candidates_as_they_are(tmp_path: Path, answer: str) -> None:
    (tmp_path / "some-folder").mkdir()
    asked = f"raylambda() {{ printf '%s' {shlex.quote(answer + chr(10) if answer else '')}; }}\n"
    script = "COMP_WORDS=(raylambda invoke ''); COMP_CWORD=2; COMPREPLY=(); _raylambda\n"

    done = subprocess.run(
        ["bash", "-uc", f"{asked}{SCRIPTS['bash']}{script}printf '<%s>' \"${{COMPREPLY[@]}}\""],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == f"<{answer}>"
    assert done.stderr == ""
    assert not (tmp_path / "ran").exists()


SHELLS_WITHOUT_AN_ANSWER = {
    "bash": "COMP_WORDS=(raylambda x); COMP_CWORD=1; _raylambda; echo ${#COMPREPLY[@]}",
    "zsh": "compadd() { echo ${#found} }; CURRENT=2; words=(raylambda x); _raylambda",
    "fish": "complete -C 'raylambda x' | count",
}


def a_shell(shell: str) -> str:
    """The program; a laptop may have none, CI has all."""
    if shutil.which(shell) is None:
        message = f"there is no {shell} here"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    return shell


@pytest.mark.parametrize("shell", SHELLS_WITHOUT_AN_ANSWER)
def test_nothing_that_matches_inserts_nothing(shell: str) -> None:
    a_shell(shell)
    silent = "function raylambda; end\n" if shell == "fish" else "raylambda() { :; }; compdef() { :; }\n"

    done = subprocess.run(
        [shell, "-c", f"{silent}{SCRIPTS[shell]}{SHELLS_WITHOUT_AN_ANSWER[shell]}"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout, done.stderr) == ("0\n", "")


def test_fish_offers_what_raylambda_answers_to_the_words_so_far() -> None:
    echo = "function raylambda; printf '%s\\n' $argv; end\n"

    done = subprocess.run(
        [a_shell("fish"), "-c", f"{echo}{SCRIPTS['fish']}complete -C 'raylambda invoke ab'"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines() == ["ab"]


def test_zsh_offers_what_raylambda_answers_to_the_words_so_far() -> None:
    echo = 'raylambda() { print -rl -- "$@" }; compdef() { :; }; compadd() { print -rl -- $found }\n'

    done = subprocess.run(
        [a_shell("zsh"), "-c", f"{echo}{SCRIPTS['zsh']}CURRENT=3; words=(raylambda invoke ab); _raylambda"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines() == [QUESTION, "invoke", "ab"]


@pytest.mark.parametrize("terminal", ["dumb", None, "xterm"])
def test_an_answer_steers_no_terminal_however_little_it_understands(
    terminal: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = InvokeResult(200, b'"\x1b]0;owned\x07"', "id")
    screen = io.TextIOWrapper(io.BytesIO(), "utf-8")
    monkeypatch.setattr(screen, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr("raylambda.cli.invoke.connect", lambda: SimpleNamespace(invoke=lambda *_: answer))
    monkeypatch.delenv("TERM", raising=False)
    if terminal is not None:
        monkeypatch.setenv("TERM", terminal)

    invoke("hello", "{}", tail=False, event=False, qualifier=None, raw=False, as_json=False)

    screen.seek(0)
    assert screen.read() == '"\\x1b]0;owned\\x07"\n'


ODD_TERMINALS = {
    "closed stdout": "raylambda list -h >&-",
    "closed stderr": "raylambda list -h 2>&-",
    "everything closed": "raylambda completion bash <&- >&- 2>&-",
    "reader gone": "raylambda completion fish | true",
    "no width": "COLUMNS=0 raylambda logs -h",
    "narrow": "COLUMNS=1 raylambda logs -h",
    "dumb": "TERM=dumb NO_COLOR=1 raylambda list -h",
    "latin": "PYTHONIOENCODING=latin-1 raylambda list -h",
}


@pytest.mark.parametrize("case", ODD_TERMINALS)
def test_odd_terminals_are_no_failure(case: str) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    done = subprocess.run(
        ["bash", "-c", ODD_TERMINALS[case]], env={"PATH": path}, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0
    assert done.stderr == ""


def test_a_full_disk_is_one_line() -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    done = subprocess.run(
        ["bash", "-c", "raylambda completion bash > /dev/full"],
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (1, "error: [Errno 28] No space left on device\n")
