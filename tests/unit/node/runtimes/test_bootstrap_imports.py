"""What runs in the jail needs the standard library only (rooms.md 1)."""

from __future__ import annotations

import ast
import sys

from raylambda.node.sandbox.contract import BOOTSTRAP_SOURCE


def test_the_bootstrap_imports_the_standard_library_only() -> None:
    own = {path.stem for path in BOOTSTRAP_SOURCE.glob("*.py")}

    foreign = set()
    for path in BOOTSTRAP_SOURCE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            foreign |= {name.partition(".")[0] for name in names}

    assert foreign <= own | set(sys.stdlib_module_names) | {"__future__"}
