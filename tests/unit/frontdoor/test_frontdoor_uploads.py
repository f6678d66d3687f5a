"""Whose turn it is to upload: slow clients of one account are in nobody else's way, and not for ever in their own."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from raylambda.frontdoor.arrival import Receiver
from raylambda.frontdoor.uploads import ALLOWED_S, AT_ONCE, AT_ONCE_OF_ACCOUNT, LEAST_BYTES_S, PackageUploads
from raylambda.model.errors import RequestTimeoutException
from raylambda.model.principal import Principal
from raylambda.testing.clock import ManualClock
from tests.builders import a_zip
from tests.plugins.frontdoor import a_front_door
from tests.waiting import reached

pytestmark = pytest.mark.anyio

ACCOUNT, OTHER = "123456789012", "210987654321"
PACKAGE = a_zip({"app.py": "x = 1\n"})


class Sender:
    """A client: its account, and the pieces that it sends. After them it ends, or (``hangs``) waits until it is let go."""

    def __init__(self, account: str, *pieces: bytes, hangs: bool = False) -> None:
        self._account = account
        self._pieces = list(pieces)
        self._hangs = hangs
        self.let_go = asyncio.Event()
        self.taken = 0

    def request(self) -> Request:
        scope = {"type": "http", "method": "PUT", "headers": [(b"account", self._account.encode())]}
        sha256 = hashlib.sha256(b"".join(self._pieces)).hexdigest()
        return Request({**scope, "path_params": {"Sha256": sha256}}, self.receive)

    async def receive(self) -> Message:
        piece = self._pieces[self.taken] if self.taken < len(self._pieces) else b""
        self.taken += 1
        last = self.taken >= len(self._pieces)
        if last and self._hangs:
            await self.let_go.wait()
        return {"type": "http.request", "body": piece, "more_body": not last}


class Admitting(Receiver):
    """Believes what a request says of its account."""

    def admit(self, request: Request, body_sha256: str) -> Principal:
        return Principal(request.headers["account"], "us-east-1", "")


class Endpoint:
    """The endpoint on a real folder, with a clock that stands still until it is told."""

    def __init__(self, home: Path) -> None:
        self.clock = ManualClock()
        self.parts = a_front_door(home, clock=self.clock)
        self._uploads = PackageUploads(self.parts, Admitting(self.parts.authenticator))
        self._folder = home / "uploads"

    async def take(self, sender: Sender) -> Response:
        return await self._uploads.upload(sender.request())

    def files(self, account: str) -> list[str]:
        return [path.name for path in (self._folder / account).glob("*")]


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[Endpoint]:
    made = Endpoint(tmp_path)
    yield made
    made.parts.database.close()


async def test_hanging_uploads_of_one_account_are_not_in_the_way_of_anothers(endpoint: Endpoint) -> None:
    hanging = [Sender(ACCOUNT, PACKAGE, hangs=True) for _ in range(2 * AT_ONCE)]
    async with asyncio.TaskGroup() as tasks:
        answers = [tasks.create_task(endpoint.take(sender)) for sender in hanging]
        await reached(lambda: sum(sender.taken for sender in hanging) == AT_ONCE_OF_ACCOUNT)

        assert (await endpoint.take(Sender(OTHER, PACKAGE))).status_code == 200
        assert sum(sender.taken for sender in hanging) == AT_ONCE_OF_ACCOUNT
        assert len(endpoint.files(ACCOUNT)) == AT_ONCE_OF_ACCOUNT

        for sender in hanging:
            sender.let_go.set()

    assert [answer.result().status_code for answer in answers] == [200] * len(hanging)


async def test_no_more_uploads_are_under_way_than_the_disk_is_meant_to_take(endpoint: Endpoint) -> None:
    accounts = [f"{number:012}" for number in range(AT_ONCE)]
    hanging = [Sender(account, PACKAGE, hangs=True) for account in accounts for _ in range(AT_ONCE_OF_ACCOUNT)]
    async with asyncio.TaskGroup() as tasks:
        for sender in hanging:
            tasks.create_task(endpoint.take(sender))
        await reached(lambda: sum(sender.taken for sender in hanging) == AT_ONCE)
        assert sum(len(endpoint.files(account)) for account in accounts) == AT_ONCE

        for sender in hanging:
            sender.let_go.set()

    assert all(sender.taken == 1 for sender in hanging)


@pytest.mark.parametrize(("pause_s", "taken"), [(59.0, 2), (ALLOWED_S / 4, 5)])
async def test_an_upload_of_a_byte_now_and_then_is_given_up_and_leaves_nothing(
    endpoint: Endpoint, pause_s: float, taken: int
) -> None:
    class Dripping(Sender):
        async def receive(self) -> Message:
            endpoint.clock.advance(pause_s)
            return await super().receive()

    sender = Dripping(ACCOUNT, *(bytes([byte]) for byte in PACKAGE))

    with pytest.raises(RequestTimeoutException, match=f"too slow: after 60 seconds, {LEAST_BYTES_S} bytes a second"):
        await endpoint.take(sender)

    assert sender.taken == taken
    assert endpoint.files(ACCOUNT) == []


async def test_an_upload_that_is_as_fast_as_it_must_be_is_taken_however_long_it_is(endpoint: Endpoint) -> None:
    class Steady(Sender):
        async def receive(self) -> Message:
            endpoint.clock.advance(1.0)
            return await super().receive()

    package = a_zip({"data": bytes(range(256)) * 128 * 200})
    pieces = [package[at : at + LEAST_BYTES_S] for at in range(0, len(package), LEAST_BYTES_S)]
    assert len(pieces) > 2 * ALLOWED_S

    assert (await endpoint.take(Steady(ACCOUNT, *pieces))).status_code == 200
