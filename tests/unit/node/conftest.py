"""What the tests of one environment share: an environment on a scripted guest, on time that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.unit.node.environment.stage import Stage


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """Environments made with it are checked and shut down at the end of the test."""
    stage = Stage()
    yield stage
    await stage.close()
