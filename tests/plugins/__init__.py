"""Pytest plugins that tests/conftest.py registers: fixtures that several folders share."""
