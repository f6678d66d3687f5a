"""Node.js: the shipped client ``bootstrap/nodejs/index.mjs``, below a process 1 on the host's own Python."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from raylambda.node.runtimes.interpreters import Interpreter, SearchPlaces, ask_node, base_interpreter, find_node
from raylambda.node.runtimes.plan import (
    Places,
    PlanRequest,
    RuntimePlan,
    common_env,
    mounts_of,
    reserved_env,
    wrapped,
)

RUNTIMES: Final = ("nodejs20.x", "nodejs22.x", "nodejs24.x")
NAMES: Final = re.compile(r"nodejs\d+\.x")


def find_interpreter(runtime: str, mapped: Path | None, places: SearchPlaces) -> Interpreter | None:
    """A Node.js of this major version; of a mapped one any version."""
    if mapped is not None:
        return ask_node(mapped)
    return find_node(int(runtime.removeprefix("nodejs").removesuffix(".x")), places)


def plan(request: PlanRequest) -> RuntimePlan:
    """The options are those of AWS's images: the heap ends a little before the memory does, so that V8 and not the kernel complains."""
    host, node, version = base_interpreter(), request.interpreter, request.version
    places = Places.of(request, node.prefix)
    command = (
        places.program(node),
        "--expose-gc",
        "--max-http-header-size=81920",
        f"--max-semi-space-size={version.memory_mb * 5 // 100}",
        f"--max-old-space-size={version.memory_mb * 90 // 100}",
        f"{places.bootstrap}/nodejs/index.mjs",
    )
    modules = (
        f"{places.opt}/nodejs/node{node.version[0]}/node_modules",
        f"{places.opt}/nodejs/node_modules",
        f"{places.runtime}/node_modules",
        places.runtime,
        places.task,
    )
    return RuntimePlan(
        mounts=mounts_of(host, node),
        init_interpreter=str(host.executable),
        argv=wrapped(command, version.environment),
        forked=False,
        env={**common_env(places), "NODE_PATH": ":".join(modules)},
        reserved=reserved_env(places, version.runtime),
        cwd=places.task,
    )
