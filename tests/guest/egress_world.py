"""A little internet for tests of outbound networking, made of network namespaces; the machine's own network has no part.

::

    guests ~ egress ~ node 198.51.100.2 ------ 198.51.100.1 world
                      127.0.0.1                203.0.113.10    a host on the internet, and a name server
                                               10.0.0.7, .8    nodes of the cluster
                                               169.254.169.254 metadata

Services: port 8000 and 8001 of every address of the world, 8002 which speaks only when it is told to; on the node 127.0.0.1:5432, 127.0.0.1:6000, and 7000 everywhere.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PACKAGE = HERE.parents[1] / "raylambda"
ORDINARY_UID = 61234
SYSTEM_PYTHON = "/usr/bin/python3"
INTERNET, CLUSTER_NODE, OTHER_NODE, METADATA = "203.0.113.10", "10.0.0.7", "10.0.0.8", "169.254.169.254"
NODE_ADDRESS = "198.51.100.2"
AS_ORDINARY_USER = ("setpriv", f"--reuid={ORDINARY_UID}", f"--regid={ORDINARY_UID}", "--clear-groups")

NODE_LINKS = f"""
ip link set lo up
ip link add n0 type veth peer name w0
ip link set w0 netns "$1"
ip address add {NODE_ADDRESS}/24 dev n0
ip link set n0 up
"""
WORLD_LINKS = f"""
ip link set lo up
ip address add 198.51.100.1/24 dev w0
ip link set w0 up
for address in {INTERNET} {CLUSTER_NODE} {OTHER_NODE} {METADATA}; do ip address add $address/32 dev lo; done
"""


@dataclass(frozen=True)
class Slot:
    """A slot as the driver told it."""

    slot_id: str
    prefix: tuple[str, ...]
    files: dict[str, str]

    @property
    def name_servers(self) -> list[str]:
        return [
            line.split()[1] for line in self.files["/etc/resolv.conf"].splitlines() if line.startswith("nameserver")
        ]

    def address_of(self, name: str) -> str:
        hosts = (line.split() for line in self.files["/etc/hosts"].splitlines())
        return next(address for address, *names in hosts if name in names)


class Namespace:
    """A network namespace of the test, which lives as long as its process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()
        self.pid = self._process.pid
        self.entry = ("nsenter", f"--net=/proc/{self.pid}/ns/net")

    def sh(self, script: str, *arguments: str) -> str:
        argv = [*self.entry, "sh", "-ec", script, "sh", *arguments]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

    def close(self) -> None:
        self._process.communicate()


class World:
    """The namespaces, their servers, and one driver (the host process) on the node, run by ``user``."""

    def __init__(self, user: str) -> None:
        self._ordinary = user == "ordinary"
        self.folder = Path(tempfile.mkdtemp(prefix="raylambda-egress-"))
        self.folder.chmod(0o755)
        shutil.copytree(PACKAGE, self.folder / "raylambda", ignore=shutil.ignore_patterns("__pycache__"))
        for program in ("egress_probe.py", "egress_driver.py"):
            shutil.copy(HERE / program, self.folder)
        subprocess.run(["chmod", "-R", "a+rX", self.folder], check=True)
        self.node, self.world = Namespace(), Namespace()
        self.node.sh(NODE_LINKS, str(self.world.pid))
        self.world.sh(WORLD_LINKS)
        self.node.sh("ip route add default via 198.51.100.1")
        self._started: list[subprocess.Popen[str]] = []
        places = [
            f"{address}:{port}"
            for address in (INTERNET, CLUSTER_NODE, OTHER_NODE, METADATA)
            for port in (8000, 8001, 8002)
        ]
        self._serve(self.world.entry, "serve", *places)
        self._serve(self.world.entry, "names", INTERNET)
        self._serve(self.node.entry, "serve", "127.0.0.1:5432", "127.0.0.1:6000", "0.0.0.0:7000")
        self._serve(self.node.entry, "names", "127.0.0.53")

    def _serve(self, entry: Sequence[str], *arguments: str) -> None:
        server = self.start([*entry, SYSTEM_PYTHON, str(self.folder / "egress_probe.py"), *arguments])
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"

    def start(self, argv: Sequence[str]) -> subprocess.Popen[str]:
        """Start a program that ends with the world at the latest."""
        started = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._started.append(started)
        return started

    def driver(
        self,
        allow: Sequence[str] = (),
        *,
        cluster: Sequence[str] = (CLUSTER_NODE,),
        pool_size: int = 2,
        resolv_conf: str = f"nameserver {INTERNET}\n",
    ) -> Driver:
        return Driver(self, allow, cluster, pool_size, resolv_conf)

    def as_user(self, argv: Sequence[str]) -> list[str]:
        return [*(AS_ORDINARY_USER if self._ordinary else ()), *argv]

    def on_node(self, resolv_conf: Path, argv: Sequence[str]) -> list[str]:
        """Run a program on the node, which has this ``resolv.conf`` and a tunnel device for everybody."""
        script = f"""
mount --bind {resolv_conf} /etc/resolv.conf
mount -t tmpfs -o mode=0755 none /dev/net
mknod -m 666 /dev/net/tun c 10 200
exec "$@"
"""
        return [*self.node.entry, "unshare", "--mount", "sh", "-ec", script, "sh", *self.as_user(argv)]

    @property
    def jail_user(self) -> tuple[str, ...]:
        """How a jail below a slot's prefix gets rid of what its owner may do."""
        return ("--unshare-user", "--uid", "993", "--gid", "990") if self._ordinary else ()

    def written(self, text: str) -> str:
        """The path of a new file with this text, which every user can read."""
        with tempfile.NamedTemporaryFile("w", dir=self.folder, delete=False) as file:
            file.write(text)
        Path(file.name).chmod(0o644)
        return file.name

    def others(self) -> set[str]:
        """Network namespaces that are none of the driver's: the test's own, and the machine's."""
        return {network_of(pid) for pid in (self.node.pid, self.world.pid, os.getpid())}

    def on_the_node(self, program: str) -> list[int]:
        """Processes of this name in the node's network."""
        return [pid for pid in _processes() if _is(pid, program, network_of(self.node.pid))]

    def close(self) -> None:
        for started in self._started:
            started.kill()
            started.communicate()
        for namespace in (self.node, self.world):
            namespace.close()
        shutil.rmtree(self.folder)


class Driver:
    """The host process under test. Use it as a context: at the end it is killed, which must leave nothing behind."""

    def __init__(
        self, world: World, allow: Sequence[str], cluster: Sequence[str], pool_size: int, resolv_conf: str
    ) -> None:
        self._world = world
        self.cluster_file = world.folder / "cluster"
        self.cluster_file.write_text("\n".join(cluster))
        self.resolv_conf = world.folder / "resolv.conf"
        self.resolv_conf.write_text(resolv_conf)
        options = {"allow": list(allow), "cluster_file": str(self.cluster_file), "pool_size": pool_size}
        program = [SYSTEM_PYTHON, "-B", str(world.folder / "egress_driver.py"), json.dumps(options)]
        self.process = world.start(world.on_node(self.resolv_conf, program))
        assert self._answer() == {"ready": True}

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def do(self, command: str, **arguments: object) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": command, **arguments}) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def take(self, count: int = 1) -> list[Slot]:
        return [Slot(told["slot_id"], tuple(told["prefix"]), told["files"]) for told in self.do("take", count=count)]

    def slot(self) -> Slot:
        return self.take()[0]

    def guest_argv(self, slot: Slot, *arguments: str) -> list[str]:
        """The probe in a guest's network, entered as the host process would enter it."""
        return self.in_network(slot, [SYSTEM_PYTHON, str(self._world.folder / "egress_probe.py"), *arguments])

    def in_network(self, slot: Slot, argv: Sequence[str]) -> list[str]:
        return self._world.as_user([*slot.prefix, *argv])

    def in_jail(self, slot: Slot, program: str, *arguments: str) -> list[str]:
        """The probe (``probe``) or another program in bubblewrap, without capabilities, with the slot's files."""
        files = [self._world.written(text) for text in slot.files.values()]
        binds = [part for file, path in zip(files, slot.files, strict=True) for part in ("--ro-bind", file, path)]
        jail = [
            "bwrap",
            *self._world.jail_user,
            "--cap-drop",
            "ALL",
            "--ro-bind",
            "/",
            "/",
            "--dev",
            "/dev",
            "--proc",
            "/proc",
        ]
        probe = [SYSTEM_PYTHON, str(self._world.folder / "egress_probe.py")]
        return self.in_network(
            slot, [*jail, "--unshare-pid", *binds, *(probe if program == "probe" else [program]), *arguments]
        )

    def guest(self, slot: Slot, *arguments: str) -> str:
        """What the probe says."""
        argv = self.guest_argv(slot, *arguments)
        return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout.strip()

    def start_guest(self, slot: Slot, *arguments: str) -> subprocess.Popen[str]:
        return self._world.start(self.guest_argv(slot, *arguments))

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def namespaces_of(pid: int) -> set[str]:
    """Every network namespace that the process ``pid`` is in or has mounted, as the kernel names it."""
    inside = {network_of(pid)}
    mounted = (line.split()[3] for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines())
    return inside | {root for root in mounted if root.startswith("net:[")}


def seen_anywhere(namespaces: set[str]) -> set[str]:
    """Which of them any process of this machine is in or has mounted."""
    found: set[str] = set()
    for process in _processes():
        try:
            found |= namespaces_of(process) & namespaces
        except OSError:
            continue  # it ended while we looked, or nobody may look into it (process 1 of some machines)
    return found


def _processes() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def network_of(pid: int) -> str:
    """The network namespace of a process, as the kernel names it."""
    return str(Path(f"/proc/{pid}/ns/net").readlink())


def _is(pid: int, program: str, network: str) -> bool:
    try:
        name = Path(f"/proc/{pid}/comm").read_text().strip()
        return name.startswith(program) and network_of(pid) == network
    except OSError:
        return False


def impossible_here() -> str:
    """Why these tests cannot run here; empty when they can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "network namespaces of the test's own need root on Linux"
    missing = [program for program in ("slirp4netns", "nft", "ip", "bwrap") if shutil.which(program) is None]
    return f"not installed: {', '.join(missing)}" if missing else ""


def may_skip() -> bool:
    """What is missing skips on a laptop, and fails in CI."""
    return bool(impossible_here()) and "CI" not in os.environ
