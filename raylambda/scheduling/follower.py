"""What a changed function means here: the subscriber of the change feed (``store.following``) for functions.

For every function that changed, in this order: its record goes to the registry, its reservation to admission, the list of
the generations that still serve to the fleet; only then are all of them activated in the store, in one unit of work. So
``LastUpdateStatus: Successful`` means that new invocations run the new code (lambda-reference.md 11).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from raylambda.model.function import FunctionKey, FunctionRecord, FunctionVersion
from raylambda.scheduling.admission import Admission
from raylambda.scheduling.registry import Registry


class Functions(Protocol):
    """The functions in the store (``StoredFunctions``). Synchronous; called in threads; raises ``StoreUnavailable``."""

    def everything(self) -> Sequence[FunctionRecord]: ...

    def now(self, keys: Iterable[FunctionKey]) -> Mapping[FunctionKey, FunctionRecord | None]:
        """These functions as they are now, ``None`` for those that are gone."""
        ...

    def activate(self, keys: Iterable[FunctionKey]) -> Mapping[FunctionKey, FunctionRecord | None]:
        """Make the functions' waiting versions usable, of all or of none; returns the functions as they are then."""
        ...


class Environments(Protocol):
    """Whoever owns the environments (``FleetDriver``)."""

    def retire(self, key: FunctionKey, current: frozenset[tuple[str, str]]) -> None: ...

    def code_came(self, version: FunctionVersion) -> None: ...


class FunctionSubscriber:
    """Keeps registry, admission limits and fleet in step with the store's functions, and activates them."""

    def __init__(self, functions: Functions, registry: Registry, admission: Admission, fleet: Environments) -> None:
        self._functions = functions
        self._registry = registry
        self._admission = admission
        self._fleet = fleet

    async def load(self) -> None:
        """Take in every function, and let go of those that are gone."""
        records: dict[FunctionKey, FunctionRecord | None] = dict.fromkeys(self._registry.keys())
        records.update({record.key: record for record in await asyncio.to_thread(self._functions.everything)})
        await self._take_in(records)

    async def apply(self, keys: Sequence[FunctionKey]) -> None:
        """Take in these functions as they are now."""
        await self._take_in(await asyncio.to_thread(self._functions.now, keys))

    async def _take_in(self, records: Mapping[FunctionKey, FunctionRecord | None]) -> None:
        """Code that is new to a function goes to the nodes ahead of its first call; at the start there is no host yet for it."""
        known = {key: self._packages(key).keys() for key in records}
        for key, record in records.items():
            self._put(key, record)
        waiting = [key for key, record in records.items() if record is not None and record.to_activate]
        if waiting:  # together: clients wait for their answers until the whole round is done
            for key, record in (await asyncio.to_thread(self._functions.activate, waiting)).items():
                self._put(key, record)
        for key in records:
            for package, version in self._packages(key).items():
                if package not in known[key]:
                    self._fleet.code_came(version)

    def _packages(self, key: FunctionKey) -> dict[str, FunctionVersion]:
        """What the registry knows: each package of the function, and one version that it is the code of."""
        record = self._registry.get(key)
        return {} if record is None else {version.code_sha256: version for version in record.versions.values()}

    def _put(self, key: FunctionKey, record: FunctionRecord | None) -> None:
        if record is None:
            self._registry.drop(key)
            self._admission.forget(key)
            self._fleet.retire(key, frozenset())
            return
        self._registry.put(record)
        self._admission.reserve(key, record.reserved_concurrency)
        self._fleet.retire(key, frozenset((v.version, v.generation) for v in record.versions.values()))
