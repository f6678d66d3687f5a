"""Our own log says how events ended, and keeps their contents to itself."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from raylambda.queue.rules import Condition, Dropped, Ending, Exhausted, Settled
from raylambda.queue.settlement import Settlement, log_settlement
from tests.builders import a_call, a_completion


@pytest.mark.parametrize(
    ("ending", "event", "level"),
    [
        (Settled(1), "event_settled", "debug"),
        (Exhausted(Condition.RETRIES_EXHAUSTED, 3), "event_exhausted", "warning"),
        (Dropped(0), "event_dropped", "warning"),
    ],
)
def test_an_ending_is_one_line_without_the_payload(ending: Ending, event: str, level: str) -> None:
    with capture_logs() as lines:
        asyncio.run(log_settlement(Settlement(a_call(), ending, 1.0, 2.0, a_completion(function_error="Unhandled"))))

    [line] = lines
    assert (line["event"], line["log_level"], line["attempts"]) == (event, level, ending.attempts)
    assert (line["request_id"], line["function"]) == ("r1", "hello")
    assert "payload" not in str(line)
