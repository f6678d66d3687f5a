"""`raylambda deploy` is killed at any step: the function is the old one or the new one, and the next deploy works."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.frontdoor import KEY, Served
from tests.waiting import until

DEPLOY = (sys.executable, "-c", "from raylambda.cli import main; main()", "deploy", "--json", "--runtime", "nodejs22.x")
NPM = """#!/bin/sh
# With a REACHED it says that it was called, and installs until its standard input ends.
if [ -n "$REACHED" ]; then touch "$REACHED"; cat > /dev/null; exit 1; fi
mkdir -p node_modules/left && echo 'module.exports = 1' > node_modules/left/index.js
"""
UPLOAD, DEPLOYMENT = b"PUT /_raylambda/packages/", b"/functions/hello/deployment HTTP/1.1"


class Wire:
    """Carries bytes between clients and a front door until ``sent``, all that clients have sent, is enough; then it holds."""

    def __init__(self, served: Served, enough: Callable[[bytes], bool], *, holds_answers: bool) -> None:
        self._to = (served.host, served.port)
        self._enough, self._holds_answers = enough, holds_answers
        self._sent = bytearray()
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.holding = threading.Event()
        self.url = "http://{}:{}".format(*self._listener.getsockname())
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, server = self._listener.accept()[0], socket.create_connection(self._to)
                self._ends += [client, server]
                threading.Thread(target=self._carry_requests, args=(client, server), daemon=True).start()
                threading.Thread(target=self._carry_answers, args=(server, client), daemon=True).start()

    def _carry_requests(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while piece := client.recv(4096):
                self._sent += piece
                if self._enough(bytes(self._sent)):
                    self.holding.set()
                    if not self._holds_answers:
                        return
                server.sendall(piece)

    def _carry_answers(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while piece := server.recv(4096):
                if self.holding.is_set():
                    return
                client.sendall(piece)

    def cut(self) -> None:
        """As the kernel does for a process that is gone."""
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def in_the_middle_of_the_upload(sent: bytes) -> bool:
    return UPLOAD in sent and len(sent) - sent.index(UPLOAD) > 300_000


def at_the_last_request(sent: bytes) -> bool:
    return UPLOAD in sent and sent.count(DEPLOYMENT) == 2


def never(_sent: bytes) -> bool:
    return False


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "hello"
    made.mkdir()
    (made / "index.js").write_text("exports.handler = async () => 1\n")
    (made / "package.json").write_text('{"dependencies": {"left": "1"}}')
    (made / "package-lock.json").write_text("{}")
    return made


def becomes_another(folder: Path) -> None:
    """Code and dependencies, with enough in it to be cut in the middle."""
    (folder / "data").write_bytes(os.urandom(1_000_000))
    (folder / "package-lock.json").write_text('{"lockfileVersion": 3}')


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(NPM)
    npm.chmod(0o755)
    return {
        "PATH": f"{npm.parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "RAYLAMBDA_HOME": str(tmp_path / "home"),
        "AWS_ACCESS_KEY_ID": KEY.access_key_id,
        "AWS_SECRET_ACCESS_KEY": KEY.secret,
        "AWS_REGION": "us-east-1",
    }


def deploy(folder: Path, variables: dict[str, str], url: str) -> dict[str, Any]:
    environment = {**variables, "AWS_ENDPOINT_URL_LAMBDA": url}
    done = subprocess.run([*DEPLOY, str(folder)], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@contextmanager
def started(folder: Path, variables: dict[str, str], url: str) -> Iterator[subprocess.Popen[bytes]]:
    """A deploy under way, which is killed in the end; what it has started sees its standard input end."""
    environment = {**variables, "AWS_ENDPOINT_URL_LAMBDA": url}
    with subprocess.Popen(
        [*DEPLOY, str(folder)], env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as one:
        try:
            yield one
        finally:
            one.kill()


def digest(served: Served) -> str | None:
    """Of the code that the function has, ``None`` when there is no function."""
    found = {one["FunctionName"]: one["CodeSha256"] for one in served.client().list_functions()["Functions"]}
    return found.get("hello")


STEPS: dict[str, Callable[[bytes], bool]] = {
    "installing": never,
    "uploading": in_the_middle_of_the_upload,
    "before the last request": at_the_last_request,
    "before the last answer": at_the_last_request,
}


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize("step", STEPS)
def test_a_deploy_that_is_killed_leaves_the_old_function_or_the_new_one(
    front_door: Served, folder: Path, variables: dict[str, str], tmp_path: Path, step: str, exists: bool
) -> None:
    old = deploy(folder, variables, front_door.url)["Configuration"]["CodeSha256"] if exists else None
    becomes_another(folder)
    reached = tmp_path / "reached"
    installing = {"REACHED": str(reached)} if step == "installing" else {}
    wire = Wire(front_door, STEPS[step], holds_answers=step == "before the last answer")

    with ExitStack() as afterwards:
        afterwards.callback(wire.cut)
        killed = afterwards.enter_context(started(folder, {**variables, **installing}, wire.url))
        until(reached.exists if installing else wire.holding.is_set, 60, step)
        if step == "before the last answer":
            until(lambda: digest(front_door) != old, 60)
        assert killed.poll() is None

    left = digest(front_door)
    after = deploy(folder, variables, front_door.url)
    assert (left == old) is (step != "before the last answer")
    assert after["CodeChanged"] is (left == old)
    assert after["Created"] is (left is None)
    assert after["Configuration"]["CodeSha256"] == digest(front_door) != old
    if left != old:
        assert left == digest(front_door)
