"""The jail: bubblewrap's namespaces and mounts around process 1 of each guest.

Two ways to unprivileged guests, with the same view from inside (user 993 in group 990, no capabilities, no new privileges):

* ``Privilege.ROOT``: we are root and need no user namespace. Bubblewrap keeps just the capabilities with which ``setpriv``, the first
  program in the jail, becomes that user and drops the rest.
* ``Privilege.USER``: a user namespace in which our own user has that number. Weaker: kernel code that trusts the owner of a user
  namespace is in reach until the jail is closed, so the seccomp filter forbids making further ones.

Process 1 has the guest's own user. That the guest cannot take it over, and so outlive its host, is made sure by the seccomp filter
(no tracing) and by masking the files under /proc/1 that give write access to its memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import weakref
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

from raylambda.node.sandbox import seccomp
from raylambda.node.sandbox.contract import (
    BOOTSTRAP_SOURCE,
    BOOTSTRAP_TARGET,
    OPT_ROOT,
    TASK_ROOT,
    Guest,
    GuestSpec,
    Isolation,
    OutputSink,
    SandboxError,
)
from raylambda.node.sandbox.guest import launch_guest
from raylambda.node.sandbox.limits.contract import MEGABYTE, LimitsFactory
from raylambda.node.sandbox.limits.memory_watch import MemoryWatch
from raylambda.node.sandbox.network.contract import Network, NetworkSlot, NetworkUnavailable, NoNetwork
from raylambda.node.sandbox.process_one import Launch

API_PORT: Final = 9001
GUEST_UID: Final = 993
GUEST_GID: Final = 990
GUEST_USER: Final = "sbx_user1051"
SHARED_MEMORY_BYTES: Final = 64 * MEGABYTE

_SYSTEM_LINKS: Final = ("/bin", "/sbin", "/lib", "/lib32", "/lib64")
_NODE_ETC: Final = (
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/pki/ca-trust/extracted",
    "/etc/pki/tls/certs",
    "/etc/protocols",
    "/etc/services",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
)
_ETC: Final = {
    "passwd": f"root:x:0:0:root:/root:/sbin/nologin\n{GUEST_USER}:x:{GUEST_UID}:{GUEST_GID}::/tmp:/sbin/nologin\n",
    "group": f"root:x:0:\n{GUEST_USER}:x:{GUEST_GID}:\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nprotocols: files\nservices: files\n",
    "hostname": "localhost\n",
    "hosts": "127.0.0.1 localhost\n",
    "resolv.conf": "",
}


class Privilege(StrEnum):
    """How a guest comes to be nobody."""

    ROOT = "root"
    USER = "user"


class BubblewrapSandbox:
    """Makes jails (``contract.Sandbox``). ``state_dir`` is ours, mode 0700."""

    def __init__(self, privilege: Privilege, network: Network, limits: LimitsFactory, state_dir: Path) -> None:
        self._privilege = privilege
        self._network = network
        self._limits = limits
        self._etc = EtcFolders(state_dir / "etc")
        self._watch = MemoryWatch()
        self._filter = seccomp.filter_program() if seccomp.supported() else None
        self._system = _system_arguments()
        self._guests: weakref.WeakSet[Guest] = weakref.WeakSet()

    def isolation(self) -> Isolation:
        measures = [
            "bubblewrap: own mounts, processes, IPC, host name",
            f"user {GUEST_UID}, no new privileges, no capabilities",
        ]
        warnings = [*self._network.warnings(), *self._limits.warnings]
        if self._filter:
            measures.append("seccomp filter")
        else:
            warnings.append("no seccomp filter is known for this processor")
        if self._privilege is Privilege.USER:
            warnings.append(
                "guests have the node's user below their user namespace (started as root, they would have another)"
            )
        return Isolation("jail", (*measures, *self._network.measures(), self._limits.measure), tuple(warnings))

    async def launch(self, spec: GuestSpec, output: OutputSink) -> Guest:
        network = self._network if spec.network else NoNetwork()
        try:
            slot = await network.take()
        except NetworkUnavailable as error:
            raise SandboxError(str(error)) from error
        try:
            limits = self._limits.make(spec.environment_id, spec.memory_mb, spec.ephemeral_mb)
            folders = self._etc.folder(slot.files)
        except OSError as error:
            await network.give_back(slot)
            raise SandboxError(f"the jail cannot be made: {error}") from error
        with _pipe_with(self._filter) as filter_fd:
            launch = Launch(
                argv=lambda control: self._argv(spec, slot, folders, control, filter_fd),
                limits=limits,
                give_back=lambda: network.give_back(slot),
                pass_fds=() if filter_fd is None else (filter_fd,),
                env={"PATH": os.environ.get("PATH", os.defpath)},
            )
            guest = await launch_guest(spec, launch, output, self._watch)
        self._guests.add(guest)
        return guest

    async def close(self) -> None:
        await asyncio.gather(*(guest.close() for guest in list(self._guests)))
        self._limits.close()
        self._etc.remove()
        await self._network.close()

    def _argv(self, spec: GuestSpec, slot: NetworkSlot, etc: Path, control: int, filter_fd: int | None) -> list[str]:
        return [
            *slot.argv_prefix,
            "bwrap",
            *_namespace_arguments(self._privilege, slot),
            *self._system,
            *_etc_arguments(etc),
            *_guest_arguments(spec),
            *(() if filter_fd is None else ("--seccomp", str(filter_fd))),
            "--",
            *_first_program(self._privilege),
            *init_command(spec, control, API_PORT if slot.private else 0),
            *(("--own-user",) if self._privilege is Privilege.USER else ()),
        ]


def init_command(spec: GuestSpec, control: int, port: int, bootstrap: str = BOOTSTRAP_TARGET) -> list[str]:
    """The command line of process 1, as the guest sees it."""
    command = [_seen_inside(spec), "-I", "-S", f"{bootstrap}/init.py", str(control), str(port)]
    return [*command, "--forked"] if spec.forked else command


def _seen_inside(spec: GuestSpec) -> str:
    interpreter = Path(spec.init_interpreter)
    for mount in spec.mounts:
        if interpreter.is_relative_to(mount.source):
            return str(Path(mount.target) / interpreter.relative_to(mount.source))
    return spec.init_interpreter


def _first_program(privilege: Privilege) -> list[str]:
    """What gives up root, if we have it; ``--pdeathsig`` because a change of user forgets what bubblewrap had set."""
    if privilege is Privilege.USER:
        return []
    user = ["--reuid", str(GUEST_UID), "--regid", str(GUEST_GID), "--clear-groups"]
    return ["setpriv", *user, "--inh-caps=-all", "--bounding-set=-all", "--pdeathsig", "KILL", "--"]


def _namespace_arguments(privilege: Privilege, slot: NetworkSlot) -> list[str]:
    arguments = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    if slot.unshare:
        arguments.append("--unshare-net")
    if privilege is Privilege.USER:
        arguments += ["--unshare-user", "--uid", str(GUEST_UID), "--gid", str(GUEST_GID)]
    else:
        arguments += [
            "--cap-drop",
            "ALL",
            "--cap-add",
            "CAP_SETUID",
            "--cap-add",
            "CAP_SETGID",
            "--cap-add",
            "CAP_SETPCAP",
        ]
    life = ["--die-with-parent", "--new-session", "--as-pid-1", "--clearenv", "--setenv", "LANG", "C.UTF-8"]
    return [*arguments, *life, "--setenv", "PATH", "/usr/bin:/bin", "--hostname", "localhost"]


def _system_arguments() -> list[str]:
    """What every jail has: the system's programs and libraries, /proc and /dev."""
    arguments = ["--ro-bind", "/usr", "/usr"]
    for link in map(Path, _SYSTEM_LINKS):
        if link.is_symlink():
            arguments += ["--symlink", str(link.readlink()), str(link)]
        elif link.is_dir():
            arguments += ["--ro-bind", str(link), str(link)]
    arguments += ["--proc", "/proc", "--ro-bind", "/dev/null", "/proc/1/mem", "--tmpfs", "/proc/1/task"]
    arguments += ["--remount-ro", "/proc/1/task", "--dev", "/dev"]
    return [*arguments, "--perms", "1777", "--size", str(SHARED_MEMORY_BYTES), "--tmpfs", "/dev/shm"]  # noqa: S108


def _etc_arguments(etc: Path) -> list[str]:
    arguments = ["--ro-bind", str(etc), "/etc"]
    for path in _NODE_ETC:
        if (etc / Path(path).relative_to("/etc")).exists():
            arguments += ["--ro-bind", path, path]
    return arguments


def _guest_arguments(spec: GuestSpec) -> list[str]:
    binds = {TASK_ROOT: str(spec.code_tree), BOOTSTRAP_TARGET: str(BOOTSTRAP_SOURCE)}
    binds |= {mount.target: str(mount.source) for mount in spec.mounts if mount.target != "/usr"}
    arguments = ["--perms", "1777", "--size", str(spec.ephemeral_mb * MEGABYTE), "--tmpfs", "/tmp"]  # noqa: S108
    # outermost first; bubblewrap would make the folders above its binds for root only
    above = {str(parent) for target in binds for parent in Path(target).parents} - {"/", "/usr"}
    for folder in (OPT_ROOT, *sorted(above)):
        arguments += ["--dir", folder]
    for target, source in binds.items():
        arguments += ["--ro-bind", source, target]
    for device in spec.devices:
        arguments += ["--dev-bind", device, device]
    return [*arguments, "--remount-ro", "/dev", "--remount-ro", "/"]


class EtcFolders:
    """Folders below ``root`` that become a jail's /etc: one for each set of files that a network asks for."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._made: dict[str, Path] = {}
        root.mkdir(parents=True, exist_ok=True, mode=0o755)

    def folder(self, network_files: Mapping[str, str]) -> Path:
        """The folder for these files (by their path in the jail, below /etc); raises ``OSError``."""
        own = {str(Path(path).relative_to("/etc")): text for path, text in network_files.items()}
        files = _ETC | own
        key = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:16]
        if key not in self._made:
            self._made[key] = self._make(f"{key}-{os.getpid()}-{len(self._made)}", files)
        return self._made[key]

    def remove(self) -> None:
        """Remove what we made; the jails are gone."""
        for folder in self._made.values():
            shutil.rmtree(folder)
        self._made.clear()

    def _make(self, name: str, files: Mapping[str, str]) -> Path:
        folder = self._root / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o755)
        for path, text in files.items():
            (folder / path).write_text(text)
            (folder / path).chmod(0o644)
        (folder / "localtime").symlink_to("/usr/share/zoneinfo/Etc/UTC")
        for shown in map(Path, _NODE_ETC):
            target = folder / shown.relative_to("/etc")
            if shown.exists():
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
                target.mkdir() if shown.is_dir() else target.touch()
        return folder


@contextlib.contextmanager
def _pipe_with(data: bytes | None) -> Iterator[int | None]:
    """A descriptor that ``data`` (less than a pipe holds) can be read from."""
    if data is None:
        yield None
        return
    read_end, write_end = os.pipe()
    try:
        os.write(write_end, data)
        os.close(write_end)
        yield read_end
    finally:
        os.close(read_end)
