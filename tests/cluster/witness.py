"""What functions report from inside their jails, over the network: that an event began, and that it ended.

Nothing that a platform loses can be lost here. A function whose event names a ``gate`` waits at it until the test
opens it; ``takes_s`` makes it take so long.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST = "host.raylambda.internal"
_GATE_LIMIT_S = 100.0

FUNCTION = f"""
import http.client, json, os, time

def tell(what, event):
    connection = http.client.HTTPConnection("{HOST}", int(os.environ["WITNESS_PORT"]), timeout={_GATE_LIMIT_S})
    connection.request("POST", "/" + what, json.dumps(event))
    connection.getresponse().read()
    connection.close()

def handler(event, context):
    tell("began", event)
    time.sleep(float(event.get("takes_s", "0")))
    tell("ended", event)
    return event["id"]
"""


class Witness:
    """Counts by event id; ``began`` counts attempts."""

    def __init__(self) -> None:
        self.began: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self._gates: dict[str, threading.Event] = {}
        self._lock = threading.Lock()
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def close(self) -> None:
        for gate in self._gates.values():
            gate.set()
        self._server.shutdown()
        self._server.server_close()

    def open(self, gate: str) -> None:
        """Let those go on who wait at this gate, and all who will come."""
        self._gate(gate).set()

    def hear(self, what: str, event: dict[str, str]) -> None:
        with self._lock:
            (self.began if what == "began" else self.ended)[event["id"]] += 1
        if what == "began" and "gate" in event:
            self._gate(event["gate"]).wait(_GATE_LIMIT_S)

    def _gate(self, name: str) -> threading.Event:
        with self._lock:
            return self._gates.setdefault(name, threading.Event())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, witness: Witness) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.witness = witness

    def handle_error(self, request: object, client_address: object) -> None:
        """A function that was killed at a gate is not there to be answered."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        # The answer begins at once: Debian 12's gateway program resets connections on which the server is silent for 24 s.
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.flush()
        self.server.witness.hear(self.path.strip("/"), event)
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the library gives
        """Nothing to standard error."""
