"""Several Ray nodes in one machine, and a platform on them: one set for each module that asks for it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from raylambda.testing.platform import running_platform
from tests.cluster.nodes import Nodes, ray_nodes
from tests.cluster.witness import Witness
from tests.cluster.world import World, a_world, settings_on

HOST_MEMORY_MB = 1024


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    """Two nodes, each with room for one host."""
    # Jails mount what lies here, so other users must be able to pass: pytest's own temporary folders are private.
    with tempfile.TemporaryDirectory(prefix="raylambda-nodes-") as folder:
        Path(folder).chmod(0o755)
        with ray_nodes(2, HOST_MEMORY_MB, Path(folder)) as nodes:
            yield nodes


@pytest.fixture(scope="module")
def witness() -> Iterator[Witness]:
    witness = Witness()
    yield witness
    witness.close()


@pytest.fixture(scope="module")
def world(nodes: Nodes, witness: Witness) -> Iterator[World]:
    """The platform as `raylambda up --ray-address` starts it."""
    with running_platform(settings_on(nodes, witness)) as platform, a_world(platform, witness) as world:
        yield world
