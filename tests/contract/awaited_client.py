"""``AsyncClient`` behind the methods of ``Client``, so that one test asks both: its event loop runs in a thread."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from raylambda.sdk.async_client import AsyncClient


class Awaited:
    """Runs what a method gives to its end, or item by item."""

    def __init__(self, asynchronous: object, loop: asyncio.AbstractEventLoop) -> None:
        self._asynchronous = asynchronous
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._asynchronous, name)
        return self._method(found) if callable(found) else Awaited(found, self._loop)

    def _method(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **named: Any) -> Any:
            given = method(*arguments, **named)
            return self._items(given) if inspect.isasyncgen(given) else self._result(given)

        return run

    def _items(self, items: Any) -> Iterator[Any]:
        try:
            while (item := self._result(_next(items))) is not _END:
                yield item
        finally:
            self._result(items.aclose())

    def _result(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(_of(work), self._loop).result(90)


_END = object()


async def _of(work: Coroutine[Any, Any, Any]) -> Any:
    return await work


async def _next(items: AsyncIterator[Any]) -> Any:
    return await anext(items, _END)


@contextmanager
def awaited_client(*arguments: Any, **named: Any) -> Iterator[Any]:
    """An ``AsyncClient`` made with these arguments."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    client = Awaited(AsyncClient(*arguments, **named), loop)
    try:
        yield client
    finally:
        client.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()
