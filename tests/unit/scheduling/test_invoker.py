"""The way of a call on fake hosts: what the caller sees, and that units and leases come back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from raylambda.hosts.ports import HostNotMade, NoSuchEnvironment, StartRefused, Unplaceable
from raylambda.model.environment import EnvironmentStopped, LogLines, StartEnvironment
from raylambda.model.errors import (
    LambdaError,
    ResourceConflictException,
    ResourceNotFoundException,
    ResourceNotReadyException,
    ServiceException,
    TooManyRequestsException,
)
from raylambda.model.function import State
from raylambda.model.invocation import Invocation, InvocationResult
from raylambda.testing.hosts import FakeCluster
from tests.builders import KEY, a_call, a_record, a_version
from tests.unit.scheduling.platform_on_fakes import a_platform
from tests.waiting import reached

pytestmark = pytest.mark.anyio

Answers = Callable[[StartEnvironment, Invocation], "asyncio.Future[InvocationResult]"]


def gated() -> tuple[Answers, list[asyncio.Future[InvocationResult]]]:
    """An answer that the test gives by hand, one future per invocation."""
    gates: list[asyncio.Future[InvocationResult]] = []

    def answer(_start: StartEnvironment, _invocation: Invocation) -> asyncio.Future[InvocationResult]:
        gates.append(asyncio.get_running_loop().create_future())
        return gates[-1]

    return answer, gates


def raising(error: Exception) -> Callable[[StartEnvironment, Invocation], InvocationResult]:
    def answer(_start: StartEnvironment, _invocation: Invocation) -> InvocationResult:
        raise error

    return answer


async def test_a_call_runs_and_settles() -> None:
    async with a_platform() as platform:
        completion = await platform.invoker.invoke(a_call(b'"hi"', qualifier="$LATEST"))

        [host] = platform.cluster.made
        [(_, invocation)] = host.invocations
        assert completion.result.payload == b'"hi"'
        assert completion.executed_version == "$LATEST"
        assert invocation.request_id == "r1"
        assert invocation.invoked_arn == "arn:aws:lambda:us-east-1:123456789012:function:hello:$LATEST"
        assert platform.is_settled()
        assert [(target.key, lease.cold, result) for target, lease, result in platform.metered] == [
            (KEY, True, completion.result)
        ]


async def test_the_next_call_finds_the_environment_warm() -> None:
    async with a_platform() as platform:
        for _ in range(3):
            await platform.invoker.invoke(a_call())

        [host] = platform.cluster.made
        assert len({environment_id for environment_id, _ in host.invocations}) == 1
        assert [lease.cold for _, lease, _ in platform.metered] == [True, False, False]


async def test_calls_at_the_same_time_run_in_environments_of_their_own() -> None:
    async with a_platform() as platform:
        platform.script.answer, gates = gated()
        calls = [asyncio.ensure_future(platform.invoker.invoke(a_call())) for _ in range(20)]

        await reached(lambda: len(gates) == 20, pause_s=0)

        assert platform.admission.units(KEY) == 20
        for gate in gates:
            gate.set_result(InvocationResult(b"1"))
        await asyncio.gather(*calls)
        assert platform.environments() == {"idle": 20}
        assert platform.is_settled()


async def test_a_function_error_is_a_result() -> None:
    async with a_platform() as platform:
        platform.script.answer = lambda *_: InvocationResult(b"{}", function_error="Unhandled")

        completion = await platform.invoker.invoke(a_call())

        assert completion.result.function_error == "Unhandled"
        assert platform.is_settled()


async def test_an_environment_that_must_not_be_used_again_is_stopped() -> None:
    async with a_platform() as platform:
        platform.script.answer = lambda *_: InvocationResult(b"{}", reusable=False)

        await platform.invoker.invoke(a_call())

        await reached(lambda: not platform.environments(), pause_s=0)
        assert platform.cluster.made[0].environments == {}


async def test_a_host_killed_in_flight_fails_its_calls_leaks_nothing_and_the_next_call_works() -> None:
    async with a_platform() as platform:
        platform.script.answer, gates = gated()
        calls = [asyncio.ensure_future(platform.invoker.invoke(a_call())) for _ in range(3)]
        await reached(lambda: len(gates) == 3, pause_s=0)

        platform.cluster.made[0].kill()
        errors = await asyncio.gather(*calls, return_exceptions=True)

        assert [type(error) for error in errors] == [ServiceException] * 3
        assert "lost" in str(errors[0])
        assert platform.is_settled()
        platform.script.answer = lambda *_: InvocationResult(b'"again"')
        assert (await platform.invoker.invoke(a_call())).result.payload == b'"again"'
        assert len(platform.cluster.made) == 2


async def test_a_start_on_a_lost_host_goes_elsewhere_and_the_caller_sees_nothing() -> None:
    async with a_platform() as platform:
        never_started: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def hang_on_the_first(_start: StartEnvironment) -> None:
            if len(platform.cluster.made) == 1:
                await never_started

        platform.script.before_start = hang_on_the_first
        call = asyncio.ensure_future(platform.invoker.invoke(a_call(b'"hi"')))
        await reached(lambda: platform.environments() == {"starting": 1}, pause_s=0)

        platform.cluster.made[0].kill()

        assert (await call).result.payload == b'"hi"'
        assert platform.is_settled()


async def test_an_environment_that_is_gone_by_then_is_replaced_and_the_event_runs_once() -> None:
    async with a_platform() as platform:
        await platform.invoker.invoke(a_call(b"1"))
        [host] = platform.cluster.made
        host.environments.clear()

        completion = await platform.invoker.invoke(a_call(b"2"))

        assert completion.result.payload == b"2"
        assert [invocation.payload for _, invocation in host.invocations] == [b"1", b"2"]
        assert platform.is_settled()


async def test_environments_that_keep_ending_are_given_up() -> None:
    async with a_platform() as platform:
        platform.script.answer = raising(NoSuchEnvironment("gone"))

        with pytest.raises(ServiceException, match="keep ending"):
            await platform.invoker.invoke(a_call())

        assert platform.is_settled()


async def test_an_exit_that_the_host_reports_is_known_before_the_next_call() -> None:
    async with a_platform() as platform:
        await platform.invoker.invoke(a_call())
        [host] = platform.cluster.made
        [environment_id] = host.environments

        host.exit(environment_id)
        await reached(lambda: not platform.environments(), pause_s=0)

        await platform.invoker.invoke(a_call())
        assert environment_id not in host.environments


async def test_an_unexpected_failure_of_a_host_is_a_service_error_and_its_environment_is_not_used_again() -> None:
    async with a_platform() as platform:
        platform.script.answer = raising(ValueError("a bug"))

        with pytest.raises(ServiceException) as error:
            await platform.invoker.invoke(a_call())

        assert "a bug" not in str(error.value)
        assert platform.is_settled()
        await reached(lambda: not platform.environments(), pause_s=0)


async def test_reserved_concurrency_throttles_with_its_reason() -> None:
    async with a_platform() as platform:
        platform.admission.reserve(KEY, 0)

        with pytest.raises(TooManyRequestsException) as error:
            await platform.invoker.invoke(a_call())

        assert error.value.body() == {
            "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
            "Type": "User",
            "message": "Rate Exceeded.",
        }
        assert error.value.headers()["Retry-After"] == "1"
        assert platform.environments() == {}


async def test_the_accounts_limit_throttles_with_its_reason_and_frees_up_again() -> None:
    async with a_platform(limit=1) as platform:
        platform.script.answer, gates = gated()
        running = asyncio.ensure_future(platform.invoker.invoke(a_call()))
        await reached(lambda: gates, pause_s=0)

        with pytest.raises(TooManyRequestsException) as error:
            await platform.invoker.invoke(a_call())

        assert error.value.reason == "ConcurrentInvocationLimitExceeded"
        gates[0].set_result(InvocationResult(b"1"))
        await running
        platform.script.answer = lambda *_: InvocationResult(b"2")
        assert (await platform.invoker.invoke(a_call())).result.payload == b"2"


async def test_a_cancelled_caller_does_not_cancel_the_invocation() -> None:
    async with a_platform() as platform:
        platform.script.answer, gates = gated()
        call = asyncio.ensure_future(platform.invoker.invoke(a_call()))
        await reached(lambda: gates, pause_s=0)

        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

        assert platform.admission.units(KEY) == 1
        gates[0].set_result(InvocationResult(b"1"))
        await platform.invoker.drain(5)
        assert platform.is_settled()
        assert platform.environments() == {"idle": 1}
        assert len(platform.metered) == 1


async def test_a_caller_cancelled_while_it_waits_for_a_place_still_has_its_event_run() -> None:
    async with a_platform() as platform:
        call = asyncio.ensure_future(platform.invoker.invoke(a_call()))
        await reached(lambda: platform.admission.units(KEY) == 1, pause_s=0)

        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await platform.invoker.drain(5)

        assert len(platform.metered) == 1
        assert platform.is_settled()


async def test_options_that_no_node_meets_are_named() -> None:
    async with a_platform(head_room=0) as platform:

        async def no_gpu() -> None:
            raise Unplaceable("no node offers num_gpus=1 (most: 0)")

        platform.script.before_host = no_gpu

        with pytest.raises(ResourceNotReadyException, match=r"num_gpus=1 \(most: 0\)"):
            await platform.invoker.invoke(a_call())

        assert platform.is_settled()


async def test_a_cluster_that_stays_full_is_a_service_error_after_the_time_limit() -> None:
    async with a_platform(head_room=0, placement_limit_s=60) as platform:

        async def no_room() -> None:
            raise HostNotMade("no room")

        platform.script.before_host = no_room
        call = asyncio.ensure_future(platform.invoker.invoke(a_call()))
        await reached(lambda: platform.admission.units(KEY) == 1 and not platform.fleet.describe()["hosts"], pause_s=0)

        platform.clock.advance(60)
        platform.driver.tick()

        with pytest.raises(ServiceException, match=r"within 60 seconds.*no room"):
            await call
        assert platform.is_settled()


async def test_a_start_that_is_refused_says_why() -> None:
    async with a_platform() as platform:

        async def no_jail(_start: StartEnvironment) -> None:
            raise StartRefused("bubblewrap is missing")

        platform.script.before_start = no_jail

        with pytest.raises(ServiceException, match="bubblewrap is missing"):
            await platform.invoker.invoke(a_call())

        assert platform.is_settled()
        assert platform.environments() == {}


async def test_an_update_retires_what_runs_the_old_code_and_lets_it_finish() -> None:
    async with a_platform() as platform:
        platform.script.answer, gates = gated()
        old = asyncio.ensure_future(platform.invoker.invoke(a_call()))
        await reached(lambda: gates, pause_s=0)

        platform.registry.put(a_record(a_version(generation="g2")))
        platform.driver.retire(KEY, frozenset({("$LATEST", "g2")}))
        new = asyncio.ensure_future(platform.invoker.invoke(a_call()))
        await reached(lambda: len(gates) == 2, pause_s=0)
        for gate in gates:
            gate.set_result(InvocationResult(b"1"))
        await asyncio.gather(old, new)

        [host] = platform.cluster.made
        await reached(lambda: platform.environments() == {"idle": 1}, pause_s=0)
        assert [start.version.generation for start in host.environments.values()] == ["g2"]


async def test_a_check_resolves_and_runs_nothing() -> None:
    async with a_platform() as platform:
        assert (await platform.invoker.check(a_call())).version.version == "$LATEST"
        with pytest.raises(ResourceNotFoundException):
            await platform.invoker.check(a_call(name="other"))

        platform.registry.put(a_record(a_version(state=State.PENDING)))
        with pytest.raises(ResourceConflictException):
            await platform.invoker.check(a_call())

        assert all(not host.invocations for host in platform.cluster.made)


async def test_a_host_that_says_nothing_counts_as_lost() -> None:
    async with a_platform(silence_s=0.02, cluster=FakeCluster(poll_s=3600.0)) as platform:
        platform.script.answer, _ = gated()
        call = asyncio.ensure_future(platform.invoker.invoke(a_call()))

        with pytest.raises(ServiceException):
            await call

        assert platform.is_settled()
        assert platform.cluster.released


async def test_log_lines_reach_the_sink_and_streams_are_named_by_environment() -> None:
    async with a_platform() as platform:
        await platform.invoker.invoke(a_call())
        [host] = platform.cluster.made
        [start] = host.environments.values()
        lines = LogLines("123456789012", "us-east-1", "/aws/lambda/hello", start.log_stream, ((1, "hi"),))

        host.emit(lines)
        await reached(lambda: platform.logs, pause_s=0)

        assert platform.logs == [lines]
        assert start.log_stream == f"2027/01/15/[$LATEST]{start.environment_id}"


async def test_closing_releases_every_host_and_leaves_nobody_waiting() -> None:
    async with a_platform(cluster=FakeCluster(memory_mb=256), max_hosts=2) as platform:
        platform.script.answer, gates = gated()
        calls = [asyncio.ensure_future(platform.invoker.invoke(a_call())) for _ in range(5)]
        await reached(lambda: len(gates) == 4, pause_s=0)

    assert sorted(platform.cluster.released) == sorted(host.facts.host_id for host in platform.cluster.made)
    errors = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(error, LambdaError) for error in errors)


async def test_an_environment_that_ends_under_its_event_is_a_service_error() -> None:
    async with a_platform() as platform:
        platform.script.answer = raising(EnvironmentStopped("environment e1 ended while it ran the event"))

        with pytest.raises(ServiceException, match="may have run in part"):
            await platform.invoker.invoke(a_call())

        assert platform.is_settled()
