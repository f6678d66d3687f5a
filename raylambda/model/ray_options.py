"""The Ray options of a function, and the class of hosts that they ask for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class RayOptions:
    """What a host must be created with, so that the function's environments find it there.

    ``runtime_env`` keeps Ray's own keys (``uv``, ``pip``: packages; ``env_vars``: str -> str); ``resources`` maps custom
    resource names to amounts; ``label_selector`` maps node labels to required values (Ray's own grammar).
    """

    runtime_env: Mapping[str, Any] = field(default_factory=dict)
    num_gpus: float = 0.0
    resources: Mapping[str, float] = field(default_factory=dict)
    label_selector: Mapping[str, str] = field(default_factory=dict)

    @property
    def host_class(self) -> str:
        """``default`` without any option, otherwise a name made of the content: equal options share hosts."""
        if self == RayOptions():
            return "default"
        canonical = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return "options-" + hashlib.sha256(canonical.encode()).hexdigest()[:16]
