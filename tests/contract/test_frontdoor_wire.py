"""The front door on a raw socket: paths as they come, peers that misbehave, bodies without end."""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from raylambda.frontdoor import bodies, server
from raylambda.frontdoor.auth.keys import KeyRing
from raylambda.frontdoor.auth.signature import AnyKey, SignatureCheck
from raylambda.model.clock import SystemClock
from raylambda.model.invocation import Call, Completion
from raylambda.model.limits import REQUEST_BYTES
from raylambda.services.lambda_.context import S3Failure
from raylambda.store.errors import StoreUnavailable
from raylambda.telemetry.setup import set_up_logging
from raylambda.testing.calls import ScriptedInvoker
from tests.builders import a_completion
from tests.plugins.frontdoor import ACCOUNT, Served, a_front_door, serving

INVOKE = "/2015-03-31/functions/hello/invocations"


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("open")
    with serving(a_front_door(home, authenticator=AnyKey(ACCOUNT, "us-east-1"))) as served:
        yield served


@pytest.fixture
def open_door(open_server: Served) -> Served:
    """A front door that asks for no signature and has not been called yet."""
    invoker = open_server.door.invoker
    assert isinstance(invoker, ScriptedInvoker)
    invoker.calls.clear()
    return open_server


def send(
    served: Served, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    with closing(http.client.HTTPConnection(served.host, served.port, timeout=30)) as connection:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


@contextmanager
def a_socket(served: Served) -> Iterator[socket.socket]:
    with socket.create_connection((served.host, served.port), timeout=30) as peer:
        yield peer


def answer_to(served: Served, data: bytes) -> bytes:
    """Everything that comes back until the server closes, or the first answer is complete."""
    with a_socket(served) as peer:
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := peer.recv(65_536):
            received += chunk
        return received


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    "path",
    [
        "/2015-03-31/functions",
        "/2015-03-31/functions/",
        "/2015-03-31/functions/?MaxItems=10",
        "/2015-03-31/functions?Marker=",
    ],
)
def test_a_trailing_slash_is_accepted_and_never_redirected(open_door: Served, path: str) -> None:
    status, _, _ = send(open_door, "GET", path)

    assert status in {200, 400}


@pytest.mark.parametrize("tail", ["", "/"])
def test_both_forms_of_invoke_async_are_accepted(open_door: Served, tail: str) -> None:
    status, headers, body = send(open_door, "POST", f"/2014-11-13/functions/hello/invoke-async{tail}", b"{}")

    assert (status, headers["content-length"], body) == (202, "0", b"")


def test_labels_are_decoded_once_and_after_splitting(open_door: Served) -> None:
    arn = "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Ahello%3A%24LATEST"

    status, _, _ = send(open_door, "POST", f"/2015-03-31/functions/{arn}/invocations", b"{}")
    twice, _, body = send(open_door, "POST", "/2015-03-31/functions/hello%253Alive/invocations", b"{}")
    slash, _, slash_body = send(open_door, "POST", "/2015-03-31/functions/a%2Fb/invocations", b"{}")

    assert status == 200
    assert open_door.door.invoker.calls[0].qualifier == "$LATEST"  # type: ignore[attr-defined]
    assert (twice, slash) == (400, 400)
    assert b"hello%3Alive" in body
    assert b"'a/b'" in slash_body


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/"),
        ("PUT", "/"),
        ("GET", "/nowhere"),
        ("GET", "/2015-03-31/functions/a/b/c/d"),
        ("GET", "//2015-03-31/functions"),
        ("GET", "/2015-03-31//functions"),
        ("GET", "/2015-03-31/functions/../functions"),
        ("PATCH", "/2015-03-31/functions"),
        ("GET", INVOKE),
        ("OPTIONS", INVOKE),
        ("DELETE", "/_raylambda/health"),
    ],
)
def test_other_paths_and_methods_are_no_operation(open_door: Served, method: str, path: str) -> None:
    status, headers, body = send(open_door, method, path)

    assert status == 404
    assert headers["x-amzn-errortype"] == "UnknownOperationException"
    assert headers["x-amzn-requestid"]
    assert json.loads(body)["Type"] == "User"


def test_head_has_no_body(open_door: Served) -> None:
    assert send(open_door, "HEAD", "/_raylambda/health")[::2] == (200, b"")
    assert send(open_door, "HEAD", "/2015-03-31/functions")[::2] == (404, b"")


def test_health_needs_no_signature_and_tells_the_truth(tmp_path: Path) -> None:
    healthy = [False]
    with serving(a_front_door(tmp_path, healthy=lambda: healthy[0])) as served:
        before, _, _ = send(served, "GET", "/_raylambda/health")
        healthy[0] = True
        after, _, _ = send(served, "GET", "/_raylambda/health")
        unsigned, _, body = send(served, "GET", "/_raylambda/status")

    assert (before, after, unsigned) == (503, 200, 403)
    assert json.loads(body) == {"message": "Missing Authentication Token"}


@pytest.mark.parametrize("detail", ["", "ALL", "some", "all%20"])
def test_the_status_has_one_kind_of_detail(open_door: Served, detail: str) -> None:
    status, headers, body = send(open_door, "GET", f"/_raylambda/status?detail={detail}")

    assert (status, headers["x-amzn-errortype"]) == (400, "InvalidParameterValueException")
    assert json.loads(body) == {"Type": "User", "message": "detail is `all`, or is left out."}


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_refused_while_it_is_read(open_door: Served, chunked: bool) -> None:
    head = b"POST /2015-03-31/functions HTTP/1.1\r\nHost: h\r\n"
    chunk = b"x" * 1_048_576

    with a_socket(open_door) as peer:
        if chunked:
            peer.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
            for _ in range(REQUEST_BYTES // len(chunk) + 1):
                peer.sendall(b"100000\r\n" + chunk + b"\r\n")
        else:
            peer.sendall(head + f"Content-Length: {REQUEST_BYTES + 1}\r\n\r\n".encode())
        answer = peer.recv(65_536)  # long before the end of the body

    assert status_of(answer) == 413
    assert b"Request must be smaller than 70167211 bytes for the CreateFunction operation" in answer
    assert b"RequestEntityTooLargeException" in answer


def test_a_stranger_is_refused_before_the_body(shared_front_door: Served) -> None:
    with a_socket(shared_front_door) as peer:
        peer.sendall(b"POST /2015-03-31/functions HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n")
        answer = peer.recv(65_536)

    assert status_of(answer) == 403


def test_a_body_of_the_largest_size_is_taken(open_door: Served) -> None:
    status, headers, _ = send(open_door, "POST", "/2015-03-31/functions", b"x" * REQUEST_BYTES)

    assert (status, headers["x-amzn-errortype"]) == (400, "SerializationException")


def test_a_chunked_payload_is_one_payload(open_door: Served) -> None:
    head = f"POST {INVOKE} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode()

    answer = answer_to(open_door, head + b"2\r\n[1\r\n3\r\n,2]\r\n0\r\n\r\n")

    assert status_of(answer) == 200
    assert answer.endswith(b"[1,2]")


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # a TLS hello
        b"GET\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: h\r\n\r\n",
        b"CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET http://h HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /%ff%fe/%zz/%00 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        b"GET /2015-03-31/functions/%ff%00 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        b"GET /2015-03-31/functions?%ff=%ff&&=&MaxItems=%ff HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        b"GET /2015-03-31/functions HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET /2015-03-31/functions HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST " + INVOKE.encode() + b" HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"POST " + INVOKE.encode() + b" HTTP/1.1\r\nHost: h\r\nX-Amz-Client-Context: \xff\xe9\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
        b"POST " + INVOKE.encode() + b" HTTP/1.1\r\nHost: h\r\nX-Amzn-Trace-Id: Root=\xe2\x82\xac\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
        b"GET /2015-03-31/functions/hello HTTP/1.0\r\nHost: \xff<script>\r\n\r\n",
        b"GET /_raylambda/functions/hello/logs?since=%D9%A3&limit=1e9 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        b"GET /_raylambda/code/..%2f..%2fetc%2fpasswd?Expires=9&Signature=%E2%82%AC HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        b"GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: eA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    ],
)  # fmt: skip
def test_garbage_gets_an_answer_that_is_no_500(open_door: Served, data: bytes) -> None:
    answer = answer_to(open_door, data)

    assert answer == b"" or 200 <= status_of(answer) < 500
    assert send(open_door, "GET", "/_raylambda/health")[0] == 200


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PO",
        b"POST " + INVOKE.encode() + b" HTTP/1.1\r\nHost",
        b"POST " + INVOKE.encode() + b" HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{",
        b"POST " + INVOKE.encode() + b" HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
    ],
)
def test_a_request_that_is_cut_off_invokes_nothing(open_door: Served, data: bytes) -> None:
    with a_socket(open_door) as peer:
        peer.sendall(data)

    assert send(open_door, "POST", INVOKE, b"7")[0] == 200
    assert [call.payload for call in open_door.door.invoker.calls] == [b"7"]  # type: ignore[attr-defined]


def test_a_head_without_end_is_refused(open_door: Served) -> None:
    with a_socket(open_door) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\nX-Long: ")
        received = b""
        with pytest.raises((ConnectionError, BrokenPipeError)):
            for _ in range(1000):
                peer.sendall(b"x" * 65_536)
        try:
            received = peer.recv(65_536)
        except ConnectionError:
            received = b""

    assert received == b"" or status_of(received) == 400


def test_a_head_that_never_ends_in_time_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_S", 0.05)
    with serving(a_front_door(tmp_path)) as served, a_socket(served) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
        answer = peer.recv(65_536)

    assert status_of(answer) == 400


def test_a_body_that_stalls_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "STALL_S", 0.05)
    with (
        serving(a_front_door(tmp_path, authenticator=AnyKey(ACCOUNT, "us-east-1"))) as served,
        a_socket(served) as peer,
    ):
        peer.sendall(f"POST {INVOKE} HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n{{".encode())
        answer = peer.recv(65_536)

    assert status_of(answer) == 408


def test_a_client_that_goes_away_does_not_cancel_its_invocation(tmp_path: Path) -> None:
    begun, gone, ended = threading.Event(), threading.Event(), threading.Event()

    async def slowly(_call: Call) -> Completion:
        begun.set()
        await asyncio.to_thread(gone.wait, 30)
        ended.set()
        return a_completion(b"1")

    door = a_front_door(tmp_path, invoker=ScriptedInvoker(slowly), authenticator=AnyKey(ACCOUNT, "us-east-1"))
    with serving(door) as served:
        with a_socket(served) as peer:
            peer.sendall(f"POST {INVOKE} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{{}}".encode())
            assert begun.wait(30)
        gone.set()

        assert ended.wait(30)


class BrokenQueue:
    async def accept(self, call: Call) -> None:
        raise StoreUnavailable("the disk of secret-host is full")


def test_a_failure_of_ours_says_nothing_about_itself(tmp_path: Path) -> None:
    door = a_front_door(
        tmp_path,
        invoker=ScriptedInvoker(RuntimeError("secret-detail")),
        queue=BrokenQueue(),
        authenticator=AnyKey(ACCOUNT, "us-east-1"),
    )
    log = io.StringIO()
    set_up_logging(stream=log)
    with serving(door) as served:
        answers = [
            send(served, "POST", INVOKE, b"{}"),
            send(served, "POST", INVOKE, b"{}", X_Amz_Invocation_Type="Event"),
        ]

    structlog.reset_defaults()

    assert "secret-detail" in log.getvalue()
    for status, headers, body in answers:
        assert status == 500
        assert headers["x-amzn-errortype"] == "ServiceException"
        assert json.loads(body) == {
            "Type": "Service",
            "Message": "An error occurred and the request cannot be processed.",
        }
        assert headers["x-amzn-requestid"] in log.getvalue()


def test_every_answer_has_an_id_of_its_own(shared_front_door: Served) -> None:
    ids = {send(shared_front_door, "GET", path)[1]["x-amzn-requestid"] for path in ("/", "/_raylambda/health", INVOKE)}

    assert len(ids) == 3


def test_a_tampered_request_is_refused_over_http(front_door: Served) -> None:
    seen: dict[str, Any] = {}
    client = front_door.client()
    client.meta.events.register("before-send.lambda.Invoke", lambda request, **_: seen.update(request=request))
    client.invoke(FunctionName="hello", Payload=b"1")
    request = seen["request"]
    headers = {name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()}

    with closing(http.client.HTTPConnection(front_door.host, front_door.port)) as connection:
        connection.request("POST", INVOKE, b"2", headers)
        answer = connection.getresponse()
        body = json.loads(answer.read())

    assert answer.status == 403
    assert answer.headers["x-amzn-ErrorType"] == "InvalidSignatureException"
    assert "Type" not in body
    assert len(front_door.door.invoker.calls) == 1  # type: ignore[attr-defined]


def test_an_unknown_key_is_refused(tmp_path: Path) -> None:
    door = a_front_door(tmp_path, authenticator=SignatureCheck(KeyRing([]), SystemClock()))
    with serving(door) as served, pytest.raises(Exception, match="UnrecognizedClientException"):
        served.client().list_functions()


def test_packages_that_wait_for_s3_hold_nobody_else_up(tmp_path: Path) -> None:
    arrives = threading.Event()

    def slow_s3(_bucket: str, _key: str, _version: str | None) -> bytes:
        arrives.wait(60)
        raise S3Failure("RequestTimeout", "too late")

    request = json.dumps(
        {
            "FunctionName": "late",
            "Runtime": "python3.11",
            "Handler": "app.handler",
            "Role": "arn:aws:iam::123456789012:role/worker",
            "Code": {"S3Bucket": "slow", "S3Key": "package"},
        }
    )
    door = a_front_door(tmp_path, authenticator=AnyKey(ACCOUNT, "us-east-1"), fetch_s3=slow_s3)

    with serving(door) as served, ExitStack() as opened:
        waiting = [
            opened.enter_context(closing(http.client.HTTPConnection(served.host, served.port, timeout=60)))
            for _ in range(45)
        ]
        for connection in waiting:
            connection.request("POST", "/2015-03-31/functions", request)
        listed = httpx.get(f"{served.url}/2015-03-31/functions", timeout=30)
        arrives.set()

        assert listed.status_code == 200
        assert [connection.getresponse().status for connection in waiting] == [400] * 45
