"""The README's table of supported operations: `python -m raylambda.services.lambda_.operations_table` writes it between its markers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from raylambda.services.lambda_.not_yet import NOT_YET
from raylambda.services.lambda_.table import MODULES, OPERATIONS, OWN_OPERATIONS
from raylambda.services.protocol.operation import Operation

BEGIN: Final = "<!-- operations: made by `python -m raylambda.services.lambda_.operations_table`, checked by a test -->"
END: Final = "<!-- end of operations -->"


def markdown() -> str:
    """A row for each resource with its operations, then raylambda's own."""
    resources = {"invocations": [row for row in OPERATIONS.values() if row.handler is None]}
    for module in MODULES:
        served = [row for row in OPERATIONS.values() if row.handler and row.handler.__module__ == module.__name__]
        if served:
            resources[module.__name__.rpartition(".")[2].replace("_", " ")] = served
    own: dict[str, list[str]] = {}
    for row in OWN_OPERATIONS.values():
        own.setdefault(row.path, []).append(row.method)
    return "\n".join(
        [
            f"{len(OPERATIONS)} of Lambda's {len(OPERATIONS) + len(NOT_YET)} operations:",
            "",
            "| resource | operations |",
            "|---|---|",
            *(f"| {title} | {_names(rows)} |" for title, rows in resources.items()),
            "",
            "raylambda's own, signed like AWS's: "
            + "; ".join(f"`{path}` ({', '.join(sorted(methods))})" for path, methods in own.items())
            + ".",
        ]
    )


def replaced(document: str) -> str:
    """``document`` with the table of today between the markers; raises ``ValueError`` when they are missing."""
    head, begin, rest = document.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no markers: {BEGIN} and {END}")
    return f"{head}{BEGIN}\n{markdown()}\n{END}{tail}"


def _names(rows: Iterable[Operation]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(row.name for row in rows))


if __name__ == "__main__":
    readme = Path("README.md")
    readme.write_text(replaced(readme.read_text("utf-8")), "utf-8")
