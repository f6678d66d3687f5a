"""What the front door knows by heart: every function, its versions and its aliases."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from raylambda.model.arn import function_arn
from raylambda.model.errors import ResourceConflictException, ResourceNotFoundException
from raylambda.model.function import LATEST, Alias, FunctionKey, FunctionRecord, FunctionVersion, State
from raylambda.model.invocation import Target


class Registry:
    """Resolves names without I/O; ``FunctionSubscriber`` keeps it up to date. ``draw`` gives a number in [0, 1) for alias weights."""

    def __init__(self, draw: Callable[[], float] = random.random) -> None:
        self._draw = draw
        self._records: dict[FunctionKey, FunctionRecord] = {}

    def put(self, record: FunctionRecord) -> None:
        self._records[record.key] = record

    def drop(self, key: FunctionKey) -> None:
        self._records.pop(key, None)

    def get(self, key: FunctionKey) -> FunctionRecord | None:
        return self._records.get(key)

    def keys(self) -> list[FunctionKey]:
        return list(self._records)

    def versions(self) -> Iterator[FunctionVersion]:
        """Every version of every function, as they are now."""
        for record in tuple(self._records.values()):
            yield from record.versions.values()

    def resolve(self, account: str, region: str, name: str, qualifier: str | None) -> Target:
        """Find the version that serves ``name`` under ``qualifier``.

        Raises ``ResourceNotFoundException``, which for an invocation always names a version (lambda-reference.md 19), and,
        while the version cannot serve, ``ResourceConflictException`` (lambda-reference.md 5).
        """
        key = (account, region, name)
        record = self._records.get(key)
        version = None if record is None else self._version(record, qualifier)
        if version is None:
            arn = function_arn(region, account, name, qualifier or LATEST)
            raise ResourceNotFoundException(f"Function not found: {arn}")
        if version.state != State.ACTIVE:
            raise ResourceConflictException(
                "The operation cannot be performed at this time. "
                f"The function is currently in the following state: {version.state}"
            )
        return Target(key, version, function_arn(region, account, name, qualifier), qualifier)

    def _version(self, record: FunctionRecord, qualifier: str | None) -> FunctionVersion | None:
        version = record.versions.get(LATEST if qualifier is None else qualifier)
        if version is not None or qualifier is None:
            return version
        alias = record.aliases.get(qualifier)
        return None if alias is None else record.versions.get(self._choose(alias))

    def _choose(self, alias: Alias) -> str:
        if not alias.weights:
            return alias.version
        drawn = self._draw()
        for version, weight in alias.weights.items():
            if drawn < weight:
                return version
            drawn -= weight
        return alias.version
