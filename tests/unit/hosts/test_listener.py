"""What a host says: log lines go to the sink, exits to who asked for them, and silence is the end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from raylambda.hosts.listener import HostListener
from raylambda.hosts.ports import Host, HostSize
from raylambda.model.environment import EnvironmentExited, HostEvent, HostFacts, LogLines
from raylambda.testing.hosts import FakeCluster, FakeHost, Script
from tests.waiting import reached

pytestmark = pytest.mark.anyio


class Heard:
    """A listener to a host of its own, and what it passed on."""

    def __init__(self, silence_s: float = 60.0, poll_s: float = 0.01) -> None:
        facts = HostFacts("h1", "node-1", "node-1", pid=0, isolation=(), warnings=(), runtimes=())
        self.host = FakeHost(facts, HostSize(1024, 1.0), Script(), poll_s)
        self.logs: list[LogLines] = []
        self.exits: list[str] = []
        self.listener = HostListener(self.logs.append, self.host, self.exits.append, silence_s)


class SlowCluster(FakeCluster):
    """Its hosts take for ever to shut down."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()

    async def release_host(self, host: Host) -> Sequence[HostEvent]:
        self.asked.set()
        await asyncio.Event().wait()
        return ()


def lines(text: str) -> LogLines:
    return LogLines("123456789012", "us-east-1", "/aws/lambda/hello", "stream", ((1, text),))


async def test_log_lines_go_to_the_sink_in_order_and_exits_to_the_fleet() -> None:
    heard = Heard()
    listening = asyncio.ensure_future(heard.listener.listen())

    for event in (lines("one"), EnvironmentExited("e1", "Runtime.ExitError"), lines("two")):
        heard.host.emit(event)
    await reached(lambda: len(heard.logs) == 2, pause_s=0)

    assert heard.logs == [lines("one"), lines("two")]
    assert heard.exits == ["e1"]
    assert not listening.done()
    listening.cancel()


async def test_listening_ends_when_the_host_is_lost() -> None:
    heard = Heard()
    listening = asyncio.ensure_future(heard.listener.listen())

    heard.host.kill()

    async with asyncio.timeout(5):
        await listening


async def test_listening_ends_when_the_host_says_nothing_for_too_long() -> None:
    heard = Heard(silence_s=0.02, poll_s=3600.0)

    async with asyncio.timeout(5):
        await heard.listener.listen()


async def test_a_host_that_is_being_released_is_heard_to_the_end_of_its_stream() -> None:
    heard = Heard(poll_s=3600.0)
    listening = asyncio.ensure_future(heard.listener.listen())
    await asyncio.sleep(0)

    releasing = asyncio.ensure_future(heard.listener.release(cluster := SlowCluster()))
    await cluster.asked.wait()
    for text in ("one", "two"):
        heard.host.emit(lines(text))
        await reached(lambda text=text: heard.logs[-1:] == [lines(text)], pause_s=0)
    heard.host.shut_down()
    async with asyncio.timeout(5):
        await listening

    assert heard.logs == [lines("one"), lines("two")]
    assert not releasing.done()
    releasing.cancel()


async def test_the_last_words_of_a_released_host_are_heard() -> None:
    heard, cluster = Heard(), FakeCluster()
    heard.host.emit(lines("farewell"))

    await heard.listener.release(cluster)

    assert heard.logs == [lines("farewell")]
    assert cluster.released == ["h1"]
