"""Small units of work from the event loop, many of them in one transaction.

Each commit waits for the disk. Under load, units that arrive while one transaction commits go together into the next, so
that the wait is shared; without load, a unit goes alone and at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sqlmodel import Session

from raylambda.store.engine import Database
from raylambda.store.errors import StoreConflict, StoreUnavailable

_Result = TypeVar("_Result")
_Unit = Callable[[Session], Any]

_BATCH: Final = 64


@dataclass(frozen=True, slots=True)
class _Waiting:
    unit: _Unit
    future: asyncio.Future[Any]


class GroupWriter:
    """Commits in one thread at a time; belongs to one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Waiting] = []
        self._drain: asyncio.Task[None] | None = None

    async def write(self, unit: Callable[[Session], _Result]) -> _Result:
        """Run ``unit`` in a shared unit of work and return its result once that is committed.

        A unit may run twice (again by itself, when its company failed), and never half. Cancelling the wait does not stop it.
        Raises what the unit raises, and ``StoreUnavailable``.
        """
        future: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(unit, future))
        if self._drain is None:
            self._drain = asyncio.create_task(self._write_all(), name="group-writer")
        return await future

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
                await self._write_batch(batch)
        finally:
            self._drain = None

    async def _write_batch(self, batch: Sequence[_Waiting]) -> None:
        try:
            results = await asyncio.to_thread(self._commit, [waiting.unit for waiting in batch])
        except Exception as error:
            await self._write_each(batch, error)
        else:
            for waiting, result in zip(batch, results, strict=True):
                if not waiting.future.done():
                    waiting.future.set_result(result)

    async def _write_each(self, batch: Sequence[_Waiting], error: Exception) -> None:
        """One unit spoiled the batch (or the store is away, and then all fail alike)."""
        store_is_away = isinstance(error, StoreUnavailable) and not isinstance(error, StoreConflict)
        if len(batch) > 1 and not store_is_away:
            for waiting in batch:
                await self._write_batch([waiting])
            return
        for waiting in batch:
            if not waiting.future.done():
                waiting.future.set_exception(error)

    def _commit(self, units: Sequence[_Unit]) -> list[Any]:
        with self._database.shared() as session:
            return [unit(session) for unit in units]
