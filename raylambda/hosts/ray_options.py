"""How large a host is, which Ray options make it, and what a cluster lacks for it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from raylambda.hosts.ports import HostClass, HostSize
from raylambda.model.ray_options import RayOptions

MB_PER_VCPU = 1769
"""AWS gives one vCPU at 1,769 MB (lambda-reference.md 11)."""

_SLICE_MB = 4096
_CALLS_AT_ONCE = 10_000
_SHOWN_LINES = 6
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class NodeOffer:
    """What one node has in all: ``resources`` by Ray's names (``CPU``, ``GPU``, ``memory`` in bytes, custom ones), and labels."""

    resources: Mapping[str, float]
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def memory_mb(self) -> int:
        return int(self.resources.get("memory", 0.0)) // _MIB


@dataclass(frozen=True, slots=True)
class HostSizing:
    """How to cut hosts: ``memory_mb`` is the operator's slice, if any.

    On a machine that is ours alone (``whole_node``), a host takes what the node has and books neither CPU nor memory with
    Ray: memory sizes are limits of functions, and hosts of several classes share the machine. On a cluster each host books
    its slice, so that Ray spreads hosts and its autoscaler sees what is missing.
    """

    memory_mb: int | None = None
    whole_node: bool = False

    def size(self, nodes: Sequence[NodeOffer], at_least_mb: int) -> HostSize:
        largest_mb = max((node.memory_mb for node in nodes), default=0)
        slice_mb = self.memory_mb or (largest_mb if self.whole_node else _SLICE_MB)
        memory_mb = max(at_least_mb, min(slice_mb, largest_mb or slice_mb))
        most_cpus = max((node.resources.get("CPU", 0.0) for node in nodes), default=0.0)
        return HostSize(memory_mb, min(memory_mb / MB_PER_VCPU, most_cpus))


def actor_options(host_class: HostClass, size: HostSize, host_id: str, *, whole_node: bool) -> dict[str, Any]:
    """The options of a host's Ray actor. Ray never runs a call twice, and never restarts a host: the fleet makes a new one.

    Ray's list of tasks is for people: calls are not in it, but for those that ``ray_hosts`` lists.
    """
    options = host_class.options
    books: dict[str, Any] = {"num_cpus": 0} if whole_node else {"num_cpus": size.vcpus, "memory": size.memory_mb * _MIB}
    asked: dict[str, Any] = {
        "num_gpus": options.num_gpus,
        "resources": dict(options.resources),
        "label_selector": dict(options.label_selector),
        "runtime_env": dict(options.runtime_env),
    }
    return {
        **books,
        **{name: value for name, value in asked.items() if value},
        "name": f"raylambda-host-{host_id}",
        "scheduling_strategy": "SPREAD",
        "max_concurrency": _CALLS_AT_ONCE,
        "max_restarts": 0,
        "max_task_retries": 0,
        "enable_task_events": False,
    }


def installs_packages(options: RayOptions) -> bool:
    """Whether a host must be given packages before it runs, which may take minutes; variables alone take seconds."""
    return bool(options.runtime_env.keys() - {"env_vars"})


def what_is_missing(nodes: Sequence[NodeOffer], options: Mapping[str, Any]) -> str | None:
    """Why no node can take an actor with these options, in words; ``None`` when one can, be it busy now."""
    demands = _demands(options)
    if any(all(demand.met_by(node) for demand in demands) for node in nodes):
        return None
    alone = [demand.lack(nodes) for demand in demands if not any(map(demand.met_by, nodes))]
    if alone:
        return "; ".join(alone)
    return "no node offers all of these together: " + ", ".join(demand.wanted for demand in demands)


@dataclass(frozen=True, slots=True)
class _Demand:
    wanted: str
    met_by: Callable[[NodeOffer], bool]
    most: Callable[[NodeOffer], float] | None = None

    def lack(self, nodes: Sequence[NodeOffer]) -> str:
        if self.most is None:
            return f"no node has {self.wanted}"
        return f"no node offers {self.wanted} (most: {max(map(self.most, nodes), default=0.0):g})"


def _demands(options: Mapping[str, Any]) -> list[_Demand]:
    amounts = {"num_cpus": ("CPU", 1), "num_gpus": ("GPU", 1), "memory": ("memory", _MIB)}
    wanted = [(name, resource, options.get(name, 0) / unit, unit) for name, (resource, unit) in amounts.items()]
    wanted += [(f"resource {name}", name, amount, 1) for name, amount in options.get("resources", {}).items()]
    demands = [_resource_demand(*one) for one in wanted if one[2] > 0]
    return demands + [_label_demand(key, value) for key, value in options.get("label_selector", {}).items()]


def _resource_demand(shown: str, resource: str, amount: float, unit: int) -> _Demand:
    def offered(node: NodeOffer) -> float:
        return node.resources.get(resource, 0.0) / unit

    name = "memory_mb" if shown == "memory" else shown
    return _Demand(f"{name}={amount:g}", lambda node: offered(node) >= amount, offered)


def _label_demand(key: str, selector: str) -> _Demand:
    return _Demand(f"label {key}={selector}", lambda node: label_matches(selector, node.labels.get(key)))


def label_matches(selector: str, value: str | None) -> bool:
    """Ray's grammar of label selectors: ``value``, ``!value``, ``in(a, b)``, ``!in(a, b)``; an absent label is like no value."""
    negated = selector.startswith("!")
    wanted = selector.removeprefix("!").strip()
    if wanted.startswith("in(") and wanted.endswith(")"):
        values = {part.strip() for part in wanted[3:-1].split(",")}
    else:
        values = {wanted}
    return (value in values) != negated


def setup_failure(text: str) -> str:
    """What went wrong in the set-up of a runtime_env, out of Ray's report: the installer's own last lines."""
    before, marker, output = text.partition("lines of stdout:")
    lines = [line.strip() for line in (output if marker else before).splitlines() if line.strip()]
    return "\n".join(lines[-_SHOWN_LINES:])
