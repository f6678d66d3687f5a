"""What a hostile web page can send to a front door that asks for no signature, and what comes of it: nothing."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import boto3
import pytest

from raylambda.frontdoor.auth.signature import AnyKey
from tests.builders import a_zip
from tests.plugins.frontdoor import ACCOUNT, KEY, Served, a_front_door, serving

FUNCTIONS = "/2015-03-31/functions"
INVOKE = f"{FUNCTIONS}/hello/invocations"

REBOUND = {"Host": "evil.example:8470", "Origin": "http://evil.example:8470", "Sec-Fetch-Site": "same-origin"}
FORM = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain"}
OPAQUE = {"Origin": "null", "Content-Type": "text/plain"}
NEIGHBOUR = {"Origin": "http://127.0.0.1:3000", "Sec-Fetch-Site": "same-site"}
IMAGE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
FRAME = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
PREFLIGHT = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}


@pytest.fixture(scope="module")
def unsigned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """As boot makes it for ``RAYLAMBDA_AUTH=none``."""
    with serving(a_front_door(tmp_path_factory.mktemp("open"), authenticator=AnyKey(ACCOUNT, "us-east-1"))) as served:
        yield served


def ask(
    served: Served, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
) -> tuple[int, dict[str, str], bytes]:
    with closing(HTTPConnection(served.host, served.port, timeout=30)) as connection:
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


def raw(served: Served, data: bytes) -> bytes:
    with socket.create_connection((served.host, served.port), timeout=30) as peer:
        peer.sendall(data)
        return peer.recv(65_536)


@pytest.mark.parametrize("page", [REBOUND, FORM, OPAQUE, NEIGHBOUR], ids=["rebound", "form", "opaque", "neighbour"])
def test_no_page_creates_or_runs_a_function(unsigned: Served, page: dict[str, str]) -> None:
    package = {"ZipFile": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="}
    function = {"FunctionName": "evil", "Role": "arn:aws:iam::1:role/r", "Code": package}

    created, headers, body = ask(unsigned, "POST", FUNCTIONS, page, json.dumps(function).encode())
    invoked, _, _ = ask(unsigned, "POST", INVOKE, page, b"{}")

    assert (created, invoked) == (403, 403)
    assert headers["x-amzn-errortype"] == "AccessDeniedException"
    assert "access-control-allow-origin" not in headers
    assert list(json.loads(body)) == ["Message"]
    assert unsigned.door.invoker.calls == []  # type: ignore[attr-defined]
    assert unsigned.client().list_functions()["Functions"] == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", FUNCTIONS),
        ("GET", "/_raylambda/status"),
        ("GET", "/_raylambda/functions/hello/logs?follow=true"),
        ("GET", "/_raylambda/health"),
        ("HEAD", "/_raylambda/health"),
        ("GET", "/_raylambda/openapi.json"),
        ("GET", f"/_raylambda/code/{'0' * 64}?Expires=1&Signature=x"),
        ("GET", "/nowhere"),
        ("DELETE", f"{FUNCTIONS}/hello"),
        ("OPTIONS", INVOKE),
        ("GET", "/"),
        ("POST", "/"),
    ],
)
@pytest.mark.parametrize("page", [REBOUND, IMAGE, FRAME, PREFLIGHT], ids=["rebound", "image", "frame", "preflight"])
def test_every_path_is_guarded(unsigned: Served, page: dict[str, str], method: str, path: str) -> None:
    status, headers, _ = ask(unsigned, method, path, page)

    assert (status, headers["x-amzn-errortype"]) == (403, "AccessDeniedException")
    assert headers["x-amzn-requestid"]


def test_a_signature_that_nobody_checks_lets_no_page_through(unsigned: Served) -> None:
    presigned = f"{FUNCTIONS}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A/20260101/us-east-1/lambda/aws4_request&X-Amz-Signature=0"

    assert ask(unsigned, "GET", presigned, IMAGE)[0] == 403
    assert ask(unsigned, "GET", FUNCTIONS, {**REBOUND, "Authorization": "AWS4-HMAC-SHA256 Credential=A"})[0] == 403


def test_a_page_is_refused_before_its_body_is_read(unsigned: Served) -> None:
    head = (
        f"POST {INVOKE} HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\nContent-Length: 1000000\r\n\r\n"
    )

    assert b" 403 " in raw(unsigned, head.encode()).splitlines()[0]


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        (f"http://localhost{FUNCTIONS}", "localhost", 200),
        (f"http://localhost:8470{FUNCTIONS}", "evil.example", 200),
        (f"HTTP://LOCALHOST{FUNCTIONS}", "localhost", 200),
        (f"http://evil.example{FUNCTIONS}", "localhost", 403),
        (f"http://localhost@evil.example{FUNCTIONS}", "localhost", 403),
        (f"http://evil.example@localhost{FUNCTIONS}", "localhost", 403),
        (f"https://evil.example:8470{FUNCTIONS}", "localhost", 403),
        ("http://evil.example", "localhost", 400),
    ],
)
def test_the_name_in_an_absolute_target_is_what_counts(unsigned: Served, target: str, host: str, status: int) -> None:
    """RFC 9112, 3.2.2: a server ignores ``Host`` then."""
    answer = raw(unsigned, f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())

    assert int(answer.split(b" ", 2)[1]) == status


@pytest.mark.parametrize(
    "head",
    [
        b"GET /2015-03-31/functions HTTP/1.1\r\n\r\n",
        b"GET /2015-03-31/functions HTTP/1.0\r\n\r\n",
        b"GET /2015-03-31/functions HTTP/1.1\r\nHost:\r\n\r\n",
        b"GET /2015-03-31/functions HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"GET /2015-03-31/functions HTTP/1.1\r\nHost: evil.example\r\nhost: localhost\r\n\r\n",
        b"GET /2015-03-31/functions HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nOrigin: http://evil\r\n\r\n",
        b"GET /2015-03-31/functions HTTP/1.1\r\nHost: localhost\r\nSEC-FETCH-SITE: cross-site\r\n\r\n",
        b"GET /2015-03-31/functions HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
        b"GET /2015-03-31/functions HTTP/1.1\r\nHost: [::1%25eth0]\r\n\r\n",
    ],
)
def test_odd_heads_are_refused(unsigned: Served, head: bytes) -> None:
    answer = raw(unsigned, head)

    assert int(answer.split(b" ", 2)[1]) in {400, 403}


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST.", "127.0.0.1", "127.1.2.3", "[::1]", "a.localhost", "h"])
def test_programs_are_served_under_every_own_name(unsigned: Served, name: str) -> None:
    assert ask(unsigned, "GET", FUNCTIONS, {"Host": f"{name}:{unsigned.port}"})[0] == 200


def test_boto3_without_a_signature_is_served(unsigned: Served) -> None:
    from botocore import UNSIGNED
    from botocore.config import Config

    client = boto3.client(
        "lambda",
        endpoint_url=f"http://localhost:{unsigned.port}",
        region_name="us-east-1",
        config=Config(signature_version=UNSIGNED),
    )

    assert client.invoke(FunctionName="hello", Payload=b"1")["Payload"].read() == b"1"
    unsigned.door.invoker.calls.clear()  # type: ignore[attr-defined]


def test_signed_requests_need_no_guard_and_have_none(tmp_path: Path) -> None:
    with serving(a_front_door(tmp_path)) as served:
        client = served.client(KEY)

        def through_a_proxy(request: object, **_: object) -> None:
            request.headers["Host"] = "lambda.corp.example"  # type: ignore[attr-defined]

        client.meta.events.register("before-sign.lambda", through_a_proxy)
        client.create_function(
            FunctionName="hello",
            Runtime="python3.11",
            Role="arn:aws:iam::123456789012:role/any",
            Handler="app.handler",
            Code={"ZipFile": a_zip({"app.py": ""})},
        )
        location = client.get_function(FunctionName="hello")["Code"]["Location"]

        assert location.startswith("http://lambda.corp.example/_raylambda/code/")
        assert ask(served, "GET", "/_raylambda/health", {"Host": "10.1.2.3:8470"})[0] == 200
        assert ask(served, "POST", INVOKE, FORM, b"{}")[0] == 403  # for want of a signature
