"""A small pool of links made ahead: taking one is instant while it lasts, and it is refilled in the background; and their numbers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Link = TypeVar("Link")


class LinkPool(Generic[Link]):
    """Keeps ``size`` links ready. ``make`` makes so many at once; those who wait are served first, in their order.

    When ``make`` fails, those who wait get its error, and the pool tries again at the next ``take``.
    """

    def __init__(self, make: Callable[[int], Awaitable[list[Link]]], size: int, batch: int = 8) -> None:
        self._make, self._size, self._batch = make, size, batch
        self._ready: deque[Link] = deque()
        self._waiting: deque[asyncio.Future[Link]] = deque()
        self._refill: asyncio.Task[None] | None = None
        self._closed: Exception | None = None

    def fill(self) -> None:
        """Start making what is missing, unless that is under way."""
        if self._closed is None and (self._refill is None or self._refill.done()):
            self._refill = asyncio.get_running_loop().create_task(self._make_missing())

    async def take(self) -> Link:
        """One link, ready or new; raises what ``make`` raises."""
        if self._closed is not None:
            raise self._closed
        if self._ready:
            taken = self._ready.popleft()
            self.fill()
            return taken
        waiter: asyncio.Future[Link] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self.fill()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._ready.appendleft(waiter.result())  # served and cancelled in the same turn of the loop
            raise

    async def _make_missing(self) -> None:
        while missing := self._missing():
            try:
                made = await self._make(missing)
            except Exception as error:  # it belongs to those who wait
                self._refuse(error)
                return
            self._ready.extend(made)
            self._serve()

    def _missing(self) -> int:
        """How many to make now: only for those who wait while there are any, so that they wait for nothing else."""
        waiting = sum(not waiter.done() for waiter in self._waiting)
        return min(self._batch, waiting or max(0, self._size - len(self._ready)))

    def _serve(self) -> None:
        while self._ready and self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(self._ready.popleft())

    def _refuse(self, error: Exception) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(error)

    async def close(self, error: Exception) -> None:
        """Stop making; whoever waits or takes gets ``error``. What was ready is forgotten: its owner frees it."""
        self._closed = error
        if self._refill is not None:
            self._refill.cancel()
            await asyncio.wait([self._refill])
        self._refuse(error)
        self._ready.clear()


class Numbers:
    """Hands out numbers below ``count``, each as late as possible after it was given back.

    So a late answer of the network to a guest that is gone does not arrive at a guest that has just got its address.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._next = 0
        self._out: set[int] = set()

    def take(self) -> int:
        """A number that is not out; raises ``IndexError`` when all are."""
        if len(self._out) >= self._count:
            raise IndexError("All numbers are out.")
        while self._next in self._out:
            self._next = (self._next + 1) % self._count
        number, self._next = self._next, (self._next + 1) % self._count
        self._out.add(number)
        return number

    def give_back(self, number: int) -> None:
        self._out.discard(number)
