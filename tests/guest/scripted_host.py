"""The platform's side of the Runtime API, scripted: runtime clients are tested against it without a jail.

``run_runtime`` starts a runtime process, plays the events to it, and tells all that came back. The process is ended when it
asks for an event after the last one, or has ended by itself.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO

FAR_DEADLINE_MS = 4_000_000_000_000
PATIENCE_S = 30.0


@dataclass(frozen=True)
class Event:
    """One event; ``headers`` come on top of request id, deadline and ARN; ``answer`` is the status that the result gets."""

    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    request_id: str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
    answer: int = 202
    chunked: bool = False


@dataclass(frozen=True)
class Answer:
    """What the runtime sent: ``kind`` is ``response``, ``error`` or ``init/error``; header names in lower case."""

    kind: str
    request_id: str
    body: bytes
    headers: Mapping[str, str]
    trailers: Mapping[str, str]


@dataclass(frozen=True)
class Outcome:
    """All that a runtime did. ``exit_status`` is ``None`` when it was still waiting for events."""

    answers: tuple[Answer, ...]
    stdout: str
    stderr: str
    exit_status: int | None


class ScriptedHost:
    """Serves ``events`` one after the other, on a socket of its own or on ``listener``. ``hang_up`` closes the connection
    after every answer.
    """

    def __init__(self, events: Sequence[Event], hang_up: bool = False, listener: socket.socket | None = None) -> None:
        self.events = list(events)
        self.hang_up = hang_up
        self.answers: list[Answer] = []
        self.refused_ids: list[str] = []
        self._changed = threading.Condition()
        self._asked = 0
        self._server = _Server(("127.0.0.1", 0), _handler_of(self), bind_and_activate=listener is None)
        if listener is not None:
            self._server.socket.close()
            self._server.socket = listener.dup()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def serving(self) -> Iterator[ScriptedHost]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def take_event(self) -> Event | None:
        """The next event; ``None`` (never an answer) when there is none left."""
        with self._changed:
            index = self._asked
            self._asked += 1
            self._changed.notify_all()
            return self.events[index] if index < len(self.events) else None

    def take_answer(self, answer: Answer) -> int:
        with self._changed:
            self.answers.append(answer)
            self._changed.notify_all()
        return next((event.answer for event in self.events if event.request_id == answer.request_id), 202)

    def exhausted(self) -> bool:
        with self._changed:
            return self._asked > len(self.events)

    def wait_exhausted(self, timeout_s: float) -> bool:
        """Wait until the runtime has asked for one more event than there are."""
        with self._changed:
            return self._changed.wait_for(lambda: self._asked > len(self.events), timeout_s)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # runtimes are killed, that is how they end here
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def _handler_of(host: ScriptedHost) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

        def do_GET(self) -> None:
            event = host.take_event()
            if event is None:
                self.rfile.read(1)  # until the runtime is gone
                self.close_connection = True
                return
            self._send_event(event)

        def _send_event(self, event: Event) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Lambda-Runtime-Aws-Request-Id", event.request_id)
            self.send_header("Lambda-Runtime-Deadline-Ms", str(FAR_DEADLINE_MS))
            arn = "arn:aws:lambda:us-east-1:123456789012:function:f"
            self.send_header("Lambda-Runtime-Invoked-Function-Arn", arn)
            for name, value in event.headers.items():
                self.send_header(name, value)
            if event.chunked:
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(_chunks(event.body))
            else:
                self.send_header("Content-Length", str(len(event.body)))
                self._end_answer(event.body)

        def do_POST(self) -> None:
            body, trailers = _read_body(self.rfile, {k.lower(): v for k, v in self.headers.items()})
            kind, request_id = _kind_of(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = host.take_answer(Answer(kind, request_id, body, headers, trailers))
            self.send_response(status)
            self.send_header("Content-Length", "15")
            self._end_answer(b'{"status":"OK"}')

        def _end_answer(self, body: bytes) -> None:
            if host.hang_up:
                self.close_connection = True
            self.end_headers()
            self.wfile.write(body)

    return Handler


def _chunks(body: bytes, size: int = 1000) -> bytes:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def _read_body(stream: IO[bytes], headers: Mapping[str, str]) -> tuple[bytes, dict[str, str]]:
    if headers.get("transfer-encoding") != "chunked":
        return stream.read(int(headers.get("content-length", "0"))), {}
    parts = []
    while size := int(stream.readline(), 16):
        parts.append(stream.read(size))
        stream.readline()
    trailers = {}
    while line := stream.readline().strip():
        name, _, value = line.decode().partition(":")
        trailers[name.lower()] = value.strip()
    return b"".join(parts), trailers


def _kind_of(path: str) -> tuple[str, str]:
    parts = path.removeprefix("/2018-06-01/runtime/").split("/")
    return (parts[2], parts[1]) if parts[0] == "invocation" else ("/".join(parts), "")


def run_runtime(
    argv: Sequence[str], env: Mapping[str, str], events: Sequence[Event] = (), *, cwd: Path, hang_up: bool = False
) -> Outcome:
    """Run the command until it has answered every event, or has ended."""
    with ScriptedHost(events, hang_up).serving() as host:
        process = subprocess.Popen(
            argv,
            cwd=cwd,
            env={**env, "AWS_LAMBDA_RUNTIME_API": host.address},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        killer = threading.Thread(target=_end_when_exhausted, args=(host, process))
        killer.start()
        stdout, stderr = process.communicate(timeout=PATIENCE_S)
        killer.join()
        status = None if host.exhausted() and process.returncode < 0 else process.returncode
        return Outcome(tuple(host.answers), stdout.decode("utf-8"), stderr.decode("utf-8"), status)


def _end_when_exhausted(host: ScriptedHost, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        if host.wait_exhausted(timeout_s=0.05):
            process.kill()
            return


def lambda_env(handler: str, task_root: Path, runtime: str, **more: str) -> dict[str, str]:
    """The variables that a runtime finds, as the platform sets them."""
    return {
        "PATH": os.environ["PATH"],
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "_HANDLER": handler,
        "LAMBDA_TASK_ROOT": str(task_root),
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef",
        **more,
    }
