"""A platform on several nodes as its clients and its operator see it, with the means to break it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from sqlmodel import func, select

from raylambda.sdk import Client
from raylambda.store.engine import Database, open_engine
from raylambda.store.tables import EventRow
from raylambda.testing.platform import Platform
from raylambda.testing.processes import Process, command_line, descendants, leaves, the_process
from tests.builders import a_zip
from tests.cluster.nodes import Nodes
from tests.cluster.witness import FUNCTION, HOST, Witness

WITHIN_S = 90.0
ROLE = "arn:aws:iam::123456789012:role/test"

OK, FUNCTION_ERROR, THROTTLED, PLATFORM_ERROR = "ok", "function error", "throttled", "500 ServiceException"
"""What a synchronous call may come to; anything else is an exception in the test."""


def platform_settings(witness: Witness) -> dict[str, str]:
    """Functions reach the witness; retries after function errors come soon."""
    return {
        "RAYLAMBDA_EGRESS_ALLOW": f"{HOST}:{witness.port}",
        "RAYLAMBDA_FUNCTION_ENV": json.dumps({"WITNESS_PORT": str(witness.port)}),
        "RAYLAMBDA_ASYNC_RETRY_WAITS_S": "0.2,0.4",
    }


def settings_on(nodes: Nodes, witness: Witness) -> dict[str, str]:
    """The same on a cluster: one host fills a node."""
    return {
        **platform_settings(witness),
        "RAYLAMBDA_RAY_ADDRESS": nodes.address,
        "RAYLAMBDA_HOST_MEMORY_MB": str(nodes.memory_mb),
    }


class World:
    """One platform. ``database_url`` is its store, read from beside it."""

    def __init__(self, platform: Platform, witness: Witness, database_url: str) -> None:
        config = Config(retries={"total_max_attempts": 1}, read_timeout=150, max_pool_connections=100)
        self.client: Any = boto3.client("lambda", config=config, **platform.boto3_arguments())
        self.operator = Client(platform.endpoint, platform.access_key_id, platform.secret, platform.region)
        self.platform = platform
        self.witness = witness
        self._database = Database(open_engine(database_url))
        self._callers = ThreadPoolExecutor(64)

    def close(self) -> None:
        self._callers.shutdown(wait=True)
        self.operator.close()
        self._database.close()

    def deploy(self, reserved: int | None = None, memory_mb: int = 256) -> str:
        """A function that tells the witness of its events; active when this returns."""
        name = f"witness-{uuid.uuid4().hex[:12]}"
        self.client.create_function(
            FunctionName=name,
            Runtime="python3.11",
            Handler="app.handler",
            Role=ROLE,
            Timeout=120,
            MemorySize=memory_mb,
            Code={"ZipFile": a_zip({"app.py": FUNCTION})},
        )
        if reserved is not None:
            self.client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)
        self.client.get_waiter("function_active_v2").wait(FunctionName=name)
        return name

    def call(self, name: str, event: Mapping[str, str]) -> Future[str]:
        """Invoke synchronously, from a thread; the future has the kind of answer."""
        return self._callers.submit(self._call, name, event)

    def _call(self, name: str, event: Mapping[str, str]) -> str:
        try:
            answer = self.client.invoke(FunctionName=name, Payload=json.dumps(event))
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            kind = f"{status} {error.response['Error']['Code']}"
            return THROTTLED if status == 429 else kind
        body = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            return FUNCTION_ERROR
        assert body == event["id"], "an answer of another event"
        return OK

    def send(self, name: str, event: Mapping[str, str]) -> None:
        """Invoke asynchronously; the event is accepted when this returns."""
        answer = self.client.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event))
        assert answer["StatusCode"] == 202

    def unsettled(self) -> int:
        """How many accepted events are in the store."""
        with self._database.reading() as session:
            return session.exec(select(func.count()).select_from(EventRow)).one()

    def hosts(self) -> list[dict[str, Any]]:
        """Hosts that run, as the fleet knows them, with ``pid`` and ``leased`` (its environments in use)."""
        status = self.operator.status()
        pids = {host["host_id"]: host["pid"] for host in status["hosts"]}
        return [
            {**host, "pid": pids[host["host_id"]], "leased": _leased(host)}
            for host in status["fleet"]["hosts"]
            if host["host_id"] in pids
        ]

    def units(self) -> dict[str, int]:
        """Units of concurrency that are out, by function."""
        regions = self.operator.status()["concurrency"]
        return {name: units for region in regions.values() for name, units in region["units"].items()}


@contextmanager
def a_world(platform: Platform, witness: Witness, database_url: str | None = None) -> Iterator[World]:
    """By default the store is the platform's own SQLite file."""
    world = World(platform, witness, database_url or f"sqlite:///{platform.home / 'raylambda.sqlite'}")
    try:
        yield world
    finally:
        world.close()


def _leased(host: dict[str, Any]) -> int:
    return sum(environment["state"] == "leased" for environment in host["environments"])


def runtimes(host_pid: int) -> list[Process]:
    """The runtime processes in the jails of a host: what process 1 of each jail has forked, so they are no number 1 there."""
    return [process for process in leaves(host_pid) if _runs_init(process) and _number_inside(process) not in {"", "1"}]


def _runs_init(process: Process) -> bool:
    return any(argument.endswith("/init.py") for argument in command_line(process))


def _number_inside(process: Process) -> str:
    """Its number in the innermost process namespace; empty when it is gone."""
    try:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    except OSError:
        return ""
    return next(line for line in lines if line.startswith("NSpid:")).split()[-1]


def everything_of(host_pid: int) -> list[Process]:
    """A host's process and all below it: jails, the keeper of its network, the gateway program."""
    return [the_process(host_pid), *descendants(host_pid)]


def left_behind(host: Process, host_id: str, nodes: Nodes) -> list[Path]:
    """Cgroups and folders of a dead host; the next host that starts on the machine removes them."""
    cgroups = Path("/sys/fs/cgroup").rglob(f"raylambda-{host.pid}-{host.started}")
    folder = nodes.home / ".cache/raylambda/hosts" / host_id
    return [*cgroups, *([folder] if folder.exists() else [])]


def jails_without_host(nodes: Nodes, hosts: Sequence[Process]) -> list[Process]:
    """Jails on these nodes (their command lines name the nodes' home) that belong to none of these hosts."""
    ours = {process for host in hosts for process in descendants(host.pid)}
    return [process for process in descendants(1) if _is_jail(process, nodes) and process not in ours]


def _is_jail(process: Process, nodes: Nodes) -> bool:
    arguments = command_line(process)
    return arguments[:1] == ["bwrap"] and any(str(nodes.home) in argument for argument in arguments)
