"""The README's table of supported operations: `python -m raylambda.services.lambda_.operations_table` writes it between its markers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Final

from raylambda.services.lambda_.not_yet import NOT_YET
from raylambda.services.lambda_.table import MODULES, NOTHING_YET, OPERATIONS, OWN_OPERATIONS
from raylambda.services.protocol.operation import Operation

BEGIN: Final = "<!-- operations: made by `python -m raylambda.services.lambda_.operations_table`, checked by a test -->"
END: Final = "<!-- end of operations -->"

_Resources = dict[str, list[Operation]]


def markdown() -> str:
    """A row for each resource with its operations, the same of what there is none of, then raylambda's own."""
    works = {"invocations": [row for row in OPERATIONS.values() if row.handler is None], **_resources(MODULES)}
    nothing = _resources(NOTHING_YET)
    own: dict[str, list[str]] = {}
    for row in OWN_OPERATIONS.values():
        own.setdefault(row.path, []).append(row.method)
    return "\n".join(
        [
            f"{_count(works)} of Lambda's {len(OPERATIONS) + len(NOT_YET)} operations work:",
            "",
            *_table(works),
            "",
            f"{_count(nothing)} more are about what nothing here can make yet. They check what AWS checks and then say so, "
            "truly: an empty list, AWS's 404, AWS's default.",
            "",
            *_table(nothing),
            "",
            f"The other {len(NOT_YET)}, among them all that make such things, answer with a clear error (501) until they are "
            "there.",
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


def _resources(modules: Iterable[ModuleType]) -> _Resources:
    """The operations of AWS in each module, by the name of the resource."""
    resources: _Resources = {}
    for module in modules:
        rows = [row for row in OPERATIONS.values() if row.handler and row.handler.__module__ == module.__name__]
        if rows:
            resources[module.__name__.rpartition(".")[2].replace("_", " ")] = rows
    return resources


def _count(resources: _Resources) -> int:
    return sum(map(len, resources.values()))


def _table(resources: _Resources) -> list[str]:
    rows = (
        f"| {title} | {', '.join(f'`{name}`' for name in sorted(row.name for row in rows))} |"
        for title, rows in resources.items()
    )
    return ["| resource | operations |", "|---|---|", *rows]


if __name__ == "__main__":
    readme = Path("README.md")
    readme.write_text(replaced(readme.read_text("utf-8")), "utf-8")
