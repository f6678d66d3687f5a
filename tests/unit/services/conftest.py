"""The control plane on SQLite in memory for every test, and on real databases for those that ask for ``stored_plane``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from raylambda.store.engine import Database
from tests.plugins.databases import migrated
from tests.unit.services.lambda_.control_plane import ControlPlane


@pytest.fixture
def plane() -> Iterator[ControlPlane]:
    database = migrated()
    yield ControlPlane(database)
    database.close()


@pytest.fixture
def stored_plane(database: Database) -> ControlPlane:
    """On a SQLite file and on PostgreSQL in turn."""
    return ControlPlane(database)
