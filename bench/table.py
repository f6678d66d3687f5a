"""The table: start-up, warm path over Ray, cold start, memory; each against its floor, peer or bar, from one run."""

from __future__ import annotations

import io
import os
import statistics
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import ray
import uvloop
from rich.console import Console
from rich.table import Table

from bench import command_line, deployments, front_door, large_package, memory, rie
from bench.lean_client import LeanClient
from raylambda.sdk import Client
from raylambda.testing.platform import Platform, running_platform

HANDLER = 'def handler(event, context):\n    return {"hello": event}\n'
PAYLOAD = b'{"name":"world"}'
ROUNDS = int(os.environ.get("RAYLAMBDA_BENCH_ROUNDS", "10"))
CALLS_PER_ROUND = 100
COLD_SAMPLES = 2 * ROUNDS
IDLE_ENVIRONMENTS = 10
GROWTH_CALLS = 1000 * ROUNDS
WARM_UP_CALLS = 4000

console = Console(width=110)


@dataclass(frozen=True)
class Row:
    """One measured line: ours, what it stands against, and the bar for the ratio (or for the figure itself)."""

    what: str
    ours: str
    against: str
    ratio: str
    bar: str


def main() -> None:
    """Run everything once and print the table."""
    rie.install()
    large_package.install()
    rows = [start_up(), *command_starts(), invoker()]
    with running_platform() as platform:
        client = boto3.client("lambda", **platform.boto3_arguments())
        rows += uvloop.run(measure(platform, client))
        console.print("deployments ...")
        rows += deploys(platform)
    table = Table(title=f"raylambda, one run on {os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}")
    for column in ("what", "raylambda", "against", "ratio", "bar"):
        table.add_column(column)
    for row in rows:
        table.add_row(row.what, row.ours, row.against, row.ratio, row.bar)
    console.print(table)


def start_up() -> Row:
    """`raylambda up` to healthy, against a bare ray.init."""
    ours, bare = [], []
    for _ in range(2):
        with running_platform() as platform:
            ours.append(platform.started_in_s)
        began = time.perf_counter()
        ray.init(log_to_driver=False, include_dashboard=True)
        bare.append(time.perf_counter() - began)
        ray.shutdown()
    a, b = statistics.median(ours), statistics.median(bare)
    return Row("up to healthy", f"{a:.1f} s", f"bare ray.init {b:.1f} s", f"{a / b:.2f}", "at most 20 s")


def command_starts() -> list[Row]:
    """The command line, against a bare interpreter."""
    bare, ours = command_line.measure()
    floor = statistics.median(bare) * 1000
    medians = {text: statistics.median(times) * 1000 for text, times in ours.items()}
    return [
        Row(f"raylambda {text}", f"{own:.0f} ms", f"python -c pass {floor:.0f} ms", f"{own / floor:.2f}", "at most 4")
        for text, own in medians.items()
    ]


def deploys(platform: Platform) -> list[Row]:
    """`raylambda deploy`, its own start included; the bars are absolute."""
    figures = zip(
        ("deploy, unchanged, with pandas", "edit to answer of hello"), deployments.measure(platform), strict=True
    )
    bars = {"deploy, unchanged, with pandas": "at most 1 s", "edit to answer of hello": "at most 0.6 s"}
    return [
        Row(what, f"{statistics.median(taken):.2f} s", f"{min(taken):.2f} to {max(taken):.2f} s", "", bars[what])
        for what, taken in figures
    ]


def invoker() -> Row:
    """The warm path from resolve to settle, against awaiting a bare actor's method in the same process."""
    ours, floor = front_door.measure(ROUNDS, CALLS_PER_ROUND, deploy)
    a, b = statistics.median(ours) * 1000, statistics.median(floor) * 1000
    what = "warm p50 over Ray, in the front door"
    return Row(what, f"{a:.2f} ms", f"await actor.ping.remote() {b:.2f} ms", f"{a / b:.2f}", "at most 2")


async def measure(platform: Platform, client: Any) -> list[Row]:
    """All that needs the running platform."""
    deploy(client, "bench-warm")
    with LeanClient(platform) as lean:
        console.print("warm calls ...")
        warm = await warm_path(lean, ray_address(platform))
        console.print("cold starts ...")
        cold = cold_starts(lean, client)
        large = large_cold_starts(lean, client, platform)
        console.print("memory ...")
        idle = idle_memory(lean, client, platform)
        growth = memory_growth(lean, platform)
    return [warm, cold, large, idle, growth]


def ray_address(platform: Platform) -> str:
    """The platform's own cluster; there may be others on this machine."""
    address: str = Client(platform.endpoint, platform.access_key_id, platform.secret, platform.region).status()[
        "ray_address"
    ]
    return address


async def warm_path(lean: LeanClient, address: str) -> Row:
    """Signed HTTP to function and back over Ray, against awaiting a bare actor's method; rounds alternate."""
    ours: list[float] = []
    floor: list[float] = []
    with bare_actor(address) as actor:
        for _ in range(ROUNDS):
            request = lean.prepare("bench-warm", PAYLOAD)
            ours += [lean.send(request)[1] for _ in range(CALLS_PER_ROUND)]
            for _ in range(CALLS_PER_ROUND):
                began = time.perf_counter()
                await actor.ping.remote()
                floor.append(time.perf_counter() - began)
    a, b = statistics.median(ours) * 1000, statistics.median(floor) * 1000
    return Row(
        "warm p50 over Ray, signed HTTP",
        f"{a:.2f} ms",
        f"await actor.ping.remote() {b:.2f} ms",
        f"{a / b:.2f}",
        "at most 2",
    )


@contextmanager
def bare_actor(address: str) -> Iterator[Any]:
    """An actor that does nothing, on the platform's own cluster."""
    ray.init(address=address, log_to_driver=False, namespace="bench")

    class Bare:
        async def ping(self) -> int:
            return 1

    actor = ray.remote(num_cpus=0)(Bare).remote()
    ray.get(actor.ping.remote())
    try:
        yield actor
    finally:
        ray.kill(actor)
        ray.shutdown()


def cold_starts(lean: LeanClient, client: Any) -> Row:
    """The first call of a fresh function, against RIE's spawn to first answer with the same code; samples alternate."""
    names = [f"bench-cold-{number}" for number in range(COLD_SAMPLES)]
    for name in names:
        deploy(client, name)
    ours, peer = [], []
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "app.py").write_text(HANDLER)
        for name in names:
            ours.append(lean.send(lean.prepare(name, PAYLOAD))[1])
            peer.append(rie.cold_start(Path(folder), PAYLOAD))
    a, b = statistics.median(ours) * 1000, statistics.median(peer) * 1000
    for name in names:
        client.delete_function(FunctionName=name)
    return Row("cold start p50", f"{a:.0f} ms", f"AWS RIE spawn {b:.0f} ms", f"{a / b:.2f}", "at most 1.5")


def large_cold_starts(lean: LeanClient, client: Any, platform: Platform) -> Row:
    """The same for a package with numpy and boto3, from the second environment on."""
    ours, peer = large_package.measure(lean, client, platform, COLD_SAMPLES)
    a, b = statistics.median(ours) * 1000, statistics.median(peer) * 1000
    what = "cold start p50, numpy and boto3"
    return Row(what, f"{a:.0f} ms", f"AWS RIE, warm __pycache__ {b:.0f} ms", f"{a / b:.2f}", "at most 1.3")


def idle_memory(lean: LeanClient, client: Any, platform: Platform) -> Row:
    """PSS of whole jails with an idle Python runtime, the mean of several that were started for this."""
    before = set(memory.jails(platform.process.pid))
    names = [f"bench-idle-{number}" for number in range(IDLE_ENVIRONMENTS)]
    for name in names:
        deploy(client, name)
        lean.send(lean.prepare(name, PAYLOAD))
    fresh = set(memory.jails(platform.process.pid)) - before
    everything = [pid for jail in fresh for pid in (jail, *memory.descendants(jail))]
    each = memory.pss_mb(everything) / max(1, len(fresh))
    return Row("idle Python environment", f"{each:.1f} MB PSS", f"mean of {len(fresh)}", "", "at most 15 MB")


def memory_growth(lean: LeanClient, platform: Platform) -> Row:
    """PSS of front door, hosts and the environment around many calls, after a warm-up in which bounded buffers (of Ray's
    task events, of the fleet's story) fill: a bare Ray driver grows by 5 MB in its first 2,500 calls and not afterwards.
    """

    def ours() -> float:
        jails = memory.jails(platform.process.pid)
        roots = [platform.process.pid, *memory.hosts(platform.process.pid)]
        return memory.pss_mb([*roots, *(pid for jail in jails for pid in (jail, *memory.descendants(jail)))])

    call_many(lean, WARM_UP_CALLS)
    before = ours()
    call_many(lean, GROWTH_CALLS)
    grown = ours() - before
    what = f"growth over {GROWTH_CALLS} calls"
    return Row(what, f"{grown:+.1f} MB", f"{before:.0f} MB before", f"{(before + grown) / before:.3f}", "none")


def call_many(lean: LeanClient, calls: int) -> None:
    """Warm calls, one after the other."""
    for number in range(calls):
        if number % 1000 == 0:
            request = lean.prepare("bench-warm", PAYLOAD)
        lean.send(request)


def deploy(client: Any, name: str) -> None:
    """Register the no-op function and wait until it is active."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr(zipfile.ZipInfo("app.py", (2026, 1, 1, 0, 0, 0)), HANDLER)
    client.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role="arn:aws:iam::123456789012:role/bench",
        Handler="app.handler",
        Code={"ZipFile": package.getvalue()},
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name)


if __name__ == "__main__":
    main()
