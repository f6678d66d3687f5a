"""Errors as the caller of a function reads them: AWS's members, in AWS's order, with AWS's stack traces."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_OWN_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep


class Fault(Exception):
    """A failure that has a type of AWS's own, such as ``Runtime.HandlerNotFound``."""

    def __init__(self, error_type: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.message = message
        self.trace = trace or []


def describe_fault(fault: Fault, request_id: str = "") -> dict[str, Any]:
    return _failure(fault.message, fault.error_type, fault.trace, request_id)


def describe_exception(request_id: str = "") -> dict[str, Any]:
    """The exception that is being handled; the frames of the runtime itself are left out."""
    import traceback  # costs 5 ms, which most processes never need

    _, value, trace = sys.exc_info()
    frames = [traceback.FrameSummary(*frame[:3], line=frame.line) for frame in traceback.extract_tb(trace)]
    first = next((index for index, frame in enumerate(frames) if not frame.filename.startswith(_OWN_FOLDER)), 0)
    return _failure(str(value), type(value).__name__, traceback.format_list(frames[first:]), request_id)


def _failure(message: str, error_type: str, trace: list[str], request_id: str) -> dict[str, Any]:
    return {"errorMessage": message, "errorType": error_type, "requestId": request_id, "stackTrace": trace}
