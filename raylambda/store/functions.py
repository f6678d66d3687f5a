"""Functions as the data plane sees them: rows become ``model.FunctionRecord``, and what is Pending becomes Active.

A record is made of three tables: read it in ``Database.reading`` (or an exclusive unit), which sees one state of all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar
from uuid import uuid4

from sqlmodel import Session, col, or_, select

from raylambda.model.function import LATEST, Alias, FunctionKey, FunctionRecord, FunctionVersion, State, UpdateStatus
from raylambda.model.log_names import default_log_group
from raylambda.model.ray_options import RayOptions
from raylambda.store.engine import Database
from raylambda.store.tables import AliasRow, FunctionRow, FunctionVersionRow

_Row = TypeVar("_Row", FunctionRow, FunctionVersionRow, AliasRow)


class StoredFunctions:
    """What the follower of functions reads, each time one state of the store, and the one thing that it writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def everything(self) -> list[FunctionRecord]:
        with self._database.reading() as session:
            return list(all_functions(session))

    def now(self, keys: Iterable[FunctionKey]) -> Mapping[FunctionKey, FunctionRecord | None]:
        """Each of these functions as it is now, ``None`` when it is gone."""
        with self._database.reading() as session:
            return {key: load_function(session, *key) for key in keys}

    def activate(self, keys: Iterable[FunctionKey]) -> Mapping[FunctionKey, FunctionRecord | None]:
        """Make the waiting versions of all these functions usable, in one unit of work; each function as it is then."""
        with self._database.session() as session:
            activated = {}
            for key in keys:
                activate(session, *key)
                activated[key] = load_function(session, *key)
            return activated


def load_function(session: Session, account: str, region: str, name: str) -> FunctionRecord | None:
    """One function with its versions and aliases; ``None`` when there is no such function."""
    return next(_records(session, (account, region, name)), None)


def all_functions(session: Session) -> Iterator[FunctionRecord]:
    """Every function of every account and region, ordered by account, region and name."""
    return _records(session, None)


def activate(
    session: Session, account: str, region: str, name: str, new_revision_id: Callable[[], str] = lambda: str(uuid4())
) -> None:
    """Make every version of the function usable: Pending becomes Active and Successful, InProgress becomes Successful.

    AWS makes these transitions by itself after an operation has answered (lambda-reference.md 5, CreateFunction). Reasons
    go, and ``$LATEST`` gets a new revision id, which a published version keeps for ever. No change is recorded, as every
    follower does this for itself: call it before ``load_function`` in one exclusive unit of work, and the record that
    follows is active whoever activated it.
    """
    row = FunctionVersionRow
    waiting = session.exec(
        select(row).where(
            row.account == account,
            row.region == region,
            row.name == name,
            or_(col(row.state) == State.PENDING, col(row.last_update_status) == UpdateStatus.IN_PROGRESS),
        )
    ).all()
    for version in waiting:
        version.state = State.ACTIVE
        version.state_reason = None
        version.state_reason_code = None
        version.last_update_status = UpdateStatus.SUCCESSFUL
        version.last_update_status_reason = None
        version.last_update_status_reason_code = None
        if version.version == LATEST:
            version.revision_id = new_revision_id()


def _records(session: Session, key: FunctionKey | None) -> Iterator[FunctionRecord]:
    functions = _rows(session, FunctionRow, key)
    versions = _by_function(_rows(session, FunctionVersionRow, key))
    aliases = _by_function(_rows(session, AliasRow, key))
    for function in functions:
        own = _key(function)
        yield _record(function, versions[own], aliases[own])


def _rows(session: Session, table: type[_Row], key: FunctionKey | None) -> list[_Row]:
    columns = (col(table.account), col(table.region), col(table.name))
    query = select(table)
    if key is None:
        return list(session.exec(query.order_by(*columns)))
    return list(session.exec(query.where(*(column == part for column, part in zip(columns, key, strict=True)))))


def _by_function(rows: list[_Row]) -> dict[FunctionKey, list[_Row]]:
    grouped: dict[FunctionKey, list[_Row]] = defaultdict(list)
    for row in rows:
        grouped[_key(row)].append(row)
    return grouped


def _key(row: FunctionRow | FunctionVersionRow | AliasRow) -> FunctionKey:
    return (row.account, row.region, row.name)


def _record(function: FunctionRow, versions: list[FunctionVersionRow], aliases: list[AliasRow]) -> FunctionRecord:
    options = RayOptions(**(function.ray_options or {}))
    return FunctionRecord(
        account=function.account,
        region=function.region,
        name=function.name,
        versions={row.version: _version(row, options) for row in versions},
        aliases={row.alias: Alias(row.alias, row.version, dict(row.weights or {})) for row in aliases},
        reserved_concurrency=function.reserved_concurrency,
        to_activate=any(
            row.state == State.PENDING or row.last_update_status == UpdateStatus.IN_PROGRESS for row in versions
        ),
    )


def _version(row: FunctionVersionRow, options: RayOptions) -> FunctionVersion:
    """Members of AWS's FunctionConfiguration that are absent take AWS's defaults (lambda-reference.md 5)."""
    configuration = row.configuration
    logging: dict[str, Any] = configuration.get("LoggingConfig", {})
    return FunctionVersion(
        account=row.account,
        region=row.region,
        name=row.name,
        version=row.version,
        generation=_generation(row, options),
        state=State(row.state),
        runtime=configuration.get("Runtime", ""),
        handler=configuration.get("Handler", ""),
        code_sha256=row.code_sha256,
        code_size=row.code_size,
        timeout_s=configuration.get("Timeout", 3),
        memory_mb=configuration.get("MemorySize", 128),
        ephemeral_mb=configuration.get("EphemeralStorage", {}).get("Size", 512),
        environment=configuration.get("Environment", {}).get("Variables", {}),
        architecture=configuration.get("Architectures", ["x86_64"])[0],
        log_group=logging.get("LogGroup", default_log_group(row.name)),
        log_format=logging.get("LogFormat", "Text"),
        application_log_level=logging.get("ApplicationLogLevel"),
        system_log_level=logging.get("SystemLogLevel"),
        ray_options=options,
    )


def _generation(row: FunctionVersionRow, options: RayOptions) -> str:
    """Ray options belong to the function, so a change of them is a new generation of every version."""
    if options == RayOptions():
        return row.generation
    return f"{row.generation}:{options.host_class}"
