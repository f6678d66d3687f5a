"""Work that is done again and again for the life of the platform, whatever becomes of it once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from raylambda.store.errors import StoreUnavailable

_log = structlog.get_logger(__name__)


async def repeat(work: Callable[[], Awaitable[object]], every_s: float, failed: str) -> None:
    """Do ``work`` at once and with ``every_s`` seconds between; a disk or a store that fails is logged as the event ``failed``."""
    while True:
        try:
            await work()
        except (StoreUnavailable, OSError) as error:
            _log.warning(failed, error=str(error))
        await asyncio.sleep(every_s)
