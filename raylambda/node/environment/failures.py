"""What a caller reads when a function, or its runtime, fails: AWS's error types and payloads (lambda-reference.md 7)."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from raylambda.model.limits import RESPONSE_PAYLOAD_BYTES
from raylambda.node.sandbox.contract import RuntimeExit

OUT_OF_MEMORY: Final = "Runtime.OutOfMemory"
RESPONSE_TOO_LARGE: Final = f"maximum allowed payload size ({RESPONSE_PAYLOAD_BYTES} bytes)."

_SIGNAL_NAMES: Final[Mapping[int, str]] = {
    signal.SIGABRT: "aborted",
    signal.SIGBUS: "bus error",
    signal.SIGFPE: "floating point exception",
    signal.SIGHUP: "hangup",
    signal.SIGILL: "illegal instruction",
    signal.SIGINT: "interrupt",
    signal.SIGKILL: "killed",
    signal.SIGPIPE: "broken pipe",
    signal.SIGQUIT: "quit",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGTERM: "terminated",
    signal.SIGTRAP: "trace/breakpoint trap",
}
"""As Go prints them, because AWS's worker is a Go program."""


@dataclass(frozen=True, slots=True)
class Responded:
    """The function's response, byte for byte."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """A function error. ``status`` is REPORT's (``error``, ``timeout``); ``crash`` is the text of the crash log line, if any.

    ``reason`` is for people of any account, so it names no path: what could not be started is said to the function's caller alone.
    ``report_type`` is REPORT's error type where it differs from the payload's. ``handled`` when the function failed and
    the runtime did not: REPORT then says nothing of it.
    """

    error_type: str
    payload: bytes
    status: str = "error"
    reason: str = ""
    crash: str | None = None
    report_type: str | None = None
    handled: bool = False


def reported(error_type: str, payload: bytes) -> Failed:
    """An invocation's error in the runtime's words; the payload is passed through unchanged."""
    return Failed(error_type, payload, reason=error_type, handled=True)


def reported_init(error_type: str, payload: bytes) -> Failed:
    """The same of INIT, after which the runtime is of no use."""
    return Failed(error_type, payload, reason=error_type)


def timed_out(request_id: str, timeout_s: float) -> Failed:
    """The function's timeout is over."""
    text = f"Task timed out after {timeout_s:.2f} seconds"
    return Failed(
        "Sandbox.Timedout",
        _about(request_id, "Sandbox.Timedout", text),
        "timeout",
        text,
        crash=f"{request_id} {text}".lstrip(),
    )


def exited(request_id: str, end: RuntimeExit) -> Failed:
    """The runtime process ended by itself, or could not be started."""
    text = _end_of(end)
    error_type = "Runtime.InvalidEntrypoint" if end.could_not_start is not None else "Runtime.ExitError"
    return Failed(
        error_type,
        _about(request_id, error_type, text),
        reason=text if end.could_not_start is None or end.guest_ended else error_type,
        crash=_crash(request_id, error_type, text),
        report_type=OUT_OF_MEMORY if end.out_of_memory else None,
    )


def unavailable(request_id: str, error_type: str, message: str) -> Failed:
    """No runtime process can be started for this version on this node."""
    crash = _crash(request_id, error_type, message)
    return Failed(error_type, _about(request_id, error_type, message), reason=error_type, crash=crash)


def response_too_large() -> Failed:
    """The response is over 6 MB; the runtime may go on."""
    text = f"Response payload size exceeded {RESPONSE_TOO_LARGE}"
    error_type = "Function.ResponseSizeTooLarge"
    return Failed(error_type, _payload(errorMessage=text, errorType=error_type), reason=text)


def invalid_response_mode(request_id: str) -> Failed:
    """The runtime asked for a response mode that does not exist."""
    error_type = "Runtime.InvalidResponseModeHeader"
    return Failed(error_type, _about(request_id, error_type, "Invalid function response mode"), reason=error_type)


def _end_of(end: RuntimeExit) -> str:
    if end.could_not_start is not None:
        return end.could_not_start
    if end.signal is not None:
        return f"Runtime exited with error: signal: {_SIGNAL_NAMES.get(end.signal, f'signal {end.signal}')}"
    if end.exit_status:
        return f"Runtime exited with error: exit status {end.exit_status}"
    return "Runtime exited without providing a reason"


def _crash(request_id: str, error_type: str, text: str) -> str:
    """During INIT there is no request to name."""
    return f"RequestId: {request_id} Error: {text}\n{error_type}" if request_id else f"Error: {text}\n{error_type}"


def _about(request_id: str, error_type: str, text: str) -> bytes:
    return _payload(errorType=error_type, errorMessage=f"RequestId: {request_id} Error: {text}")


def _payload(**members: str) -> bytes:
    return json.dumps(members, separators=(",", ":")).encode()
