"""Logs: kept, read from the end, followed, expired; torn, flooded and named by hostile users."""

from __future__ import annotations

import asyncio
import stat
import threading
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from raylambda.logs import files as logfiles
from raylambda.logs.files import LogFolder, LogLine
from raylambda.logs.keeper import LogKeeper, LogQuery
from raylambda.model.environment import LogLines
from raylambda.testing.clock import ManualClock

GROUP = "/aws/lambda/hello"
START = 1_800_000_000.0


def some_lines(
    *messages: str, stream: str = "s", group: str = GROUP, account: str = "1", time_ms: int | None = None
) -> LogLines:
    moment = int(START * 1000) if time_ms is None else time_ms
    return LogLines(account, "us-east-1", group, stream, tuple((moment, message) for message in messages))


def a_query(**changes: object) -> LogQuery:
    return LogQuery(**{"account": "1", "region": "us-east-1", "log_group": GROUP, **changes})  # type: ignore[arg-type]


def messages(lines: list[LogLine]) -> list[str]:
    return [line.message for line in lines]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def keeper(tmp_path: Path, clock: ManualClock) -> LogKeeper:
    return LogKeeper(tmp_path / "logs", 14, clock)


def test_lines_are_read_in_the_order_in_which_they_came(keeper: LogKeeper, clock: ManualClock) -> None:
    keeper.append(some_lines("one", "two\twith\ttabs"))
    clock.advance(7200)
    keeper.append(some_lines("three\nfour \u20ac \ud800 \x00", stream="t"))

    lines = keeper.read(a_query())

    assert messages(lines) == ["one", "two\twith\ttabs", "three\nfour \u20ac \ud800 \x00"]
    assert [line.stream for line in lines] == ["s", "s", "t"]


def test_nothing_is_read_where_nothing_was_written(keeper: LogKeeper) -> None:
    keeper.append(some_lines())

    assert keeper.read(a_query()) == []


def test_the_newest_lines_within_the_limit(keeper: LogKeeper, clock: ManualClock) -> None:
    for hour in range(3):
        keeper.append(some_lines(*(f"{hour}.{number}" for number in range(1000))))
        clock.advance(3600)

    assert messages(keeper.read(a_query(limit=2))) == ["2.998", "2.999"]
    assert messages(keeper.read(a_query(limit=1002)))[:3] == ["1.998", "1.999", "2.0"]
    assert keeper.read(a_query(limit=0)) == []


def test_lines_are_selected_by_time_and_stream(keeper: LogKeeper) -> None:
    now = int(START * 1000)
    keeper.append(some_lines("old", time_ms=now - 10))
    keeper.append(some_lines("new", time_ms=now, stream="2027/01/15/hello[$LATEST]00"))
    keeper.append(some_lines("other", time_ms=now, stream="2027/01/15/hello2[$LATEST]00"))

    assert messages(keeper.read(a_query(since_ms=now))) == ["new", "other"]
    assert messages(keeper.read(a_query(stream_part="/hello["))) == ["new"]
    assert messages(keeper.read(a_query(stream="s"))) == ["old"]


def test_groups_accounts_and_regions_are_apart(keeper: LogKeeper) -> None:
    keeper.append(some_lines("mine"))
    keeper.append(some_lines("another account", account="2"))
    keeper.append(some_lines("another group", group="/aws/lambda/hello2"))

    assert messages(keeper.read(a_query())) == ["mine"]
    assert keeper.read(a_query(region="eu-west-1")) == []


@pytest.mark.parametrize("name", ["../../etc", "/", "..", "a/b", "\x00", "x" * 5000, "\ud800"])
def test_names_choose_no_path(keeper: LogKeeper, tmp_path: Path, name: str) -> None:
    keeper.append(some_lines("line", group=name, stream=name, account=name))

    assert messages(keeper.read(a_query(log_group=name, account=name))) == ["line"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["logs"]
    assert all(len(entry.name) == 40 for entry in (tmp_path / "logs").iterdir())


def test_files_are_private(keeper: LogKeeper, tmp_path: Path) -> None:
    keeper.append(some_lines("secret"))

    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "logs").rglob("*.jsonl")}
    folders = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "logs").iterdir()}

    assert (modes, folders) == ({0o600}, {0o700})


@pytest.mark.parametrize("torn", [b'[1, "s", "cut', b"[1,", b"7", b'"text"', b"{}", b"\xff"])
def test_a_line_that_a_crash_cut_short_is_no_line(keeper: LogKeeper, tmp_path: Path, torn: bytes) -> None:
    keeper.append(some_lines("before"))
    (path,) = (tmp_path / "logs").rglob("*.jsonl")
    with path.open("ab") as file:
        file.write(torn)

    assert messages(keeper.read(a_query())) == ["before"]
    keeper.append(some_lines("after"))
    assert messages(keeper.read(a_query())) == ["before", "after"]


def test_old_files_expire(keeper: LogKeeper, clock: ManualClock, tmp_path: Path) -> None:
    keeper.append(some_lines("old"))
    clock.advance(10 * 86_400)
    keeper.append(some_lines("young"))
    assert keeper.expire() == 0

    clock.advance(4 * 86_400 + 3600)

    assert keeper.expire() == 1
    assert messages(keeper.read(a_query())) == ["young"]
    assert keeper.expire() == 0


def test_a_function_fills_its_allowance_and_not_the_disk(
    keeper: LogKeeper, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logfiles, "HOUR_BYTES", 2000)

    for _ in range(100):
        keeper.append(some_lines(*["x" * 50] * 10))
    clock.advance(3600)
    keeper.append(some_lines("next hour"))

    kept = messages(keeper.read(a_query()))
    assert kept[-1] == "next hour"
    assert kept[-2] == "raylambda: too much log; lines are dropped until the next hour"
    assert kept[:-2] == ["x" * 50] * (len(kept) - 2)
    assert sum(path.stat().st_size for path in (tmp_path / "logs").rglob("*.jsonl")) < 3000


def test_an_endless_line_is_cut(keeper: LogKeeper) -> None:
    keeper.append(some_lines("\x00" * 1_000_000))

    (line,) = keeper.read(a_query())

    assert len(line.message) == logfiles.MESSAGE_CHARACTERS


def test_a_group_is_forgotten(keeper: LogKeeper) -> None:
    keeper.append(some_lines("secret"))

    keeper.forget("1", "us-east-1", GROUP)

    assert keeper.read(a_query()) == []


async def take(lines: AsyncIterator[LogLine], count: int) -> list[str]:
    return [(await asyncio.wait_for(anext(lines), 30)).message for _ in range(count)]


def test_followers_get_what_there_is_and_what_comes(keeper: LogKeeper, clock: ManualClock) -> None:
    async def scenario() -> None:
        keeper.append(some_lines("one", "two"))
        first, second = keeper.follow(a_query(limit=1)), keeper.follow(a_query(stream="t"))
        assert await take(first, 1) == ["two"]

        waiting = asyncio.create_task(take(second, 1))
        keeper.append(some_lines("three"))
        clock.advance(3600)
        keeper.append(some_lines("four", stream="t"))

        assert await take(first, 2) == ["three", "four"]
        assert await waiting == ["four"]

    asyncio.run(scenario())


def test_followers_are_woken_from_other_threads_and_miss_nothing(keeper: LogKeeper) -> None:
    async def scenario() -> None:
        def write() -> None:
            for number in range(200):
                keeper.append(some_lines(str(number)))

        writers = [threading.Thread(target=write) for _ in range(4)]
        following = keeper.follow(a_query())
        for writer in writers:
            writer.start()

        got = await take(following, 800)

        assert Counter(got) == {str(number): 4 for number in range(200)}

    asyncio.run(scenario())


def test_closing_ends_what_is_followed(keeper: LogKeeper) -> None:
    async def scenario() -> None:
        keeper.append(some_lines("one"))
        following = keeper.follow(a_query())
        await take(following, 1)
        last = asyncio.create_task(anext(following, None))
        await asyncio.sleep(0)

        keeper.close()

        assert await asyncio.wait_for(last, 30) is None
        assert messages(keeper.read(a_query())) == ["one"]

    asyncio.run(scenario())


def test_a_position_is_never_inside_of_a_line(tmp_path: Path) -> None:
    folder = LogFolder(tmp_path)
    name = logfiles.file_name(START)
    folder.append(name, [LogLine(1, "s", "one")])
    position = folder.end()

    folder.append(name, [LogLine(2, "s", "two")])
    lines, end = folder.after(position)
    with (tmp_path / name).open("ab") as file:
        file.write(b'[3, "s", "not yet comp')

    assert messages(lines) == ["two"]
    assert folder.after(end) == ([], end)


def test_a_disk_that_takes_nothing_does_not_stop_the_function(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / "logs").write_text("in the way")
    keeper = LogKeeper(tmp_path / "logs", 14, clock)

    keeper.append(some_lines("lost"))

    assert (tmp_path / "logs").read_text() == "in the way"
