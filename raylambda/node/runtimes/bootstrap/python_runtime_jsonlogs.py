"""Log records as JSON lines, for functions whose log format is JSON."""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NOT_EXTRA = frozenset(
    "name msg args levelname levelno pathname filename module exc_info exc_text stack_info lineno funcName created msecs "
    "relativeCreated thread threadName processName process taskName aws_request_id tenant_id _frame_type".split()
)
_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode


def record_text(record: Any, timestamp: str) -> str:
    """One line with AWS's members, absent where they have no value, then those that the caller gave as ``extra``."""
    import logging
    import traceback

    record.levelno = min(50, max(0, record.levelno)) // 10 * 10
    record.levelname = logging.getLevelName(record.levelno)
    failure = record.exc_info or None
    plain_object = isinstance(record.msg, dict) and not record.args
    members = {
        "timestamp": timestamp,
        "level": record.levelname,
        "message": record.msg if plain_object else record.getMessage(),
        "logger": record.name,
        "stackTrace": traceback.format_tb(failure[2]) if failure else None,
        "errorType": failure[0].__name__ if failure else None,
        "errorMessage": str(failure[1]) if failure else None,
        "requestId": record.aws_request_id,
        "location": f"{record.pathname}:{record.funcName}:{record.lineno}" if failure else None,
        "tenantId": record.tenant_id,
    }
    extra = {name: value for name, value in vars(record).items() if name not in _NOT_EXTRA and name not in members}
    members.update(extra)
    return _encode({name: value for name, value in members.items() if value is not None}) + "\n"
