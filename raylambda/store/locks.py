"""PostgreSQL's advisory locks; SQLite has one writer at a time and needs none."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

# Any numbers do, as long as nobody else in the database takes them ("ray", then 1, 2, 3).
WRITER_LOCK: Final = 0x726179_01
CHANGE_LOCK: Final = 0x726179_02
MIGRATION_LOCK: Final = 0x726179_03


def take_lock(connection: Connection, lock: int) -> None:
    """Wait for the lock and hold it until the transaction ends; taking it twice is harmless. Does nothing on SQLite."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({lock:d})")
