"""structlog for our own processes: one line per event on standard error, secrets blotted out."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final, TextIO

import structlog
from structlog.typing import Processor

_SECRET_NAME = re.compile(r"secret|password|passwd|token|authorization|signature|credential|private", re.IGNORECASE)
_SECRET_TEXT = re.compile(
    r"(Signature=|Credential=|X-Amz-Security-Token[=:]\s*|://[^/\s:@]+:)[^\s,&@\"']+", re.IGNORECASE
)
_BLOT = "[hidden]"


def set_up_logging(level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Configure structlog and, for libraries, the standard ``logging``; call once per process, before the first event.

    ``stream`` is standard error by default. Libraries are heard from warnings on.
    """
    output = sys.stderr if stream is None else stream
    structlog.configure(
        processors=[*_DESCRIBE, *_RENDER],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=output),
        cache_logger_on_first_use=stream is None,
    )
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_DESCRIBE,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_RENDER],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("raylambda").setLevel(level)


def hide_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blot out values under secret-like names, and signatures and passwords inside of texts."""
    return {name: _BLOT if _SECRET_NAME.search(name) else _hidden(value) for name, value in event.items()}


def _hidden(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _BLOT if _SECRET_NAME.search(str(name)) else _hidden(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden(item) for item in value]
    if isinstance(value, str | bytes | Exception):
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        return _SECRET_TEXT.sub(rf"\1{_BLOT}", text)
    return value


def _one_line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keys as logfmt takes them; the renderer escapes line ends in values."""
    return {re.sub(r"[\s=\"]", "_", name): value for name, value in event.items()}


_DESCRIBE: Final[list[Processor]] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
_RENDER: Final[list[Processor]] = [
    structlog.processors.format_exc_info,
    hide_secrets,
    _one_line,
    structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
]
