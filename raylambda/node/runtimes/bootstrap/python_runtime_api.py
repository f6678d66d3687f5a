"""A client of the Runtime API: one keep-alive HTTP/1.1 connection, on the bare socket because ``http.client`` costs a cold
start some 20 ms.
"""

from __future__ import annotations

import _socket

_PREFIX = "/2018-06-01/runtime/"
_RECEIVE_BYTES = 1 << 18
_JSON = "Content-Type: application/json\r\n"


class Invocation:
    """One event, with what the platform says about it; what it does not say is ``None``."""

    def __init__(self, headers: dict[str, str], body: bytes) -> None:
        self.body = body
        self.content_type = headers.get("content-type")
        self.request_id = headers["lambda-runtime-aws-request-id"]
        self.trace_id = headers.get("lambda-runtime-trace-id")
        self.function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.deadline_ms = int(headers.get("lambda-runtime-deadline-ms", 0))
        self.client_context = headers.get("lambda-runtime-client-context")
        self.cognito_identity = headers.get("lambda-runtime-cognito-identity")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")


class RuntimeApi:
    """The calls that a runtime makes. All raise ``OSError`` when the platform cannot be reached."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._connection = _Connection(host, int(port))
        self._host_header = f"Host: {address}\r\n"

    def next(self) -> Invocation:
        """Wait for the next event; raises ``OSError`` when the platform refuses to give one."""
        status, headers, body = self._call("GET", "invocation/next", "", b"")
        if status != 200:
            raise OSError(f"the Runtime API answered {status} to next")
        return Invocation(headers, body)

    def response(self, request_id: str, body: bytes, content_type: str) -> int:
        """Give the result; returns the HTTP status (413: larger than the platform takes)."""
        return self._post(f"invocation/{request_id}/response", body, f"Content-Type: {content_type}\r\n")

    def error(self, request_id: str, body: bytes) -> int:
        return self._post(f"invocation/{request_id}/error", body, _JSON)

    def init_error(self, body: bytes, error_type: str) -> int:
        return self._post("init/error", body, f"{_JSON}Lambda-Runtime-Function-Error-Type: {error_type}\r\n")

    def _post(self, path: str, body: bytes, headers: str) -> int:
        return self._call("POST", path, f"{headers}Content-Length: {len(body)}\r\n", body)[0]

    def _call(self, method: str, path: str, headers: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        head = f"{method} {_PREFIX}{path} HTTP/1.1\r\n{self._host_header}{headers}\r\n"
        return self._connection.exchange(head.encode("utf-8"), body)


class _Connection:
    """Sends one request and reads one answer at a time; opens itself again when the other end has closed it."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._socket: _socket.socket | None = None
        self._unread = b""

    def exchange(self, head: bytes, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if self._socket is not None:
            try:
                return self._send_and_read(self._socket, head, body)
            except OSError:
                self.close()
        return self._send_and_read(self._open(), head, body)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._unread = b""

    def _open(self) -> _socket.socket:
        self._socket = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        self._socket.connect(self._address)
        self._socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        return self._socket

    def _send_and_read(self, connection: _socket.socket, head: bytes, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if len(body) < _RECEIVE_BYTES:
            connection.sendall(head + body)
        else:
            connection.sendall(head)
            connection.sendall(body)
        status, headers = self._read_head(connection)
        content = self._read_body(connection, headers)
        if headers.get("connection", "").lower() == "close":
            self.close()
        return status, headers, content

    def _read_head(self, connection: _socket.socket) -> tuple[int, dict[str, str]]:
        text = self._read_until(connection, b"\r\n\r\n").decode("utf-8", "surrogateescape")
        lines = text.split("\r\n")
        pairs = (line.partition(":") for line in lines[1:])
        return int(lines[0].split(" ", 2)[1]), {name.lower(): value.strip() for name, _, value in pairs}

    def _read_body(self, connection: _socket.socket, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return self._read_exactly(connection, int(headers.get("content-length", 0)))
        parts = []
        while True:
            size = int(self._read_until(connection, b"\r\n").split(b";")[0], 16)
            parts.append(self._read_exactly(connection, size))
            self._read_until(connection, b"\r\n")
            if size == 0:
                return b"".join(parts)

    def _read_until(self, connection: _socket.socket, mark: bytes) -> bytes:
        while mark not in self._unread:
            self._unread += _receive(connection, _RECEIVE_BYTES)
        found, _, self._unread = self._unread.partition(mark)
        return found

    def _read_exactly(self, connection: _socket.socket, count: int) -> bytes:
        parts = [self._unread[:count]]
        self._unread = self._unread[count:]
        missing = count - len(parts[0])
        while missing:
            parts.append(_receive(connection, min(missing, _RECEIVE_BYTES)))
            missing -= len(parts[-1])
        return b"".join(parts)


def _receive(connection: _socket.socket, limit: int) -> bytes:
    data = connection.recv(limit)
    if not data:
        raise ConnectionError("the Runtime API closed the connection")
    return data
