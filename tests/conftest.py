"""Fixtures for every folder; those of one area live in its own conftest.py or in tests/plugins."""

from __future__ import annotations

import pytest

pytest_plugins = ["tests.plugins.cluster", "tests.plugins.databases", "tests.plugins.frontdoor"]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, as everything here does."""
    return "asyncio"
