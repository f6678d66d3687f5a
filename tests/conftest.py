"""Fixtures for every folder; those of one area live in its own conftest.py or in tests/plugins."""

from __future__ import annotations

pytest_plugins = ["tests.plugins.cluster", "tests.plugins.databases", "tests.plugins.frontdoor"]
