"""Sizes and Ray options of hosts, and what a cluster lacks for them."""

from __future__ import annotations

import pytest

from raylambda.hosts.ports import HostClass, HostSize
from raylambda.hosts.ray_options import (
    HostSizing,
    NodeOffer,
    actor_options,
    label_matches,
    setup_failure,
    what_is_missing,
)
from raylambda.model.ray_options import RayOptions

MIB = 1024 * 1024


def a_node(
    cpus: float = 8, memory_mb: int = 32768, labels: dict[str, str] | None = None, **resources: float
) -> NodeOffer:
    return NodeOffer({"CPU": cpus, "memory": memory_mb * MIB, **resources}, labels or {})


def options_of(options: RayOptions, *, whole_node: bool = False, size: HostSize | None = None) -> dict[str, object]:
    host_class = HostClass(options.host_class, options)
    return actor_options(host_class, size or HostSize(4096, 2.0), "id-1", whole_node=whole_node)


def test_on_a_cluster_a_host_is_a_slice_with_cpus_by_its_memory() -> None:
    size = HostSizing().size([a_node()], at_least_mb=128)

    assert size.memory_mb == 4096
    assert size.vcpus == pytest.approx(4096 / 1769)


def test_a_function_larger_than_a_slice_gets_a_host_of_its_size() -> None:
    assert HostSizing().size([a_node()], at_least_mb=10240).memory_mb == 10240


def test_on_a_laptop_a_host_takes_what_the_node_has() -> None:
    assert HostSizing(whole_node=True).size([a_node(cpus=2, memory_mb=12000)], 128) == HostSize(12000, 2)


def test_a_slice_is_never_larger_than_the_largest_node() -> None:
    assert HostSizing().size([a_node(cpus=1, memory_mb=2000)], 128) == HostSize(2000, 1)


def test_the_operators_slice_comes_first() -> None:
    assert HostSizing(memory_mb=1024, whole_node=True).size([a_node()], 128).memory_mb == 1024


def test_a_host_is_never_restarted_and_its_calls_never_repeated_by_ray() -> None:
    options = options_of(RayOptions())

    assert options == {
        "num_cpus": 2.0,
        "memory": 4096 * MIB,
        "name": "raylambda-host-id-1",
        "scheduling_strategy": "SPREAD",
        "max_concurrency": 10_000,
        "max_restarts": 0,
        "max_task_retries": 0,
        "enable_task_events": False,
    }


def test_a_class_is_created_with_exactly_its_options() -> None:
    wanted = RayOptions({"uv": ["numpy"]}, 0.5, {"disk": 2.0}, {"zone": "a"})

    options = options_of(wanted, whole_node=True)

    assert options["num_cpus"] == 0
    assert "memory" not in options
    assert options["runtime_env"] == {"uv": ["numpy"]}
    assert options["num_gpus"] == 0.5
    assert options["resources"] == {"disk": 2.0}
    assert options["label_selector"] == {"zone": "a"}


@pytest.mark.parametrize(
    ("wanted", "missing"),
    [
        (RayOptions(), None),
        (RayOptions(num_gpus=1), "no node offers num_gpus=1 (most: 0)"),
        (RayOptions(resources={"disk": 3.0}), "no node offers resource disk=3 (most: 2)"),
        (RayOptions(resources={"disk": 2.0}), None),
        (RayOptions(label_selector={"zone": "b"}), None),
        (RayOptions(label_selector={"zone": "c"}), "no node has label zone=c"),
        (
            RayOptions(num_gpus=1, label_selector={"zone": "c"}),
            "no node offers num_gpus=1 (most: 0); no node has label zone=c",
        ),
        (
            RayOptions(resources={"disk": 2.0}, label_selector={"zone": "b"}),
            "no node offers all of these together: num_cpus=2, memory_mb=4096, resource disk=2, label zone=b",
        ),
    ],
)
def test_what_is_missing_is_named(wanted: RayOptions, missing: str | None) -> None:
    nodes = [a_node(labels={"zone": "a"}, disk=2.0), a_node(labels={"zone": "b"})]

    assert what_is_missing(nodes, options_of(wanted)) == missing


def test_too_much_memory_is_named_in_megabytes() -> None:
    options = options_of(RayOptions(), size=HostSize(10240, 1.0))

    assert what_is_missing([a_node(memory_mb=4096)], options) == "no node offers memory_mb=10240 (most: 4096)"


@pytest.mark.parametrize(
    ("selector", "value", "matches"),
    [
        ("a", "a", True),
        ("a", "b", False),
        ("a", None, False),
        ("!a", "b", True),
        ("!a", "a", False),
        ("!a", None, True),
        ("in(a, b)", "b", True),
        ("in(a, b)", "c", False),
        ("!in(a,b)", "c", True),
        ("!in(a,b)", "a", False),
    ],
)
def test_labels_are_selected_by_rays_grammar(selector: str, value: str | None, matches: bool) -> None:
    assert label_matches(selector, value) is matches


def test_a_failed_set_up_shows_the_installers_own_words() -> None:
    report = (
        "Failed to set up runtime environment.\n[Node 10.0.0.1] Traceback (most recent call last):\n  File x\n"
        "Last 50 lines of stdout:\n    Looking in indexes\n    ERROR: No matching distribution found for nonsense\n\n"
    )

    assert setup_failure(report) == "Looking in indexes\nERROR: No matching distribution found for nonsense"
    assert setup_failure("the agent is gone") == "the agent is gone"
