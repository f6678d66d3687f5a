"""Rows about functions, and what is said of addresses."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from raylambda.boot.listening import announcements, is_loopback, refusal
from raylambda.boot.overview import functions_in_regions, overview
from raylambda.cli.status import function_lines, unique_prefixes
from raylambda.hosts.placing import Lease
from raylambda.model.function import FunctionKey
from raylambda.model.invocation import InvocationResult, Target
from raylambda.scheduling.tally import Tally
from tests.builders import ACCOUNT, ARN, KEY, a_version

TARGET = Target(KEY, a_version(), ARN, None)


def key(name: str, region: str = "us-east-1") -> FunctionKey:
    return (ACCOUNT, region, name)


def found(rows: list[dict[str, Any]], regions: dict[str, int]) -> dict[str, Any]:
    return {"overview": rows, "functions_in_regions": regions, "since": 0.0}


def test_calls_errors_and_cold_starts_are_counted() -> None:
    tally = Tally()

    tally.count(TARGET, Lease(1, "e", "h", cold=True), InvocationResult(b"1"))
    tally.count(TARGET, Lease(2, "e", "h", cold=False), InvocationResult(b"{}", "Unhandled"))

    counted = tally.of(KEY)
    assert (counted.invocations, counted.errors, counted.cold_starts) == (2, 1, 1)
    assert tally.of(key("other")).invocations == 0


def test_the_busiest_function_comes_first() -> None:
    environments = [
        {"account": ACCOUNT, "region": "us-east-1", "function": name, "state": state}
        for name, state in [("busy", "leased"), ("warm", "idle"), ("warm", "idle"), ("gone", "stopping")]
    ]
    units = {key("busy"): 3}

    rows = overview(
        [key("aaa"), key("busy"), key("warm")],
        [{"environments": environments}],
        lambda one: units.get(one, 0),
        Tally().of,
        {key("aaa"): (2, 0.0)},
    )

    assert [(row["function"], row["environments"], row["running"], row["waiting"], row["events"]) for row in rows] == [
        ("busy", 1, 1, 2, 0),
        ("warm", 2, 0, 0, 0),
        ("gone", 1, 0, 0, 0),
        ("aaa", 0, 0, 0, 2),
    ]


def test_a_thousand_functions_are_a_hundred_rows_and_a_number() -> None:
    keys = [key(f"f{number:04}") for number in range(1000)]
    rows = overview(keys, [], lambda _: 0, Tally().of, {})

    lines = list(function_lines(found(rows, functions_in_regions(keys)), 100))

    assert len(lines) == 103
    assert lines[1].startswith("f0000")
    assert lines[-2:] == ["... and 900 more (--all)", "calls, errors and cold starts since 1970-01-01 00:00:00.000Z"]
    assert len(list(function_lines(found(rows, functions_in_regions(keys)), 1000))) == 1002


def test_regions_are_named_where_there_are_several() -> None:
    keys = [key("a"), key("a", "eu-west-1")]

    lines = list(function_lines(found(overview(keys, [], lambda _: 0, Tally().of, {}), functions_in_regions(keys)), 9))

    assert lines[0].split()[:2] == ["FUNCTION", "REGION"]
    assert functions_in_regions(keys) == {"eu-west-1": 1, "us-east-1": 1}


def test_ids_are_as_short_as_they_can_be_told_apart() -> None:
    assert unique_prefixes(["abcdefgh", "abcdefxx", "12345678", "ab"]) == {
        "abcdefgh": "abcdefg",
        "abcdefxx": "abcdefx",
        "12345678": "123456",
        "ab": "ab",
    }


@pytest.mark.parametrize(
    ("host", "port", "said"),
    [
        ("127.0.0.1", 8470, []),
        ("::1", 8470, []),
        ("localhost", 443, ["port 443 is below 1024"]),
        ("10.0.0.5", 8470, ["other machines can connect to 10.0.0.5"]),
        ("0.0.0.0", 80, ["port 80 is below 1024", "other machines can connect to every address of this machine"]),
    ],
)
def test_unusual_addresses_are_announced(host: str, port: int, said: list[str]) -> None:
    texts = list(announcements(host, port))

    assert len(texts) == len(said)
    assert all(text.startswith(start) for text, start in zip(texts, said, strict=True))


def test_why_nobody_can_listen_is_said_with_the_way_out() -> None:
    assert "need root or CAP_NET_BIND_SERVICE" in refusal("127.0.0.1", 80, OSError(errno.EACCES, "Permission denied"))
    assert "--host" in refusal("9.9.9.9", 8470, OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address"))
    assert refusal("h", 1, OSError(errno.EADDRINUSE, "in use")).endswith("in use; choose another with --port")
    assert not is_loopback("example.com")
