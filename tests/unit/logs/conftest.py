"""Logs of each test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from raylambda.testing.clock import ManualClock
from tests.unit.logs.written_logs import START, Logs


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def logs(tmp_path: Path, clock: ManualClock) -> Logs:
    return Logs(tmp_path / "logs", clock)
