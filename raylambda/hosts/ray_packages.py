"""Code packages in Ray's object store, for the nodes that do not have them unpacked yet."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import ray

from raylambda.hosts.ports import StartRefused
from raylambda.store.codestore import CodeMissing
from raylambda.store.errors import StoreUnavailable


class RayPackages:
    """A ``PackageShelf``: packages are read from the code store (``get``) and put into Ray's object store once each.

    The last ``keep`` packages stay there, for the starts of the same function on other nodes.
    """

    def __init__(self, get: Callable[[str], bytes], keep: int = 8) -> None:
        self._get = get
        self._keep = keep
        self._shelf: OrderedDict[str, asyncio.Future[list[Any]]] = OrderedDict()

    async def package(self, code_sha256: str) -> list[Any]:
        shelved = self._shelf.get(code_sha256)
        if shelved is None:
            shelved = asyncio.ensure_future(asyncio.to_thread(self._put, code_sha256))
            self._shelf[code_sha256] = shelved
            shelved.add_done_callback(lambda done: self._tidy(code_sha256, done))
        self._shelf.move_to_end(code_sha256)
        return await asyncio.shield(shelved)

    def _put(self, code_sha256: str) -> list[Any]:
        try:
            return [ray.put(self._get(code_sha256))]
        except (CodeMissing, StoreUnavailable) as error:
            raise StartRefused(f"The function's code package cannot be read: {error}") from error

    def _tidy(self, code_sha256: str, done: asyncio.Future[list[Any]]) -> None:
        if done.cancelled() or done.exception() is not None:
            self._shelf.pop(code_sha256, None)
        while len(self._shelf) > self._keep:
            self._shelf.popitem(last=False)
