"""`status`: functions, queue, nodes; and with `--why`, how a function came to what it gets."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from raylambda.cli.arguments import Words, add_json, complete_with
from raylambda.cli.connection import connect, connection
from raylambda.cli.logs import utc
from raylambda.cli.output import progress, show, show_json, show_table, show_warning, table_lines, visible

_ROWS = 100


def declare(parser: ArgumentParser) -> None:
    parser.description = (
        "Show the functions with what they have and do, the busiest first, the queue of events, and nodes and hosts with "
        "the isolation in force."
    )
    complete_with(
        parser.add_argument(
            "--why", metavar="FUNCTION", help="why this function waits, was refused, or has what it has"
        ),
        Words.FUNCTIONS,
    )
    parser.add_argument(
        "--all", dest="everything", action="store_true", help=f"more than {_ROWS} functions, and environments"
    )
    add_json(parser, "everything, as a JSON object")
    parser.set_defaults(run=status)


def status(why: str | None, *, everything: bool, as_json: bool) -> None:
    """Ask the platform and show what it says."""
    client = connect()
    with progress("Asking the platform ..."):
        found = client.status(detail=why is not None, function=why)
    if as_json:
        show_json(found)
    elif why is not None:
        for function in found["functions"]:
            for line in why_lines(function):
                show(line)
    else:
        show(f"endpoint: {connection().endpoint}")
        _show_platform(found, everything)


def _show_platform(found: Mapping[str, Any], everything: bool) -> None:
    short = unique_prefixes([*_ids_of(found, "host_id"), *_ids_of(found, "environment_id")])
    show(
        f"raylambda {found['version']}, requests: {found['auth']}, store: {found['store']}, Ray: {found['ray_address']}"
    )
    show()
    for line in function_lines(found, len(found["overview"]) if everything else _ROWS):
        show(line)
    show()
    if everything:
        _show_environments(found, short)
    show(queue_line(found["queue"]))
    show()
    nodes = unique_prefixes([node["node_id"] for node in found["nodes"]])
    show_table(("NODE", "ADDRESS", "ALIVE", "CPU", "GPU", "MEMORY"), [_node(node, nodes) for node in found["nodes"]])
    show()
    hosts = [(short[one["host_id"]], one["node_name"], str(one["pid"]), one["isolation"][0]) for one in found["hosts"]]
    show_table(("HOST", "NODE", "PID", "ISOLATION"), hosts)
    show()
    for line in _isolation_lines(found["hosts"], short):
        show(line)
    if found["auth"] == "none":
        show_warning("requests are not checked: whoever reaches the front door runs code here")
    for warning in sorted({warning for host in found["hosts"] for warning in host["warnings"]}):
        show_warning(warning)


def function_lines(found: Mapping[str, Any], rows: int) -> Iterator[str]:
    """A table of the busiest functions, and how many more there are. The counts began with the front door."""
    functions = found["overview"]
    total = max(len(functions), sum(found["functions_in_regions"].values()))
    if not functions:
        yield "no functions: `raylambda deploy DIR` makes one"
        return
    regions = len({row["region"] for row in functions}) > 1
    columns = (
        "FUNCTION",
        *(("REGION",) if regions else ()),
        "ENVIRONMENTS",
        "RUNNING",
        "WAITING",
        "CALLS",
        "ERRORS",
        "COLD",
    )
    cells = [columns]
    for row in functions[:rows]:
        amounts = ("environments", "running", "waiting", "invocations", "errors", "cold_starts")
        cells.append((row["function"], *((row["region"],) if regions else ()), *(str(row[name]) for name in amounts)))
    yield from table_lines(cells)
    if total > rows:
        yield f"... and {total - min(rows, len(functions))} more (--all)"
    yield f"calls, errors and cold starts since {utc(found['since'])}"


def queue_line(queue: Mapping[str, Any]) -> str:
    """The queue of asynchronous events in a sentence."""
    if not queue["unsettled"]:
        return "queue: no events"
    return (
        f"queue: {queue['unsettled']} events accepted and not settled, the next is due at {utc(queue['next_due_at'])}"
    )


def unique_prefixes(ids: Collection[str], shortest: int = 6) -> dict[str, str]:
    """Each id as its shortest prefix that no other one has, of six characters at least."""
    ordered = sorted(set(ids))
    short = {}
    for number, one in enumerate(ordered):
        neighbours = [ordered[other] for other in (number - 1, number + 1) if 0 <= other < len(ordered)]
        enough = shortest
        while enough < len(one) and any(other.startswith(one[:enough]) for other in neighbours):
            enough += 1
        short[one] = one[:enough]
    return short


def _show_environments(found: Mapping[str, Any], short: Mapping[str, str]) -> None:
    rows = [
        (
            short[one["environment_id"]],
            f"{one['function']}:{one['version']}",
            one["state"],
            f"{one['for_s']:.0f} s",
            short.get(host["host_id"], host["host_id"]),
        )
        for host in found["fleet"]["hosts"]
        for one in host["environments"]
    ]
    show_table(("ENVIRONMENT", "FUNCTION", "STATE", "FOR", "HOST"), rows)
    show()


def why_lines(function: Mapping[str, Any]) -> Iterator[str]:
    """The story of one function: concurrency, who waits and was refused, then each environment from its first step on.

    Reasons may hold what a function wrote: nothing of it may steer the terminal.
    """
    return map(visible, _story(function))


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
        yield f"events: {events['unsettled']} accepted and not settled, the next is due at {utc(events['next_due_at'])}"
    for one in function["refusals"]:
        yield f"refused: {utc(one['at'])}  {one['refusal']}: {one['message']}"
    environments, ended = function["environments"], function["ended"]
    short = unique_prefixes([one["environment_id"] for one in (*environments, *ended)])
    for one in ended:
        yield f"ended: {utc(one['at'])}  environment {short[one['environment_id']]} of {one['version']}: {one['why']}"
    if not environments:
        yield "environments: none; the next invocation starts one"
    hosts = unique_prefixes([one["host_id"] for one in environments])
    for one in environments:
        yield ""
        yield (
            f"environment {short[one['environment_id']]} of {one['version']}: {one['state']} for {one['for_s']:.0f} s, "
            f"host {hosts[one['host_id']]}"
        )
        yield from (f"  {utc(step['at'])}  {step['to']:<9} {step['cause']}" for step in one["story"])
        life = one["life_cycle"]
        yield "  its host does not tell about it" if life is None else f"  in its jail: {life['state']}"
        yield from (f"    {line}" for line in (life or {}).get("story", ()))


def _ids_of(found: Mapping[str, Any], kind: str) -> list[str]:
    if kind == "host_id":
        return [host["host_id"] for host in (*found["hosts"], *found["fleet"]["hosts"])]
    return [one["environment_id"] for host in found["fleet"]["hosts"] for one in host["environments"]]


def _isolation_lines(hosts: list[dict[str, Any]], short: Mapping[str, str]) -> Iterator[str]:
    """What holds functions in, and which runtimes there are: once for all hosts that agree."""
    alike: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for host in hosts:
        alike.setdefault((tuple(host["isolation"]), tuple(host["runtimes"])), []).append(short[host["host_id"]])
    for (isolation, runtimes), names in alike.items():
        yield f"isolation of {', '.join(names)}: {isolation[0]}"
        yield from (f"  {part}" for part in isolation[1:])
        yield f"runtimes: {', '.join(runtimes)}"


def _node(node: dict[str, Any], short: Mapping[str, str]) -> tuple[str, ...]:
    resources = node["resources"]
    memory_gb = resources.get("memory", 0) / 1e9
    alive = "yes" if node["alive"] else "no"
    return (
        short[node["node_id"]],
        node["name"],
        alive,
        f"{resources.get('CPU', 0):g}",
        f"{resources.get('GPU', 0):g}",
        f"{memory_gb:.1f} GB",
    )
