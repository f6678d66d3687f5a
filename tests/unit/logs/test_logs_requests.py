"""Whose a line is, read back and read on."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raylambda.logs.files import LogLine
from raylambda.logs.requests import ReadingBack, ReadingOn


def read_back(messages: list[str], stream: str = "s") -> list[str | None]:
    reading = ReadingBack()
    taken = [reading.take(LogLine(0, stream, message)) for message in reversed(messages)]
    reading.decide_rest()
    return [one.request_id for one in reversed(taken)]


def read_on(messages: list[str]) -> list[str | None]:
    reading = ReadingOn({})
    return [reading.take(LogLine(0, "s", message)).request_id for message in messages]


def a_record(kind: str, request_id: str) -> str:
    return json.dumps({"time": "t", "type": f"platform.{kind}", "record": {"requestId": request_id}})


FORMATS = {
    "text": ("START RequestId: {} Version: 7", "END RequestId: {}", "REPORT RequestId: {}\tDuration: 1 ms"),
    "json": (a_record("start", "{}"), a_record("runtimeDone", "{}"), a_record("report", "{}")),
}


@given(
    kind=st.sampled_from(sorted(FORMATS)),
    lives=st.lists(st.lists(st.sampled_from(["said", "{", "START RequestId: ", ""]), max_size=3), max_size=5),
    between=st.lists(st.just("between"), max_size=2),
)
def test_an_invocations_lines_are_its_own_from_start_to_report(
    kind: str, lives: list[list[str]], between: list[str]
) -> None:
    start, end, report = FORMATS[kind]
    messages, owners = ["INIT_START x", *between], [None] * (1 + len(between))
    for number, said in enumerate(lives):
        name = f"id-{number}"
        own = [line.replace("{}", name) for line in (start, end, report)]
        messages += [own[0], *said, own[1], own[2], *between]
        owners += [name] * (3 + len(said)) + [None] * len(between)

    assert read_back(messages) == owners
    assert read_on(messages) == owners


@pytest.mark.parametrize(
    "message", ["{", '{"requestId": 7}', '["requestId"]'[:1], '{"requestId": ""}', '{"type": [], "requestId": null}']
)
def test_json_that_says_nothing_is_nobodys(message: str) -> None:
    assert read_back([message]) == [None]
    assert read_on([message]) == [None]


def test_a_line_says_itself_whose_it_is_where_nothing_else_does() -> None:
    assert read_back(['{"level": "INFO", "requestId": "r1"}']) == ["r1"]
    assert read_on(['{"level": "INFO", "requestId": "r1"}']) == ["r1"]


def test_streams_are_told_apart() -> None:
    reading = ReadingBack()

    mine = reading.take(LogLine(0, "s", "mine"))
    reading.take(LogLine(0, "t", "START RequestId: other Version: 1"))
    undecided = reading.undecided
    reading.take(LogLine(0, "s", "START RequestId: r1 Version: 1"))

    assert (mine.request_id, undecided, reading.running) == ("r1", {"s"}, {"t": "other", "s": "r1"})
