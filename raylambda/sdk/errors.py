"""What the client raises.

::

    ClientError
     ├── NotConnected          nobody said where the platform is, or with which key
     ├── PayloadNotJson        a payload is neither bytes nor a JSON value; nothing was sent
     ├── PlatformUnreachable   nobody answered, or the answer broke off
     │    └── AnswerLate       not within the time given
     ├── AnswerNotUnderstood   somebody answered who is not Lambda
     ├── LambdaApiError        the platform answered with an error
     ├── FunctionError         the function ran and failed (only when asked for)
     ├── LogSearchEnded        older lines of a log were not looked at
     └── NotActive             a function did not become active in time, or failed
"""

from __future__ import annotations

from collections.abc import Sequence


class ClientError(Exception):
    """The root of what ``Client`` and ``AsyncClient`` raise; the text is one line that says what to do."""


class NotConnected(ClientError):
    """Endpoint or key is not known; the text names the variables that would say it."""


class PayloadNotJson(ClientError):
    """The payload cannot be written as JSON; the text says what in it cannot."""


class PlatformUnreachable(ClientError):
    """The request got no whole answer; the text says why, and whether an invocation may have run."""


class AnswerLate(PlatformUnreachable):
    """No answer within the time given; what was asked for may go on."""


class AnswerNotUnderstood(ClientError):
    """The answer is not one of Lambda's API: the endpoint is probably another service's."""


class LambdaApiError(ClientError):
    """An error answer: ``code`` is AWS's (``ResourceNotFoundException``), ``status`` the HTTP status."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class FunctionError(ClientError):
    """The function failed; ``error_type``, ``error_message`` and ``stack_trace`` are what its runtime told.

    ``kind`` is AWS's word, ``Unhandled`` or ``Handled``; ``log_tail`` the last 4 KB of its log. The attributes hold the
    function's text as it is; the exception's own text has control characters made visible, for it may reach a terminal.
    """

    def __init__(self, kind: str, error: object, log_tail: str) -> None:
        members = error if isinstance(error, dict) else {}
        trace = members.get("stackTrace", members.get("trace"))
        self.kind = kind
        self.error_type = str(members.get("errorType") or kind)
        self.error_message = str(members.get("errorMessage", "" if isinstance(error, dict) else error))
        self.stack_trace: Sequence[str] = [str(line) for line in trace] if isinstance(trace, list) else []
        self.log_tail = log_tail
        text = f"{self.error_type}: {self.error_message}" if self.error_message else self.error_type
        super().__init__("".join(one if one.isprintable() else ascii(one)[1:-1] for one in text))


class LogSearchEnded(ClientError):
    """Raised behind the last line: what is older than ``searched_to_ms`` was not looked at, for one request looks at so much only."""

    def __init__(self, searched_to_ms: int) -> None:
        super().__init__("the log has more lines than one request looks at")
        self.searched_to_ms = searched_to_ms


class NotActive(ClientError):
    """The function cannot serve; the text has its state and the reason."""
