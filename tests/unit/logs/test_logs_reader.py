"""Logs are read from the end, and followed."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from raylambda.logs.requests import LineOf
from raylambda.testing.clock import ManualClock
from tests.unit.logs.written_logs import START, Logs, a_query, messages, some_lines


def test_lines_are_read_in_the_order_in_which_they_came(logs: Logs, clock: ManualClock) -> None:
    logs.write(some_lines("one", "two\twith\ttabs"))
    clock.advance(7200)
    logs.write(some_lines("three\nfour \u20ac \ud800 \x00", stream="t"))

    lines = logs.read(a_query())

    assert messages(lines) == ["one", "two\twith\ttabs", "three\nfour \u20ac \ud800 \x00"]
    assert [line.stream for line in lines] == ["s", "s", "t"]


def test_nothing_is_read_where_nothing_was_written(logs: Logs) -> None:
    logs.write(some_lines())

    assert logs.read(a_query()) == []


def test_the_newest_lines_within_the_limit(logs: Logs, clock: ManualClock) -> None:
    for hour in range(3):
        logs.write(some_lines(*(f"{hour}.{number}" for number in range(1000))))
        clock.advance(3600)

    assert messages(logs.read(a_query(limit=2))) == ["2.998", "2.999"]
    assert messages(logs.read(a_query(limit=1002)))[:3] == ["1.998", "1.999", "2.0"]
    assert logs.read(a_query(limit=0)) == []


def test_lines_are_selected_by_time_and_stream(logs: Logs) -> None:
    now = int(START * 1000)
    logs.write(some_lines("old", time_ms=now - 10))
    logs.write(some_lines("new", time_ms=now, stream="2027/01/15/hello[$LATEST]00"))
    logs.write(some_lines("other", time_ms=now, stream="2027/01/15/hello2[$LATEST]00"))

    assert messages(logs.read(a_query(since_ms=now))) == ["new", "other"]
    assert messages(logs.read(a_query(stream_part="/hello["))) == ["new"]
    assert messages(logs.read(a_query(stream="s"))) == ["old"]


def test_groups_accounts_and_regions_are_apart(logs: Logs) -> None:
    logs.write(some_lines("mine"))
    logs.write(some_lines("another account", account="2"))
    logs.write(some_lines("another group", group="/aws/lambda/hello2"))

    assert messages(logs.read(a_query())) == ["mine"]
    assert logs.read(a_query(region="eu-west-1")) == []


async def take(lines: AsyncIterator[LineOf], count: int) -> list[str]:
    return [(await asyncio.wait_for(anext(lines), 30)).line.message for _ in range(count)]


def test_followers_get_what_there_is_and_what_comes(logs: Logs, clock: ManualClock) -> None:
    async def scenario() -> None:
        logs.write(some_lines("one", "two"))
        first, second = logs.reader.follow(a_query(limit=1)), logs.reader.follow(a_query(stream="t"))
        assert await take(first, 1) == ["two"]

        waiting = asyncio.create_task(take(second, 1))
        logs.write(some_lines("three"))
        clock.advance(3600)
        logs.write(some_lines("four", stream="t"))

        assert await take(first, 2) == ["three", "four"]
        assert await waiting == ["four"]

    asyncio.run(scenario())


def test_followers_are_woken_from_other_threads_and_miss_nothing(logs: Logs) -> None:
    async def scenario() -> None:
        def write() -> None:
            for number in range(200):
                logs.write(some_lines(str(number)))

        writers = [threading.Thread(target=write) for _ in range(4)]
        following = logs.reader.follow(a_query())
        for writer in writers:
            writer.start()

        got = await take(following, 800)

        assert Counter(got) == {str(number): 4 for number in range(200)}

    asyncio.run(scenario())


def test_closing_ends_what_is_followed(logs: Logs) -> None:
    async def scenario() -> None:
        logs.write(some_lines("one"))
        following = logs.reader.follow(a_query())
        await take(following, 1)
        last = asyncio.create_task(anext(following, None))
        await asyncio.sleep(0)

        logs.reader.close()

        assert await asyncio.wait_for(last, 30) is None
        assert messages(logs.read(a_query())) == ["one"]

    asyncio.run(scenario())


ONE, TWO = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"


def an_invocation(request_id: str, *messages: str) -> list[str]:
    return [
        f"START RequestId: {request_id} Version: 7",
        *messages,
        f"END RequestId: {request_id}",
        f"REPORT RequestId: {request_id}\tx",
    ]


def test_lines_of_several_environments_are_in_the_order_of_their_times(logs: Logs) -> None:
    now = int(START * 1000)
    logs.write(some_lines("third", time_ms=now + 2, stream="s"))
    logs.write(some_lines("first", time_ms=now, stream="t"))
    logs.write(some_lines("second", time_ms=now + 1, stream="t"))
    logs.write(some_lines("fourth", time_ms=now, stream="s"))  # the host's clock went back

    assert messages(logs.read(a_query())) == ["first", "second", "third", "fourth"]


def test_lines_are_selected_by_text_and_until(logs: Logs, clock: ManualClock) -> None:
    logs.write(some_lines("an apple", "a pear"))
    clock.advance(10 * 3600)
    logs.write(some_lines("another apple", time_ms=int(clock.now() * 1000)))

    assert messages(logs.read(a_query(text="apple"))) == ["an apple", "another apple"]
    assert messages(logs.read(a_query(text="apple", limit=1))) == ["another apple"]
    assert messages(logs.read(a_query(text="apple", until_ms=int(clock.now() * 1000)))) == ["an apple"]


def test_one_request_looks_at_so_many_lines_and_says_where_it_ended(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("raylambda.logs.reader.SEARCH_LINES", 10)
    for number in range(20):
        logs.write(some_lines(f"{number}", time_ms=int(START * 1000) + number))

    page = logs.reader.read(a_query(text="0", limit=5))
    rest = logs.reader.read(a_query(text="0", until_ms=page.searched_to_ms + 1, limit=5))

    assert ([one.line.message for one in page.lines], page.searched_to_ms) == (["10"], int(START * 1000) + 9)
    assert ([one.line.message for one in rest.lines], rest.searched_to_ms) == (["0"], None)


def test_one_invocation_is_found_among_others(logs: Logs) -> None:
    logs.write(some_lines(*an_invocation(ONE, "a"), *an_invocation(TWO, "b"), stream="s"))
    logs.write(some_lines("between", *an_invocation(ONE, "retried")[:2], stream="t"))  # it still runs

    found = messages(logs.read(a_query(request_id=ONE)))

    assert sorted(found) == sorted([*an_invocation(ONE, "a"), *an_invocation(ONE, "retried")[:2]])


def test_an_invocation_that_runs_is_told_though_its_beginning_is_not_on_the_page(logs: Logs) -> None:
    logs.write(some_lines(f"START RequestId: {ONE} Version: 7", *map(str, range(500))))

    page = logs.reader.read(a_query(limit=3, requests=True))

    assert [(one.line.message, one.request_id) for one in page.lines] == [("497", ONE), ("498", ONE), ("499", ONE)]
    assert page.running == {"s": ONE}


def test_followers_are_told_whose_lines_come(logs: Logs) -> None:
    async def scenario() -> list[str | None]:
        logs.write(some_lines(*an_invocation(ONE)[:1]))
        following = logs.reader.follow(a_query(requests=True))
        await take(following, 1)
        logs.write(some_lines("mine", *an_invocation(ONE)[1:], "nobody's", *an_invocation(TWO, "other")))
        return [(await anext(following)).request_id for _ in range(8)]

    assert asyncio.run(scenario()) == [ONE, ONE, ONE, None, TWO, TWO, TWO, TWO]
