"""`deploy` and uploads against a real front door: one step, bytes only when missing, nothing left behind."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from raylambda.sdk import Client, FunctionSettings, LambdaApiError, operations
from raylambda.sdk.async_client import AsyncClient
from raylambda.sdk.client import Asking
from raylambda.sdk.deployment import Deployment, DeployOptions
from raylambda.sdk.operations import Operation
from raylambda.sdk.signing import Credentials, FileBody, Signer
from tests.builders import a_zip
from tests.plugins.frontdoor import KEY, OTHER_KEY, Served
from tests.waiting import until

REGION = "us-east-1"


@pytest.fixture
def client(front_door: Served) -> Iterator[Client]:
    made = Client(front_door.url, KEY.access_key_id, KEY.secret, REGION)
    yield made
    made.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "hello"
    made.mkdir()
    (made / "app.py").write_text("def handler(event, context): return 1\n")
    return made


@pytest.fixture
def options(tmp_path: Path) -> DeployOptions:
    return DeployOptions(cache=tmp_path / "cache")


class Requests(list[str]):
    """What went to the platform (methods with the last part of paths); before number ``interrupted_at`` somebody presses Ctrl-C."""

    interrupted_at: int | None = None

    def append(self, request: str) -> None:
        if len(self) == self.interrupted_at:
            raise KeyboardInterrupt
        super().append(request)


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Requests:
    sent = Requests()
    ask = Asking.ask

    def seen(self: Asking, operation: Operation[Any], timeout_s: float | None = None) -> Any:
        request = operation.request
        upload = isinstance(request.body, FileBody)
        sent.append("upload" if upload else f"{request.method} {request.path.rpartition('/')[2]}")
        return ask(self, operation, timeout_s)

    monkeypatch.setattr(Asking, "ask", seen)
    return sent


def client_of(served: Served, access_key_id: str = KEY.access_key_id, secret: str = KEY.secret) -> Client:
    return Client(served.url, access_key_id, secret, REGION)


def kept(served: Served, tmp_path: Path) -> list[str]:
    """All files of uploads and packages."""
    return [path.name for part in ("uploads", "code") for path in (tmp_path / part).rglob("*") if path.is_file()]


def an_upload(tmp_path: Path, data: bytes, sha256: str | None = None) -> Operation[None]:
    """Of these bytes, under their digest or another one."""
    (tmp_path / "sent.zip").write_bytes(data)
    return operations.upload_package(
        FileBody(tmp_path / "sent.zip", len(data), sha256 or hashlib.sha256(data).hexdigest())
    )


def changed(deployment: Deployment) -> dict[str, Any]:
    return {one["Member"]: (one.get("From"), one.get("To")) for one in deployment.differences}


def test_a_folder_is_created_then_unchanged_then_updated(
    client: Client, folder: Path, options: DeployOptions, requests: Requests, front_door: Served
) -> None:
    created = client.deploy(folder, options)
    assert (created.created, created.code_changed, created.function.name) == (True, True, "hello")
    assert requests == ["GET configuration", "GET status", "PUT deployment", "upload", "PUT deployment"]
    before = client.wait_until_active("hello")

    requests.clear()
    unchanged = client.deploy(folder, options)
    assert not unchanged.changed
    assert requests == ["GET configuration", "PUT deployment"]
    assert client.get_function("hello").document == before.document

    (folder / "app.py").write_text("def handler(event, context): return 2\n")
    settings = FunctionSettings(memory_mb=256, environment={"AB": "c"})
    updated = client.deploy(folder, replace(options, settings=settings, ray_options={"num_gpus": 1.0}, publish=True))
    assert (updated.created, updated.code_changed, updated.version) == (False, True, "1")
    assert changed(updated) == {
        "Environment.Variables.AB": (None, "c"),
        "MemorySize": (128, 256),
        "RayOptions.num_gpus": (0.0, 1.0),
    }


@pytest.mark.parametrize(
    "change",
    [
        {"settings": FunctionSettings(memory_mb=1)},
        {"settings": FunctionSettings(environment={"AWS_REGION": "x"})},
        {"settings": FunctionSettings(runtime="python9.9", handler="app.handler")},
        {"ray_options": {"num_gpus": -1}},
        {"ray_options": {"nonsense": 1}},
    ],
)
@pytest.mark.parametrize("exists", [False, True])
def test_what_would_not_pass_changes_nothing_and_sends_no_bytes(
    client: Client,
    folder: Path,
    options: DeployOptions,
    requests: Requests,
    front_door: Served,
    tmp_path: Path,
    change: dict[str, Any],
    exists: bool,
) -> None:
    if exists:
        client.deploy(folder, options)
        client.wait_until_active("hello")
        (folder / "app.py").write_text("def handler(event, context): return 2\n")
    before = kept(front_door, tmp_path), list(client.list_functions())
    requests.clear()

    with pytest.raises(LambdaApiError) as refused:
        client.deploy(folder, replace(options, check=False, **change))

    assert refused.value.status == 400
    assert "upload" not in requests
    assert (kept(front_door, tmp_path), list(client.list_functions())) == before


@pytest.mark.parametrize("step", range(5))
@pytest.mark.parametrize("exists", [False, True])
def test_a_deploy_that_is_interrupted_leaves_the_function_as_it_was(
    client: Client, folder: Path, options: DeployOptions, requests: Requests, step: int, exists: bool
) -> None:
    if exists:
        client.deploy(folder, options)
        client.wait_until_active("hello")
        (folder / "app.py").write_text("def handler(event, context): return 2\n")
    before = [function.document for function in client.list_functions()]
    requests.clear()

    requests.interrupted_at = step if not exists or step == 0 else step - 1  # a known runtime is not asked for
    with pytest.raises(KeyboardInterrupt):
        client.deploy(folder, options)
    requests.interrupted_at = None

    assert [function.document for function in client.list_functions()] == before
    assert list(options.cache.glob("package-*")) == []
    assert client.deploy(folder, options).code_changed


@pytest.mark.parametrize("step", range(4))
def test_an_awaited_deploy_that_is_cancelled_sends_nothing_more(
    front_door: Served, client: Client, folder: Path, options: DeployOptions, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    sent, reached, goes_on = [], threading.Event(), threading.Event()
    ask = Asking.ask

    def slow(self: Asking, operation: Operation[Any], timeout_s: float | None = None) -> Any:
        sent.append(operation.request.path)
        try:
            return ask(self, operation, timeout_s)
        finally:
            if len(sent) == step + 1:
                reached.set()
                goes_on.wait(30)

    async def cancelled() -> None:
        async with AsyncClient(front_door.url, KEY.access_key_id, KEY.secret, REGION) as awaited:
            deploying = asyncio.create_task(awaited.deploy(folder, options))
            assert await asyncio.to_thread(reached.wait, 30)
            deploying.cancel()
            with pytest.raises(asyncio.CancelledError):
                await deploying
            goes_on.set()

    with monkeypatch.context() as patched:
        patched.setattr(Asking, "ask", slow)
        asyncio.run(cancelled())  # which waits for the thread, too

    assert len(sent) == step + 1
    assert list(client.list_functions()) == []
    assert list(options.cache.glob("package-*")) == []
    assert client.deploy(folder, options).created


def test_another_accounts_package_is_not_there(front_door: Served, tmp_path: Path) -> None:
    package = a_zip({"app.py": "x = 1\n"})
    client_of(front_door).ask(an_upload(tmp_path, package))
    theirs = client_of(front_door, OTHER_KEY.access_key_id, OTHER_KEY.secret)
    document = {"CodeSha256": base64.b64encode(hashlib.sha256(package).digest()).decode()}
    document |= {"Runtime": "python3.11", "Handler": "app.handler"}
    deployment = operations.put_deployment("fn", document)

    with pytest.raises(LambdaApiError) as refused:
        theirs.ask(deployment)

    assert refused.value.code == "PackageNotUploadedException"
    assert list(theirs.list_functions()) == []
    assert client_of(front_door).ask(deployment)["Created"]


@pytest.mark.parametrize(
    ("data", "announced", "text"),
    [
        (b"no zip", b"no zip", "Could not unzip uploaded file"),
        (a_zip({"d/" * 101 + "f": "x"}), None, "more than 100 folders deep"),
    ],
)
def test_an_upload_that_is_no_package_leaves_nothing(
    front_door: Served, tmp_path: Path, data: bytes, announced: bytes | None, text: str
) -> None:
    for _ in range(2):
        with pytest.raises(LambdaApiError, match=text):
            client_of(front_door).ask(an_upload(tmp_path, data))

    assert kept(front_door, tmp_path) == []


def test_other_bytes_than_were_signed_leave_nothing(front_door: Served, tmp_path: Path) -> None:
    other = hashlib.sha256(b"other").hexdigest()

    with pytest.raises(LambdaApiError, match="did not arrive as it was announced"):
        client_of(front_door).ask(an_upload(tmp_path, a_zip({"app.py": "x = 1\n"}), other))

    assert kept(front_door, tmp_path) == []


def test_an_upload_that_is_repeated_is_one(front_door: Served, tmp_path: Path) -> None:
    package = a_zip({"app.py": "x = 1\n"})
    for _ in range(2):
        client_of(front_door).ask(an_upload(tmp_path, package))

    assert kept(front_door, tmp_path) == [hashlib.sha256(package).hexdigest()]


def test_an_upload_of_a_stranger_is_refused_before_a_byte_is_kept(front_door: Served, tmp_path: Path) -> None:
    stranger = client_of(front_door, secret="wrong")

    with pytest.raises(LambdaApiError) as refused:
        stranger.ask(an_upload(tmp_path, a_zip({"app.py": "x = 1\n"})))

    assert refused.value.status == 403
    assert not (tmp_path / "uploads").exists()


def test_an_upload_that_is_cut_leaves_nothing(front_door: Served, tmp_path: Path) -> None:
    sha256 = hashlib.sha256(b"x" * 3_000_000).hexdigest()
    upload = operations.upload_package(FileBody(tmp_path / "never-read", 3_000_000, sha256))
    signer = Signer(Credentials(KEY.access_key_id, KEY.secret), REGION, f"{front_door.host}:{front_door.port}")
    request = signer.http_request(upload.request, time.time())
    head = f"PUT {request.target} HTTP/1.1\r\n" + "".join(
        f"{name}: {value}\r\n" for name, value in request.headers.items()
    )

    with socket.create_connection((front_door.host, front_door.port)) as peer:
        peer.sendall(head.encode() + b"\r\n" + b"x" * 2_000_000)
        until(lambda: kept(front_door, tmp_path) != [], 10)

    until(lambda: kept(front_door, tmp_path) == [], 10)
