"""The control plane on SQLite in memory for every test, and on real databases for those that ask for ``stored_plane``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from raylambda.store.engine import Database
from tests.plugins.databases import migrated
from tests.unit.services.lambda_.control_plane import ControlPlane


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ControlPlane]:
    database = migrated()
    yield ControlPlane(database, uploads=tmp_path / "uploads")
    database.close()


@pytest.fixture
def stored_plane(database: Database, tmp_path: Path) -> ControlPlane:
    """On a SQLite file and on PostgreSQL in turn."""
    return ControlPlane(database, uploads=tmp_path / "uploads")
