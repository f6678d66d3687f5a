"""The host with fake guests: starts, invocations, events, and everything that is cleaned up."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from raylambda.model.environment import (
    EnvironmentExited,
    EnvironmentStopped,
    HostUnfit,
    LogLines,
    NoSuchEnvironment,
    PrepareVersion,
    StartEnvironment,
    StartRefused,
)
from raylambda.model.function import FunctionVersion
from raylambda.model.ray_options import RayOptions
from raylambda.node.environment.environment import EnvironmentBusy
from raylambda.node.host import Host
from raylambda.node.host_folder import HostFolder
from raylambda.node.host_parts import HostParts, HostSettings
from raylambda.node.launch import LaunchSettings
from raylambda.node.runtimes.catalog import Catalog
from raylambda.node.runtimes.interpreters import ByteCode
from raylambda.node.runtimes.plan import Compilation, RuntimePlan, RuntimeUnavailable, View
from raylambda.node.sandbox.contract import Mount, RuntimeExit, SandboxError
from raylambda.node.trees.code_trees import CodeTrees
from raylambda.node.trees.collection import collect
from raylambda.testing.clock import ManualClock
from raylambda.testing.sandbox import (
    FakeRuntime,
    FakeSandbox,
    Script,
    exits,
    hangs,
    loses_jail,
    next_event,
    respond,
    writes,
)
from raylambda.testing.timers import ManualTimers
from tests.builders import OWN_PYTHON, a_start, a_version, a_zip, an_invocation
from tests.waiting import reached

pytestmark = pytest.mark.anyio


PACKAGE = a_zip({"app.py": "def handler(event, context): return event"})
BYTE_CODE = ByteCode("fake-1", b"\1\0\r\n")
NOW = "2027-01-15T08:00:00.000Z"
"""The manual clock's beginning."""


class FakeCatalog(Catalog):
    """Runs Python by nothing at all."""

    def __init__(self) -> None:
        super().__init__({})

    def available(self) -> tuple[str, ...]:
        return (OWN_PYTHON,)

    def plan(
        self, version: FunctionVersion, code_tree: Path, view: View = View.JAIL, ray_packages: tuple[str, ...] = ()
    ) -> RuntimePlan:
        if version.runtime != OWN_PYTHON:
            raise RuntimeUnavailable("Runtime.Unavailable", f"This node has nothing to run {version.runtime} with.")
        mounts = (Mount(Path("/python"), "/var/lang"),)
        reserved = {"R": "1", "LAMBDA_TASK_ROOT": str(code_tree) if view is View.PLAIN else "/var/task"}
        env = {"PYTHONPATH": "/var/runtime"}
        compilation = Compilation(BYTE_CODE, ("compile",))
        return RuntimePlan(mounts, "/python/bin/python", ("run",), True, env, reserved, compilation=compilation)


class House:
    """One host and what it stands on."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.timers = ManualTimers(self.clock)
        self.sandbox = FakeSandbox()
        self.settings = HostSettings(host_id="h1", state_dir=folder, node_id="n1", poll_s=0.02, batch_s=0.0)
        self.parts = HostParts(
            self.sandbox,
            CodeTrees(folder / "code"),
            FakeCatalog(),
            "n1",
            HostFolder.take(self.settings.own_dir),
            LaunchSettings(function_env={"OPERATOR": "1"}),
            clock=self.clock,
            timers=self.timers,
        )
        self.host = Host(self.settings, self.gather)

    async def gather(self, settings: HostSettings) -> HostParts:
        return self.parts

    def scripts(self, *scripts: Script) -> None:
        self.sandbox = FakeSandbox(*scripts)
        self.host._parts = self.parts = replace(self.parts, sandbox=self.sandbox)

    async def lines(self) -> list[str]:
        events = await self.host.events()
        return [text for event in events if isinstance(event, LogLines) for _, text in event.lines]


def an_order(environment_id: str = "e1", **version: object) -> StartEnvironment:
    """To start ``hello`` of the package above."""
    values = {"code_sha256": hashlib.sha256(PACKAGE).hexdigest(), **version}
    return a_start(environment_id, a_version(**values), log_stream="stream", package=[PACKAGE])


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    await house.host.open()
    yield house
    await house.host.close()


async def test_a_node_that_cannot_isolate_is_unfit_for_a_host(house: House) -> None:
    async def gather(_: HostSettings) -> HostParts:
        raise SandboxError("bubblewrap is not installed")

    with pytest.raises(HostUnfit, match=r"^bubblewrap is not installed$") as caught:
        await Host(house.settings, gather).open()

    assert isinstance(caught.value.__cause__, SandboxError)


async def test_a_host_says_what_it_is(house: House) -> None:
    facts = await house.host.facts()

    assert (facts.host_id, facts.node_id, facts.isolation, facts.runtimes) == ("h1", "n1", ("fake",), (OWN_PYTHON,))
    assert facts.warnings == ("nothing is isolated",)


async def test_start_and_invoke(house: House) -> None:
    started = await house.host.start(an_order())

    result = await house.host.invoke("e1", an_invocation(b"1"))

    assert (started.environment_id, started.init_ok, result.payload) == ("e1", True, b"1")
    spec = house.sandbox.guests[0].spec
    assert (spec.memory_mb, spec.ephemeral_mb, spec.init_interpreter) == (128, 512, "/python/bin/python")
    assert (spec.code_tree / "app.py").is_file()


async def test_the_runtime_gets_its_command_and_variables(house: House) -> None:
    await house.host.start(an_order())

    command = house.sandbox.guests[0].runtimes[0].command
    assert (command.argv, command.forked, command.cwd) == (("run",), True, "/var/task")
    assert command.env["AWS_LAMBDA_RUNTIME_API"] == house.sandbox.guests[0].api_address
    assert (command.env["OPERATOR"], command.env["R"], command.env["_HANDLER"]) == ("1", "1", "app.handler")


async def test_the_package_may_be_a_reference(house: House) -> None:
    reference: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    reference.set_result(PACKAGE)

    started = await house.host.start(replace(an_order(), package=[reference]))

    assert started.init_ok


async def test_the_package_is_not_fetched_twice(house: House) -> None:
    await house.host.start(an_order("e1"))

    started = await house.host.start(replace(an_order("e2"), package=[]))

    assert started.init_ok


@pytest.mark.parametrize("package", [[], [b"other bytes"], ["fails"]])
async def test_a_start_without_its_package_is_refused(house: House, package: list[object]) -> None:
    if package == ["fails"]:
        lost: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        lost.set_exception(OSError("object lost"))
        package = [lost]

    with pytest.raises(StartRefused):
        await house.host.start(replace(an_order(), package=package))

    assert not house.sandbox.guests


async def test_a_jail_that_cannot_be_made_refuses_the_start(house: House) -> None:
    house.sandbox.refuse = "bwrap: no permission"

    with pytest.raises(StartRefused, match="no permission"):
        await house.host.start(an_order())


async def test_a_jail_that_is_lost_during_init_refuses_the_start(house: House) -> None:
    house.scripts([loses_jail])

    with pytest.raises(StartRefused):
        await house.host.start(an_order())
    with pytest.raises(NoSuchEnvironment):
        await house.host.invoke("e1", an_invocation())

    assert house.sandbox.guests[0].closed


async def test_one_id_is_one_environment(house: House) -> None:
    await house.host.start(an_order())

    with pytest.raises(StartRefused, match="here already"):
        await house.host.start(an_order())


async def test_a_runtime_that_the_node_lacks_is_a_function_error(house: House) -> None:
    started = await house.host.start(an_order(runtime="java21"))

    result = await house.host.invoke("e1", an_invocation())

    body = json.loads(result.payload)
    assert not started.init_ok
    assert (result.function_error, body["errorType"]) == ("Unhandled", "Runtime.Unavailable")
    assert "nothing to run java21" in body["errorMessage"]
    assert "Error Type: Runtime.Unavailable" in "".join(await house.lines())


async def test_an_unknown_environment(house: House) -> None:
    with pytest.raises(NoSuchEnvironment):
        await house.host.invoke("nobody", an_invocation())

    await house.host.stop("nobody")


async def test_an_environment_takes_one_invocation_at_a_time(house: House) -> None:
    house.scripts([next_event, hangs])
    await house.host.start(an_order())
    first = asyncio.create_task(house.host.invoke("e1", an_invocation()))
    await reached(lambda: house.sandbox.guests[0].runtimes[0].event)

    with pytest.raises(EnvironmentBusy):
        await house.host.invoke("e1", an_invocation())
    house.timers.advance(3)

    assert (await first).function_error == "Unhandled"


async def test_a_cancelled_call_gives_up_the_answer_and_not_the_invocation(house: House) -> None:
    go = asyncio.Event()
    house.scripts([next_event, lambda _: waits(go), respond(b"1"), next_event, respond(b"2"), hangs])
    await house.host.start(an_order())
    call = asyncio.create_task(house.host.invoke("e1", an_invocation()))
    await reached(lambda: house.sandbox.guests[0].runtimes[0].event)

    call.cancel()
    await asyncio.wait([call])
    with pytest.raises(EnvironmentBusy):
        await house.host.invoke("e1", an_invocation())
    go.set()
    await reached(lambda: house.sandbox.guests[0].runtimes[0].replies)
    result = await house.host.invoke("e1", an_invocation())

    assert result.payload == b"2"
    assert sum(line.startswith("REPORT") for line in await house.lines()) == 2


async def waits(event: asyncio.Event) -> None:
    await event.wait()


async def test_stop_ends_the_jail(house: House) -> None:
    await house.host.start(an_order())

    await house.host.stop("e1")

    assert house.sandbox.guests[0].closed
    with pytest.raises(NoSuchEnvironment):
        await house.host.invoke("e1", an_invocation())


async def test_stop_during_an_invocation_says_that_it_may_have_run(house: House) -> None:
    house.scripts([next_event, hangs])
    await house.host.start(an_order())
    call = asyncio.create_task(house.host.invoke("e1", an_invocation()))
    await reached(lambda: house.sandbox.guests[0].runtimes[0].event)

    await house.host.stop("e1")

    with pytest.raises(EnvironmentStopped):
        await call


async def test_stop_during_init_refuses_the_start(house: House) -> None:
    house.scripts([hangs])
    start = asyncio.create_task(house.host.start(an_order()))
    await reached(lambda: house.sandbox.guests and house.sandbox.guests[0].runtimes)

    await house.host.stop("e1")

    with pytest.raises(StartRefused):
        await start
    assert house.sandbox.guests[0].closed


async def test_stop_before_the_jail_stands_refuses_the_start(house: House) -> None:
    reference: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    start = asyncio.create_task(house.host.start(replace(an_order(), package=[reference])))
    await asyncio.sleep(0)

    await house.host.stop("e1")
    reference.set_result(PACKAGE)

    with pytest.raises(StartRefused, match="stopped"):
        await start
    assert house.sandbox.guests[0].closed


async def test_lines_are_told_once(house: House) -> None:
    house.scripts([writes("loading\n"), next_event, respond(b"1"), hangs])
    await house.host.start(an_order())

    (event,) = await house.host.events()

    assert isinstance(event, LogLines)
    assert (event.account, event.region) == ("123456789012", "us-east-1")
    assert (event.log_group, event.log_stream) == ("/aws/lambda/hello", "stream")
    assert [text for _, text in event.lines][1] == "loading"
    assert await house.host.events() == []


async def test_the_last_lines_of_a_stopped_environment_are_told(house: House) -> None:
    house.scripts([writes("no newline"), next_event, hangs])
    await house.host.start(an_order())
    await house.host.stop("e1")

    assert (await house.lines())[-1] == "no newline"
    assert await house.host.events() == []


async def test_an_idle_environment_that_loses_its_jail_is_told_after_its_lines(house: House) -> None:
    house.scripts([next_event, respond(b"1"), writes("dying\n"), loses_jail])
    await house.host.start(an_order())
    await house.host.invoke("e1", an_invocation())
    await reached(lambda: house.sandbox.guests[0].closed)

    lines, exited = await house.host.events()

    assert isinstance(lines, LogLines)
    assert lines.lines[-1][1] == "dying"
    assert exited == EnvironmentExited("e1", "Runtime exited with error: signal: killed")


async def test_an_environment_that_loses_its_jail_in_an_invocation_is_not_told_twice(house: House) -> None:
    house.scripts([next_event, loses_jail])
    await house.host.start(an_order())

    with pytest.raises(EnvironmentStopped):
        await house.host.invoke("e1", an_invocation())
    events = await house.host.events()

    assert not any(isinstance(event, EnvironmentExited) for event in events)
    with pytest.raises(NoSuchEnvironment):
        await house.host.invoke("e1", an_invocation())


async def test_a_jail_that_is_found_gone_at_the_next_init_never_ran_the_event(house: House) -> None:
    house.scripts([next_event, exits(1)])
    await house.host.start(an_order())
    await house.host.invoke("e1", an_invocation())
    await house.sandbox.guests[0].close()

    with pytest.raises(NoSuchEnvironment):
        await house.host.invoke("e1", an_invocation())


async def test_a_flood_of_lines_is_cut_and_told(house: House) -> None:
    house.scripts([*[writes("x" * 999 + "\n")] * 3000, next_event, hangs])
    await house.host.start(an_order())

    assert "Dropped: " in (await house.lines())[-1]


@pytest.mark.parametrize(
    ("view", "seen"), [(View.JAIL, "/run/raylambda/packages/0"), (View.PLAIN, "/ray/site-packages")]
)
async def test_packages_of_the_runtime_env_are_mounted_and_importable(house: House, view: View, seen: str) -> None:
    house.host._parts = replace(
        house.parts,
        catalog=Catalog({OWN_PYTHON: sys.executable}, packages=Path("/nonexistent")),
        launching=LaunchSettings(view=view, packages=(Path("/ray/site-packages"),)),
    )
    await house.host.start(an_order(environment={"PYTHONPATH": "/own"}))

    guest = house.sandbox.guests[0]
    assert Mount(Path("/ray/site-packages"), "/run/raylambda/packages/0") in guest.spec.mounts
    assert guest.runtimes[0].command.env["PYTHONPATH"] == f"/own:{seen}"


async def test_a_function_with_gpus_sees_those_of_its_host(house: House) -> None:
    house.host._parts = replace(house.parts, launching=LaunchSettings(gpu_ids=("2", "3")))
    await house.host.start(an_order(ray_options=RayOptions(num_gpus=2)))

    assert house.sandbox.guests[0].runtimes[0].command.env["CUDA_VISIBLE_DEVICES"] == "2,3"


async def test_a_closed_host_leaves_nothing(house: House) -> None:
    await house.host.start(an_order())

    left = await house.host.close()

    assert house.sandbox.guests[0].closed
    assert not house.settings.own_dir.exists()
    assert isinstance(left[0], LogLines)


async def test_a_host_describes_its_environments(house: House) -> None:
    await house.host.start(an_order())

    described = await house.host.describe()

    assert described == [
        {
            "account": "123456789012",
            "region": "us-east-1",
            "function": "hello",
            "version": "$LATEST",
            "environment_id": "e1",
            "state": "Ready",
            "request_id": None,
            "story": [f"{NOW} StartRequested -> Initializing", f"{NOW} RuntimeAsksNext -> Ready"],
            "guest": {"fake": True, "processes": 1},
        }
    ]


async def test_the_story_names_no_path_of_what_could_not_be_started(house: House) -> None:
    async def is_not_there(runtime: FakeRuntime) -> None:
        runtime.end(RuntimeExit(could_not_start="fork/exec /home/somebody/run: no such file or directory"))

    house.scripts([is_not_there])
    await house.host.start(an_order())

    [environment] = await environments(house.host)

    assert environment["story"][1] == f"{NOW} RuntimeExited (Runtime.InvalidEntrypoint) -> Resetting"
    assert any("fork/exec /home/somebody/run" in line for line in await house.lines())


async def test_the_story_says_why(house: House) -> None:
    house.scripts([exits(3)])
    await house.host.start(an_order())

    [environment] = await environments(house.host)

    assert environment["story"][1] == (f"{NOW} RuntimeExited (Runtime exited with error: exit status 3) -> Resetting")


async def test_an_environment_that_cannot_run_has_the_same_story_for_people(house: House) -> None:
    await house.host.start(an_order("e1", runtime="java21"))
    await house.host.start(an_order("e2"))

    unrunnable, other = await environments(house.host)

    assert set(unrunnable) == set(other) - {"request_id", "guest"}
    assert (unrunnable["environment_id"], unrunnable["state"]) == ("e1", "Unrunnable")
    assert unrunnable["story"] == [f"{NOW} StartRequested (Runtime.Unavailable) -> Unrunnable"]


async def environments(host: Host) -> list[dict[str, Any]]:
    return await host.describe()


def a_preparation(package: list[object] | None = None, **version: object) -> PrepareVersion:
    """To have the package above on the node."""
    order = an_order(**version)
    return PrepareVersion(order.version, order.package if package is None else package)


async def test_a_prepared_version_starts_without_its_package(house: House) -> None:
    await house.host.prepare(a_preparation())
    await house.host.prepare(a_preparation([]))

    started = await house.host.start(replace(an_order(), package=[]))

    assert started.init_ok
    assert len(house.sandbox.guests) == 1


@pytest.mark.parametrize("package", [[], [b"other bytes"]])
async def test_a_preparation_without_its_package_is_refused(house: House, package: list[object]) -> None:
    with pytest.raises(StartRefused):
        await house.host.prepare(a_preparation(package))


async def test_a_version_of_a_runtime_that_the_node_lacks_is_unpacked_all_the_same(house: House) -> None:
    await house.host.prepare(a_preparation(runtime="java21"))

    assert len(list((house.settings.code_dir).glob("*/code/app.py"))) == 1


def a_large_package() -> tuple[bytes, str]:
    """One whose Python is worth compiling."""
    package = a_zip({"app.py": "def handler(event, context): return event\n" * 200})
    return package, hashlib.sha256(package).hexdigest()


async def test_python_is_compiled_after_the_first_start(house: House) -> None:
    package, sha256 = a_large_package()
    await house.host.start(replace(an_order(code_sha256=sha256), package=[package]))

    await reached(lambda: len(house.sandbox.guests) == 2)

    first, compiler = house.sandbox.guests
    assert first.spec.code_tree == compiler.spec.code_tree == house.settings.code_dir / sha256 / "code"
    assert not compiler.spec.network


async def test_a_preparation_compiles(house: House) -> None:
    package, sha256 = a_large_package()

    await house.host.prepare(a_preparation([package], code_sha256=sha256))

    await reached(lambda: len(house.sandbox.guests) == 1)
    assert house.sandbox.guests[0].spec.environment_id.startswith("compile-")


@pytest.mark.parametrize("view", [View.JAIL, View.PLAIN])
async def test_a_start_takes_the_tree_with_byte_code(house: House, view: View) -> None:
    house.host._parts = replace(house.parts, launching=LaunchSettings(view=view))
    await house.host.prepare(a_preparation())
    compiled = house.settings.code_dir / hashlib.sha256(PACKAGE).hexdigest() / BYTE_CODE.name
    compiled.mkdir()

    await house.host.start(an_order())

    [guest] = house.sandbox.guests
    assert guest.spec.code_tree == compiled
    seen = str(compiled) if view is View.PLAIN else "/var/task"
    assert guest.runtimes[0].command.env["LAMBDA_TASK_ROOT"] == seen


async def test_a_tree_is_held_while_environments_have_it(house: House) -> None:
    sha256, code_dir = hashlib.sha256(PACKAGE).hexdigest(), house.settings.code_dir
    house.scripts([next_event, respond(b"1"), next_event, loses_jail])
    await house.host.start(an_order("e1"))
    await house.host.start(an_order("e2"))
    await settled(house)

    await house.host.stop("e1")
    held = collect(code_dir, 0)
    await house.host.invoke("e2", an_invocation())
    with pytest.raises(EnvironmentStopped):
        await house.host.invoke("e2", an_invocation())

    assert (held, collect(code_dir, 0)) == ([], [sha256])


@pytest.mark.parametrize("ends", [[loses_jail], None])
async def test_a_start_that_fails_holds_nothing(house: House, ends: Script | None) -> None:
    if ends is None:
        house.sandbox.refuse = "no jail"
    else:
        house.scripts(ends)

    with pytest.raises(StartRefused):
        await house.host.start(an_order())

    assert len(collect(house.settings.code_dir, 0)) == 1


async def settled(house: House) -> None:
    """Nothing is compiled any more."""
    await reached(lambda: not house.host._compiler._jobs)
