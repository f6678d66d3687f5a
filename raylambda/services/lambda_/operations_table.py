"""The README's table of supported operations: `python -m raylambda.services.lambda_.operations_table` writes it between its markers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Final

from raylambda.services.lambda_.not_yet import NOT_YET
from raylambda.services.lambda_.table import OPERATIONS, OWN_OPERATIONS, RESOURCES
from raylambda.services.protocol.operation import Operation

BEGIN: Final = "<!-- operations: made by `python -m raylambda.services.lambda_.operations_table`, checked by a test -->"
END: Final = "<!-- end of operations -->"


def markdown() -> str:
    """A row for each resource with its operations, then raylambda's own."""
    rows = [f"| {_title(resource)} | {_names(_of(resource))} |" for resource in RESOURCES if _of(resource)]
    invocations = [row for row in OPERATIONS.values() if row.handler is None]
    total = len(OPERATIONS) + len(NOT_YET)
    return "\n".join(
        [
            f"{len(OPERATIONS)} of Lambda's {total} operations:",
            "",
            "| resource | operations |",
            "|---|---|",
            f"| invocations | {_names(invocations)} |",
            *rows,
            "",
            f"raylambda's own, signed like AWS's: {_own()}.",
        ]
    )


def replaced(document: str) -> str:
    """``document`` with the table of today between the markers; raises ``ValueError`` when they are missing."""
    head, begin, rest = document.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no markers: {BEGIN} and {END}")
    return f"{head}{BEGIN}\n{markdown()}\n{END}{tail}"


def _of(resource: ModuleType) -> list[Operation]:
    return [row for row in OPERATIONS.values() if row.handler and row.handler.__module__ == resource.__name__]


def _title(resource: ModuleType) -> str:
    return resource.__name__.rpartition(".")[2].replace("_", " ")


def _names(rows: Iterable[Operation]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(row.name for row in rows))


def _own() -> str:
    methods: dict[str, list[str]] = {}
    for row in OWN_OPERATIONS.values():
        methods.setdefault(row.path, []).append(row.method)
    return "; ".join(f"`{path}` ({', '.join(sorted(those))})" for path, those in methods.items())


if __name__ == "__main__":
    readme = Path("README.md")
    readme.write_text(replaced(readme.read_text("utf-8")), "utf-8")
