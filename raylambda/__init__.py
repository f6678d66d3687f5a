"""AWS Lambda's programming model on a Ray cluster that you own.

The folders follow an invocation: ``frontdoor`` (HTTP in) > ``scheduling`` (admit, place) > ``environment``
(one execution environment, on a node) > ``runtime`` (the jail and what runs in it). Beside the path stand ``api``
(the control plane), ``queue`` (asynchronous events), ``store`` (SQL and packages), ``telemetry`` (logs) and ``model``,
the vocabulary that all of them share. ``boot.py`` puts the parts together; nothing else does.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """``raylambda.Client``, imported when it is asked for: what runs on every node must not pay for it."""
    if name == "Client":
        return import_module("raylambda.sdk").Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
