"""Work for the life of the platform: one failure of the disk is not its end."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from raylambda.boot.repeating import repeat
from raylambda.store.errors import StoreUnavailable

pytestmark = pytest.mark.anyio


async def test_work_goes_on_after_a_disk_or_a_store_failed_and_the_log_says_so() -> None:
    outcomes = [OSError("Input/output error"), None, StoreUnavailable("the store is away"), None]
    enough = asyncio.Event()

    async def work() -> None:
        outcome = outcomes.pop(0)
        if not outcomes:
            enough.set()
            await asyncio.Event().wait()
        if outcome is not None:
            raise outcome

    with capture_logs() as lines:
        task = asyncio.create_task(repeat(work, 0.0, "work_failed"))
        await asyncio.wait([task, asyncio.create_task(enough.wait())], return_when=asyncio.FIRST_COMPLETED)
        assert enough.is_set()
        task.cancel()
        await asyncio.wait([task])

    assert [(line["event"], line["error"]) for line in lines] == [
        ("work_failed", "Input/output error"),
        ("work_failed", "the store is away"),
    ]
