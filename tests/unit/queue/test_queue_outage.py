"""Events survive a store that goes away and processes that are killed."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from raylambda.model.invocation import Call, Completion
from raylambda.queue.rules import Settled
from raylambda.store.engine import Database
from raylambda.store.errors import StoreUnavailable
from raylambda.testing.clock import ManualClock
from tests.builders import a_call, a_completion
from tests.plugins.databases import PostgresqlServer, migrated
from tests.unit.queue.scripted_queue import QUICK, Queue
from tests.waiting import reached

REPOSITORY = Path(__file__).parents[3]

DYING = """
import asyncio, sys
from raylambda.store.engine import Database, open_engine
from raylambda.testing.clock import ManualClock
from tests.builders import a_call
from tests.unit.queue.scripted_queue import Queue

async def run_for_ever(call):
    print("running", call.request_id, flush=True)
    await asyncio.Event().wait()

async def main():
    queue = Queue(Database(open_engine(sys.argv[1])), ManualClock(), run_for_ever, claimer_id="dying")
    await queue.acceptance.accept(a_call(request_id="accepted-and-running"))
    async with queue.dispatching():
        await asyncio.Event().wait()

asyncio.run(main())
"""


def test_a_killed_process_loses_no_event(database: Database, database_url: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", DYING, database_url], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    ) as dying:
        assert dying.stdout is not None
        assert dying.stdout.readline() == "running accepted-and-running\n"
        dying.send_signal(signal.SIGKILL)

    async def scenario() -> None:
        clock = ManualClock()
        queue = Queue(database, clock, claimer_id="next")
        async with queue.dispatching():
            await queue.after(QUICK.lease_s)
            await reached(lambda: queue.waiting() == 0)

        assert queue.invoker.calls == [a_call(request_id="accepted-and-running")]
        assert queue.endings == [Settled(1)]

    asyncio.run(scenario())


@pytest.mark.postgresql
def test_the_dispatcher_outlives_the_store(own_postgresql_server: PostgresqlServer) -> None:
    server = own_postgresql_server
    database = migrated(server.create_database())

    async def scenario() -> None:
        gate = asyncio.Event()
        running: list[Call] = []

        async def wait_for_gate(call: Call) -> Completion:
            running.append(call)
            await gate.wait()
            return a_completion()

        queue = Queue(database, ManualClock(), wait_for_gate, a_completion())
        async with queue.dispatching():
            await queue.acceptance.accept(a_call(request_id="runs-through-the-outage"))
            await reached(lambda: len(running) == 1)

            server.kill()
            with pytest.raises(StoreUnavailable):
                await queue.acceptance.accept(a_call(request_id="refused"))
            gate.set()
            queue.dispatcher.wake()
            await reached(lambda: queue.dispatcher.describe()["failed_turns_in_a_row"] != 0)
            server.start()

            await queue.acceptance.accept(a_call(request_id="accepted-afterwards"))
            await reached(lambda: queue.waiting() == 0)

        assert [call.request_id for call in queue.invoker.calls] == ["runs-through-the-outage", "accepted-afterwards"]
        assert queue.endings == [Settled(1), Settled(1)]

    asyncio.run(scenario())
    database.close()
