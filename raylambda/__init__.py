"""AWS Lambda's programming model on a Ray cluster that you own.

Two questions lead to every room: which process runs this line (the folder), and which of AWS's words is it about (the
folder or file inside).

The folders follow an invocation: ``frontdoor`` (HTTP in) > ``scheduling`` (resolve, admit, place, run, settle) > ``fleet``
(hosts and environments) > ``hosts`` (the seam to a host) > ``node`` (beside guests, on every node). Beside the path stand
``services`` (AWS's control planes), ``queue`` (asynchronous events), ``artifacts`` (packages), ``store`` (SQL and packages),
``logs``, ``telemetry`` and ``model``, the vocabulary that all of them share. ``home`` and ``settings`` are one file each.
``boot`` puts the parts together; nothing else does. ``cli``, ``sdk`` and ``testing`` are the people's side.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"


_ROOMS = {"Client": "raylambda.sdk.client", "AsyncClient": "raylambda.sdk.async_client"}


def __getattr__(name: str) -> Any:
    """``raylambda.Client`` and its twin, imported when they are asked for: what runs on every node must not pay for them."""
    if name in _ROOMS:
        return getattr(import_module(_ROOMS[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
