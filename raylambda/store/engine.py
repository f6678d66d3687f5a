"""One engine for SQLite or PostgreSQL, and units of work on it.

A unit of work that writes is *exclusive*: on both databases it runs alone among its kind from its first statement to its
end, so it may read, decide and write without losing an update. SQLite does that with ``BEGIN IMMEDIATE``, PostgreSQL with
an advisory lock of the transaction. Asynchronous events, whose rows are independent, take ``shared`` units instead, which
PostgreSQL runs side by side.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import structlog
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url
from sqlalchemy.pool import StaticPool
from sqlmodel import Session

from raylambda.store.errors import SchemaUnknown, StoreConflict, StoreUnavailable

LOCK_WAIT_S: Final = 30.0

# PostgreSQL's advisory locks. Any numbers do, as long as nobody else in the database takes them ("ray", then 1, 2, 3).
WRITER_LOCK: Final = 0x726179_01
CHANGE_LOCK: Final = 0x726179_02
MIGRATION_LOCK: Final = 0x726179_03

_IDLE_TRANSACTION_S: Final = 60.0
_CONNECT_S: Final = 5
_SQLITE_CONNECTIONS: Final = 20
# Kept, and more while many work at once: PostgreSQL takes 100 by default, from all front doors together.
_POSTGRESQL_CONNECTIONS: Final = (5, 15)
_UNIT: Final = "raylambda_unit"
_EXCLUSIVE: Final = "exclusive"
_SHARED: Final = "shared"
_READING: Final = "reading"
_ANNOUNCED: Final = "raylambda_announced_change"

log = structlog.get_logger(__name__)

ChangeListener = Callable[[int], None]


def open_engine(url: str, lock_wait_s: float = LOCK_WAIT_S) -> Engine:
    """Open ``sqlite:///PATH`` (file mode 0600, WAL), ``sqlite://`` (in memory, one connection) or ``postgresql://...``.

    A unit of work that waits longer than ``lock_wait_s`` for another one gives up as ``StoreUnavailable``. Nothing is created in the database: see ``migrate``. Raises ``StoreUnavailable`` when the URL is of no use.
    """
    try:
        parsed = make_url(url)
    except exc.ArgumentError:
        raise _bad_url() from None
    backend = parsed.drivername.partition("+")[0]
    if backend == "sqlite":
        return _open_sqlite(parsed, lock_wait_s)
    if backend in {"postgresql", "postgres"}:
        return _open_postgresql(parsed, lock_wait_s)
    raise _bad_url()


def migrate(engine: Engine) -> None:
    """Bring the database to the newest revision, in one transaction; several processes may do so at once.

    Raises ``SchemaUnknown`` for a database of a newer raylambda, and ``StoreUnavailable``.
    """
    config = Config()
    config.set_main_option("script_location", "raylambda.store:migrations")
    with translated_errors(), engine.begin() as connection:
        take_lock(connection, MIGRATION_LOCK)
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            reason = " ".join(str(error).split())
            raise SchemaUnknown(
                f"its schema is a newer raylambda's ({reason}): start that version, or choose another database "
                "(RAYLAMBDA_DATABASE_URL or RAYLAMBDA_HOME)"
            ) from error


def take_lock(connection: Connection, lock: int) -> None:
    """Wait for the lock and hold it until the transaction ends; taking it twice is harmless.

    Does nothing on SQLite, which has one writer at a time.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({lock:d})")


def announce(session: Session, number: int) -> None:
    """Tell those who listen ``on_commit`` of this change, once the session's unit of work is committed."""
    session.info[_ANNOUNCED] = number


def announced(session: Session) -> int | None:
    """The newest change that the session's unit of work announces; ``None`` when it changes nothing that others follow."""
    number: int | None = session.info.get(_ANNOUNCED)
    return number


class Database:
    """Units of work on one engine. Safe to use from many threads; a session belongs to the thread that opened it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._exclusive = engine.execution_options(**{_UNIT: _EXCLUSIVE})
        self._shared = engine.execution_options(**{_UNIT: _SHARED})
        self._reading = engine.execution_options(**{_UNIT: _READING})
        if engine.dialect.name == "postgresql":
            self._reading = self._reading.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._listeners: list[ChangeListener] = []

    def on_commit(self, listener: ChangeListener) -> None:
        """Call ``listener(number)`` after each commit that recorded changes, with the newest number, in the committing thread."""
        self._listeners.append(listener)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One exclusive unit of work: commits at the end of the block, rolls back when the block raises.

        Exclusive from its first statement on, so do slow things before that. Rows stay readable after the block.
        Raises ``StoreUnavailable`` or ``StoreConflict`` for what the database refuses, also inside the block.
        """
        with _unit_of_work(self._exclusive) as session:
            yield session
        self._tell(session)

    @contextmanager
    def shared(self) -> Iterator[Session]:
        """A writing unit of work that others may run beside; for rows whose changes depend on no other row."""
        with _unit_of_work(self._shared) as session:
            yield session
        self._tell(session)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A unit of work that only reads, and sees one state of the database however many statements it takes."""
        with _unit_of_work(self._reading) as session:
            yield session

    def close(self) -> None:
        """Close the connections that are not in use; others close when their session ends."""
        self.engine.dispose()

    def _tell(self, session: Session) -> None:
        number = announced(session)
        if number is None:
            return
        for listener in self._listeners:
            try:
                listener(number)
            except Exception:
                # The change is committed: a listener that fails must not make it look as if it were not.
                log.exception("change_listener_failed", number=number)


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn what the database driver raises into ``StoreUnavailable`` and ``StoreConflict``; programming errors pass."""
    try:
        yield
    except exc.IntegrityError as error:
        raise StoreConflict(_driver_text(error)) from error
    except (exc.ProgrammingError, exc.DataError, exc.NotSupportedError):
        raise
    except exc.DBAPIError as error:
        sqlstate = getattr(error.orig, "sqlstate", None) or ""
        kind = StoreConflict if sqlstate.startswith("40") else StoreUnavailable
        raise kind(_driver_text(error)) from error
    except exc.TimeoutError as error:
        raise StoreUnavailable("no free database connection") from error


@contextmanager
def _unit_of_work(engine: Engine) -> Iterator[Session]:
    with translated_errors(), Session(engine, expire_on_commit=False) as session:
        yield session
        session.commit()


def _driver_text(error: exc.DBAPIError) -> str:
    """The driver's first line only: PostgreSQL's DETAIL line holds values of the row."""
    lines = str(error.orig).strip().splitlines()
    return lines[0] if lines else type(error.orig).__name__


def _bad_url() -> StoreUnavailable:
    return StoreUnavailable(
        "the database URL is not understood: it takes sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME"
    )


def _open_sqlite(url: URL, lock_wait_s: float) -> Engine:
    in_memory = url.database in {None, "", ":memory:"}
    if not in_memory:
        _create_private_file(Path(str(url.database)))
    # In memory every connection would be a database of its own, so all threads share one.
    pool: dict[str, Any] = {"poolclass": StaticPool} if in_memory else {"pool_size": _SQLITE_CONNECTIONS}
    engine = create_engine(
        url.set(drivername="sqlite"),
        connect_args={"timeout": lock_wait_s, "check_same_thread": False},
        hide_parameters=True,
        **pool,
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _create_private_file(path: Path) -> None:
    """Create the database file with mode 0600; SQLite gives its WAL files the mode of the database."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreUnavailable(f"the database {path} cannot be opened: {error.strerror}") from error


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own transaction control begins late, with a plain BEGIN; _begin_sqlite does it instead.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once when another has written in between: so writers lock first.
    reading = connection.get_execution_options().get(_UNIT) == _READING
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _open_postgresql(url: URL, lock_wait_s: float) -> Engine:
    connect_args: dict[str, Any] = {"connect_timeout": _CONNECT_S, "keepalives_idle": 30, "keepalives_interval": 10}
    if "options" not in url.query:
        # A client whose machine vanished must not hold the lock of the writers until TCP gives up.
        limits = {"lock_timeout": lock_wait_s, "idle_in_transaction_session_timeout": _IDLE_TRANSACTION_S}
        connect_args["options"] = " ".join(f"-c {name}={int(seconds * 1000)}" for name, seconds in limits.items())
    kept, more = _POSTGRESQL_CONNECTIONS
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args=connect_args,
            hide_parameters=True,
            pool_size=kept,
            max_overflow=more,
            pool_pre_ping=True,
        )
    except ModuleNotFoundError as error:
        raise StoreUnavailable("PostgreSQL needs one more package: pip install 'raylambda[postgresql]'") from error
    event.listen(engine, "begin", _begin_postgresql)
    return engine


def _begin_postgresql(connection: Connection) -> None:
    if connection.get_execution_options().get(_UNIT) == _EXCLUSIVE:
        take_lock(connection, WRITER_LOCK)
