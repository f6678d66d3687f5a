"""Chooses the sandbox of a node: what the settings ask for, tried out; or one line that says what to install or set."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from raylambda.node.sandbox.bubblewrap import BubblewrapSandbox, Privilege
from raylambda.node.sandbox.contract import GuestSpec, Mount, RuntimeCommand, Sandbox, SandboxError
from raylambda.node.sandbox.limits.cgroups import find_limits
from raylambda.node.sandbox.network.contract import HostNetwork, Network, NetworkUnavailable, NoNetwork
from raylambda.node.sandbox.network.egress import EgressNetwork, no_cluster
from raylambda.node.sandbox.network.node import ClusterAddresses
from raylambda.node.sandbox.process_isolation import ProcessSandbox

PROBE_S: Final = 30.0
_WAY_OUT: Final = "or set RAYLAMBDA_ISOLATION=process to run functions without isolation"


async def make_sandbox(
    isolation: str,
    network: str,
    egress_allow: Sequence[str],
    state_dir: Path,
    cluster: ClusterAddresses = no_cluster,
) -> Sandbox:
    """The sandbox for ``isolation`` (``jail``, ``process``) and ``network`` (``egress``, ``none``, ``host``), known to work.

    ``state_dir`` is this node's folder for what sandboxes keep; ``cluster`` gives the addresses that guests may not reach.
    Raises ``SandboxError``: one line that says what is missing and the way out.
    """
    if isolation == "process":
        return ProcessSandbox(await asyncio.to_thread(find_limits, state_dir), state_dir)
    if shutil.which("bwrap") is None:
        raise SandboxError(f"bubblewrap is not installed: apt-get install bubblewrap, {_WAY_OUT}")
    privilege = await _working_privilege(state_dir)
    try:
        slots = await _open_network(network, egress_allow, cluster)
    except NetworkUnavailable as error:
        raise SandboxError(str(error)) from error
    # Only now: the trial sandboxes have used, and removed, cgroups of the same name.
    return BubblewrapSandbox(privilege, slots, await asyncio.to_thread(find_limits, state_dir), state_dir)


async def probe(sandbox: Sandbox) -> None:
    """Run a program in a jail of its own; raises ``SandboxError`` when that does not work."""
    with tempfile.TemporaryDirectory() as folder:
        spec = _probe_spec(Path(folder))
        async with asyncio.timeout(PROBE_S):
            said: list[bytes] = []
            guest = await sandbox.launch(spec, said.append)
            try:
                await guest.run(RuntimeCommand(["/bin/true"], {}))
                end = await guest.exited()
            finally:
                await guest.close()
    if end.exit_status != 0:
        raise SandboxError(f"the jail runs nothing: {end.could_not_start or b''.join(said).decode(errors='replace')}")


def _probe_spec(code_tree: Path) -> GuestSpec:
    code_tree.chmod(0o755)
    prefix = Path(sys.base_prefix).resolve()
    mounts = (Mount(prefix, str(prefix)),)
    return GuestSpec("probe", code_tree, 128, 16, str(Path(sys.executable).resolve()), mounts)


async def _working_privilege(state_dir: Path) -> Privilege:
    """The way to jails that works here; the stronger one is tried first."""
    ways = [Privilege.USER]
    if os.geteuid() == 0:
        ways = [Privilege.ROOT, Privilege.USER] if _root_is_somebody_else() else [Privilege.ROOT]
    problems = []
    for privilege in ways:
        trial = BubblewrapSandbox(privilege, NoNetwork(), find_limits(state_dir), state_dir)
        try:
            await probe(trial)
        except (SandboxError, TimeoutError) as error:
            problems.append(f"{error}".replace("\n", "; "))
        else:
            return privilege
        finally:
            await trial.close()
    raise SandboxError(f"jails do not work here ({' | '.join(problems)}): {_advice(problems)}, {_WAY_OUT}")


def _root_is_somebody_else() -> bool:
    """Whether our user 0 is another one outside (a rootless container). A guest in a user namespace of the real root could
    write what belongs to root, such as /proc/sys.
    """
    inside, outside, _ = Path("/proc/self/uid_map").read_text().split()[:3]
    return (inside, outside) != ("0", "0")


def _advice(problems: Sequence[str]) -> str:
    restricted = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
    if restricted.exists() and restricted.read_text().strip() == "1":
        return "allow user namespaces (sysctl kernel.apparmor_restrict_unprivileged_userns=0)"
    if any("namespace" in problem or "uid map" in problem for problem in problems):
        return "allow user namespaces (sysctl user.max_user_namespaces=10000; in a container, run it privileged)"
    if any("setpriv" in problem for problem in problems):
        return "apt-get install util-linux"
    return "see what bubblewrap says"


async def _open_network(network: str, egress_allow: Sequence[str], cluster: ClusterAddresses) -> Network:
    """Raises ``NetworkUnavailable``."""
    if network == "none":
        return NoNetwork()
    if network == "host":
        return HostNetwork()
    return await EgressNetwork.open(egress_allow, cluster)
