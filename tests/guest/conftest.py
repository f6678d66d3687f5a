"""Fixtures of the guest tests; those of the jail are named ``jail_*``."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from raylambda.node.sandbox.bubblewrap import BubblewrapSandbox, Privilege
from raylambda.node.sandbox.contract import Sandbox
from raylambda.node.sandbox.limits.cgroups import find_limits
from raylambda.node.sandbox.network.contract import NoNetwork
from raylambda.node.sandbox.process_isolation import ProcessSandbox
from tests.guest.jail_driver import GuestMaker


def _jail(state: Path) -> Sandbox:
    if shutil.which("bwrap") is None:
        reason = "bubblewrap is not installed"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    privilege = Privilege.ROOT if os.geteuid() == 0 else Privilege.USER
    return BubblewrapSandbox(privilege, NoNetwork(), find_limits(state), state)


@pytest.fixture
async def jail_sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """A sandbox of jails without network, closed after the test."""
    sandbox = _jail(tmp_path / "state")
    yield sandbox
    await sandbox.close()


@pytest.fixture(params=["jail", "process"])
async def jail_any_sandbox(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Sandbox]:
    """Each kind of sandbox, for what all of them promise."""
    state = tmp_path / "state"
    sandbox = _jail(state) if request.param == "jail" else ProcessSandbox(find_limits(state), state)
    yield sandbox
    await sandbox.close()


@pytest.fixture
def jail_guests(jail_sandbox: Sandbox, tmp_path: Path) -> GuestMaker:
    return GuestMaker(jail_sandbox, tmp_path)


@pytest.fixture
def jail_any_guests(jail_any_sandbox: Sandbox, tmp_path: Path) -> GuestMaker:
    return GuestMaker(jail_any_sandbox, tmp_path)
