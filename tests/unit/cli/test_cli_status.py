"""What `raylambda status --why` prints of a story."""

from __future__ import annotations

from typing import Any

from raylambda.cli.status import why_lines


def a_story(**changes: Any) -> dict[str, Any]:
    """A function that nothing has happened to."""
    return {
        "arn": "arn:aws:lambda:us-east-1:123456789012:function:hello",
        "concurrency": {"units": 0, "reserved": None, "limit": 1000, "in_use": 0, "throttles": {}},
        "waiting": [],
        "events": {"unsettled": 0, "next_due_at": None},
        "refusals": [],
        "ended": [],
        "environments": [],
        **changes,
    }


def an_environment(**changes: Any) -> dict[str, Any]:
    return {
        "environment_id": "e1",
        "host_id": "h1",
        "version": "$LATEST",
        "state": "idle",
        "for_s": 3.2,
        "story": [{"at": 0.5, "cause": "a call came", "from": None, "to": "queued"}],
        "life_cycle": {"state": "Ready", "story": ["StartRequested -> Initializing"]},
        **changes,
    }


def test_who_waits_and_was_refused_is_told_with_the_reasons() -> None:
    waiting = [{"version": "7", "placements": 2, "for_s": 4.0, "why": "No room on the hosts that run for 2 more."}]
    refusals = [{"at": 61.25, "refusal": "no capacity", "message": "Nothing became free."}]

    lines = list(why_lines(a_story(waiting=waiting, refusals=refusals)))

    assert "waiting: 2 for 7, the first for 4 s: No room on the hosts that run for 2 more." in lines
    assert "refused: 1970-01-01 00:01:01.250Z  no capacity: Nothing became free." in lines


def test_a_reservation_and_its_throttles_are_told() -> None:
    units = {"units": 3, "reserved": 3, "limit": 3, "in_use": 3, "throttles": {"Reserved": 5}}

    lines = list(why_lines(a_story(concurrency=units)))

    assert "concurrency: 3 in use by it; 3 of 3 that are reserved for it alone" in lines
    assert "throttled: 5 times (Reserved)" in lines


def test_events_that_wait_and_environments_that_ended_are_told() -> None:
    ended = [{"environment_id": "e0", "version": "3", "at": 61.25, "why": "idle for too long", "story": []}]

    lines = list(why_lines(a_story(events={"unsettled": 4, "next_due_at": 121.0}, ended=ended)))

    assert "events: 4 accepted and not settled, the next is due at 1970-01-01 00:02:01.000Z" in lines
    assert "ended: 1970-01-01 00:01:01.250Z  environment e0 of 3: idle for too long" in lines


def test_an_environment_is_told_from_both_sides() -> None:
    lines = list(why_lines(a_story(environments=[an_environment()])))

    assert "  1970-01-01 00:00:00.500Z  queued    a call came" in lines
    assert "    StartRequested -> Initializing" in lines


def test_an_environment_whose_host_is_silent_is_told_all_the_same() -> None:
    lines = list(why_lines(a_story(environments=[an_environment(life_cycle=None)])))

    assert "  its host does not tell about it" in lines


def test_what_a_function_wrote_steers_no_terminal() -> None:
    life = {"state": "Cold", "story": ["RuntimeExited (\x1b]0;owned\x07\u009b2J\u202e) -> Cold"]}

    lines = list(why_lines(a_story(environments=[an_environment(life_cycle=life)])))

    assert r"    RuntimeExited (\x1b]0;owned\x07\x9b2J\u202e) -> Cold" in lines
