"""Wire bodies as they must be, in JSON files, with ids and dates blanked.

A test that fails here shows a change on the wire. ``RAYLAMBDA_WRITE_GOLDENS=1`` writes the files anew, for a look at the diff.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_suffix("")
BLANKED = {"RevisionId": "<id>", "LastModified": "<date>", "NextMarker": "<marker>"}


def assert_golden(name: str, body: dict[str, Any]) -> None:
    """``body`` is what ``goldens/<name>.json`` says."""
    path = FOLDER / f"{name}.json"
    blanked = blank(body)
    if os.environ.get("RAYLAMBDA_WRITE_GOLDENS"):
        path.write_text(json.dumps(blanked, indent=2) + "\n")
    assert blanked == json.loads(path.read_text())


def blank(value: Any) -> Any:
    """The same body with ids and dates replaced."""
    if isinstance(value, dict):
        return {key: BLANKED.get(key) or blank(item) for key, item in value.items()}
    return [blank(item) for item in value] if isinstance(value, list) else value
