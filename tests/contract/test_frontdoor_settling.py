"""Answers are sent when what they announce has settled, so boto3's waiters look once and never sleep."""

from __future__ import annotations

import asyncio
import json
import socket
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import pytest
from botocore.exceptions import ClientError
from sqlalchemy import event

from raylambda.boot.platform import open_platform
from raylambda.frontdoor import control
from raylambda.frontdoor.auth.signature import AnyKey
from raylambda.model.clock import SystemClock
from raylambda.settings import Settings
from raylambda.testing.hosts import FakeCluster, FakePackages
from tests.builders import a_zip
from tests.plugins.frontdoor import ACCOUNT, KEY, a_front_door, serving, serving_here, settled_at_once
from tests.waiting import until

pytestmark = pytest.mark.anyio

ROLE = "arn:aws:iam::123456789012:role/any"
AT_ONCE = 50
"""More than there are threads for packages (8) and for everything else (40)."""


def create(client: Any, name: str = "hello", **settings: Any) -> dict[str, Any]:
    package = {"ZipFile": a_zip({"app.py": "def handler(event, context): ..."})}
    answer: dict[str, Any] = client.create_function(
        FunctionName=name, Runtime="python3.11", Role=ROLE, Handler="app.handler", Code=package, **settings
    )
    return answer


def another_package(comment: str) -> bytes:
    return a_zip({"app.py": f"def handler(event, context): ...  # {comment}"})


class Held:
    """A follower that settles nothing until it is let go, and sees how long anybody is ready to wait for it."""

    def __init__(self) -> None:
        self.waiting = 0
        self.patience_s: list[float] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._gate = asyncio.Event()

    async def __call__(self, _change: int) -> None:
        self._loop = asyncio.get_running_loop()
        self.patience_s.append(anyio.current_effective_deadline() - anyio.current_time())
        self.waiting += 1
        try:
            await self._gate.wait()
        finally:
            self.waiting -= 1

    def let_go(self) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._gate.set)


def waited_without_a_pause(client: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Run a waiter for a function; it fails when it has to look twice."""
    looks: Counter[str] = Counter()
    client.meta.events.register("before-call.lambda", lambda model, **_: looks.update([model.name]))

    def refuse_to_sleep(seconds: float) -> None:
        raise AssertionError(f"the waiter slept {seconds} s")

    monkeypatch.setattr("botocore.waiter.time.sleep", refuse_to_sleep)

    def wait(waiter: str, name: str) -> None:
        looks.clear()
        client.get_waiter(waiter).wait(FunctionName=name)
        assert looks.total() == 1, looks

    return wait


async def test_no_waiter_of_boto3_sleeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def use(client: Any) -> list[tuple[str, str | None]]:
        wait = waited_without_a_pause(client, monkeypatch)
        answers = [create(client)]
        wait("function_active_v2", "hello")
        answers.append(client.update_function_configuration(FunctionName="hello", Timeout=7))
        wait("function_updated", "hello")
        answers.append(client.update_function_code(FunctionName="hello", ZipFile=another_package("second")))
        wait("function_updated_v2", "hello")
        answers.append(client.update_function_code(FunctionName="hello", ZipFile=another_package("3"), Publish=True))
        wait("function_updated", "hello")
        answers.append(create(client, "published", Publish=True))
        wait("published_version_active", "published")
        return [(answer["State"], answer.get("LastUpdateStatus")) for answer in answers]

    settings = Settings(home=tmp_path, access_keys=(KEY,))
    async with (
        open_platform(settings, SystemClock(), FakeCluster(), FakePackages()) as platform,
        serving_here(platform.front_door) as served,
    ):
        answers = await asyncio.to_thread(use, served.client())

    assert answers == [
        ("Pending", None),
        ("Active", "InProgress"),
        ("Active", "InProgress"),
        ("Pending", "InProgress"),
        ("Pending", None),
    ]


async def test_tools_that_do_not_wait_never_meet_a_conflict(tmp_path: Path) -> None:
    def use(client: Any) -> int:
        create(client)
        for timeout in range(1, 21):
            client.update_function_configuration(FunctionName="hello", Timeout=timeout)
            client.update_function_code(FunctionName="hello", ZipFile=another_package(str(timeout)), Publish=True)
        versions: list[Any] = client.list_versions_by_function(FunctionName="hello")["Versions"]
        return len(versions)

    settings = Settings(home=tmp_path, access_keys=(KEY,))
    async with (
        open_platform(settings, SystemClock(), FakeCluster(), FakePackages()) as platform,
        serving_here(platform.front_door) as served,
    ):
        assert await asyncio.to_thread(use, served.client()) == 21


def test_a_follower_that_never_settles_costs_a_quarter_of_a_second_and_no_more(tmp_path: Path) -> None:
    held = Held()
    with serving(a_front_door(tmp_path, settled=held)) as served:
        answer = create(served.client())

    assert answer["State"] == "Pending"
    assert held.waiting == 0
    [patience_s] = held.patience_s
    assert 0 < patience_s <= control.SETTLING_S == 0.25


def test_who_waits_holds_no_thread_and_no_connection_and_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "SETTLING_S", 3600.0)
    held = Held()
    door = a_front_door(tmp_path, settled=held)
    with serving(door) as served, ThreadPoolExecutor(AT_ONCE) as users:
        creations = [users.submit(create, served.client(), f"f{number}") for number in range(AT_ONCE)]
        until(lambda: held.waiting == AT_ONCE)

        assert door.database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
        assert len(served.client().list_functions()["Functions"]) == AT_ONCE
        assert served.client().invoke(FunctionName="hello", Payload=b"1")["Payload"].read() == b"1"
        held.let_go()
        assert {creation.result()["State"] for creation in creations} == {"Pending"}


def test_a_client_that_goes_away_meanwhile_harms_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "SETTLING_S", 3600.0)
    held = Held()
    body = json.dumps({"Timeout": 7}).encode()
    head = f"PUT /2015-03-31/functions/hello/configuration HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    door = a_front_door(tmp_path, authenticator=AnyKey(ACCOUNT, "us-east-1"))
    with serving(door) as served:
        create(served.client())
    with serving(a_front_door(tmp_path, settled=held, authenticator=AnyKey(ACCOUNT, "us-east-1"))) as served:
        with socket.create_connection((served.host, served.port)) as peer:
            peer.sendall(head.encode() + body)
            until(lambda: held.waiting == 1)
        held.let_go()

        until(lambda: held.waiting == 0)
        assert served.client().get_function(FunctionName="hello")["Configuration"]["Timeout"] == 7


def statements_of_an_update(home: Path, settled: Callable[[int], Any]) -> list[str]:
    door = a_front_door(home, settled=settled)
    with serving(door) as served:
        create(served.client())
        statements: list[str] = []
        event.listen(door.database.engine, "before_cursor_execute", lambda *seen: statements.append(seen[2]))
        served.client().update_function_configuration(FunctionName="hello", Timeout=7)
        return statements


def test_waiting_costs_no_statement(tmp_path: Path) -> None:
    async def slowly(_change: int) -> None:
        for _ in range(3):
            await asyncio.sleep(0)

    waited = statements_of_an_update(tmp_path / "waited", slowly)
    not_waited = statements_of_an_update(tmp_path / "not", settled_at_once)

    assert waited == not_waited != []


def test_what_changes_nothing_waits_for_nobody(tmp_path: Path) -> None:
    told: list[int] = []

    async def remember(change: int) -> None:
        told.append(change)

    with serving(a_front_door(tmp_path, settled=remember)) as served:
        client = served.client()
        create(client)
        client.get_function(FunctionName="hello")
        client.update_function_code(FunctionName="hello", ZipFile=another_package("2"), DryRun=True)
        with pytest.raises(ClientError, match="already exist"):
            create(client)
        client.update_function_configuration(FunctionName="hello", Timeout=7)

    assert told == [1, 2]
