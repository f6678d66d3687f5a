"""`status`: nodes, hosts, environments; and with `--why`, how a function came to what it gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from raylambda.cli.connection import connect
from raylambda.cli.output import data, progress, show_json, show_table, show_warning


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
    why: Annotated[
        str | None, typer.Option(metavar="FUNCTION", help="Why this function waits, was refused, or has what it has.")
    ] = None,
) -> None:
    """Show nodes, hosts, environments and the isolation in force."""
    with progress("Asking the platform ..."):
        found = connect().status(detail=why is not None, function=why)
    if as_json:
        show_json(found)
    elif why is not None:
        for function in found["functions"]:
            for line in why_lines(function):
                data.print(line, markup=False)
    else:
        _show_platform(found)


def _show_platform(found: Mapping[str, Any]) -> None:
    data.print(f"raylambda {found['version']}, requests: {found['auth']}, store: {found['store']}\n", markup=False)
    show_table(
        ("NODE", "ADDRESS", "ALIVE", "CPU", "GPU", "MEMORY"), [_node(node) for node in found["nodes"]], "No nodes."
    )
    hosts = [(one["host_id"], one["node_name"], str(one["pid"]), one["isolation"][0]) for one in found["hosts"]]
    show_table(("HOST", "NODE", "PID", "ISOLATION"), hosts, "No hosts yet.")
    show_table(
        ("ENVIRONMENT", "FUNCTION", "STATE", "FOR", "HOST"),
        [
            (
                one["environment_id"],
                f"{one['function']}:{one['version']}",
                one["state"],
                f"{one['for_s']:.0f} s",
                host["host_id"],
            )
            for host in found["fleet"]["hosts"]
            for one in host["environments"]
        ],
        "No environments: nothing has been invoked lately.",
    )
    for line in _isolation_lines(found["hosts"]):
        data.print(line, markup=False)
    if found["auth"] == "none":
        show_warning("requests are not checked: whoever reaches the front door runs code here")
    for warning in sorted({warning for host in found["hosts"] for warning in host["warnings"]}):
        show_warning(warning)


def why_lines(function: Mapping[str, Any]) -> Iterator[str]:
    """The story of one function: concurrency, who waits and was refused, then each environment from its first step on.

    Reasons may hold what a function wrote: nothing of it may steer the terminal.
    """
    return ("".join(one if one.isprintable() else "?" for one in line) for line in _story(function))


def _story(function: Mapping[str, Any]) -> Iterator[str]:
    units = function["concurrency"]
    kind = "shared by all functions without a reservation" if units["reserved"] is None else "reserved for it alone"
    yield function["arn"]
    yield f"concurrency: {units['units']} in use by it; {units['in_use']} of {units['limit']} that are {kind}"
    for reason, times in units["throttles"].items():
        yield f"throttled: {times} times ({reason})"
    for one in function["waiting"]:
        yield f"waiting: {one['placements']} for {one['version']}, the first for {one['for_s']:.0f} s: {one['why']}"
    if (events := function["events"])["unsettled"]:
        yield f"events: {events['unsettled']} accepted and not settled, the next is due at {_clock_time(events['next_due_at'])}"
    for one in function["refusals"]:
        yield f"refused: {_clock_time(one['at'])}  {one['refusal']}: {one['message']}"
    for one in function["ended"]:
        yield f"ended: {_clock_time(one['at'])}  environment {one['environment_id']} of {one['version']}: {one['why']}"
    if not function["environments"]:
        yield "environments: none; the next invocation starts one"
    for one in function["environments"]:
        yield ""
        yield f"environment {one['environment_id']} of {one['version']}: {one['state']} for {one['for_s']:.0f} s, host {one['host_id']}"
        yield from (f"  {_clock_time(step['at'])}  {step['to']:<9} {step['cause']}" for step in one["story"])
        life = one["life_cycle"]
        yield "  its host does not tell about it" if life is None else f"  in its jail: {life['state']}"
        yield from (f"    {line}" for line in (life or {}).get("story", ()))


def _clock_time(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _isolation_lines(hosts: list[dict[str, Any]]) -> Iterator[str]:
    """What holds functions in, and which runtimes there are: once for all hosts that agree."""
    alike: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for host in hosts:
        alike.setdefault((tuple(host["isolation"]), tuple(host["runtimes"])), []).append(host["host_id"])
    for (isolation, runtimes), names in alike.items():
        yield f"isolation of {', '.join(names)}: {isolation[0]}"
        yield from (f"  {part}" for part in isolation[1:])
        yield f"runtimes: {', '.join(runtimes)}"


def _node(node: dict[str, Any]) -> tuple[str, ...]:
    resources = node["resources"]
    memory_gb = resources.get("memory", 0) / 1e9
    alive = "yes" if node["alive"] else "no"
    return (
        node["node_id"][:12],
        node["name"],
        alive,
        f"{resources.get('CPU', 0):g}",
        f"{resources.get('GPU', 0):g}",
        f"{memory_gb:.1f} GB",
    )
