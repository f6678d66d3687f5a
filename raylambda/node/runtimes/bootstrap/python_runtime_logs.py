"""What the runtime itself writes to the log, and the handler that it gives to the root logger.

``logging`` costs a cold start 5 ms and 1 MB, and many functions never import it: it is configured when it is first
imported, by whomever.
"""

from __future__ import annotations

import json
import os
import sys
import time

from python_runtime_json import Marshaller

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any, TextIO

_TEXT_FORMAT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
_NO_BREAK_SPACE = "\u00a0"
_UNHANDLED = (
    "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code. However, in rare cases, "
    "a Lambda runtime update can cause unexpected function behavior. For functions using managed runtimes, runtime updates "
    "can be triggered by a function change, or can be applied automatically. To determine if the runtime has been updated, "
    "check the runtime version in the INIT_START log entry. If this error correlates with a change in the runtime version, "
    "you may be able to mitigate this error by temporarily rolling back to the previous runtime version. For more "
    "information, see https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html\r"
)

_NOT_EXTRA = frozenset(
    "name msg args levelname levelno pathname filename module exc_info exc_text stack_info lineno funcName created msecs "
    "relativeCreated thread threadName processName process taskName aws_request_id tenant_id _frame_type".split()
)
_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode


class Current:
    """The invocation that log records belong to."""

    request_id: str | None = None
    tenant_id: str | None = None


CURRENT = Current()


class Unbuffered:
    """A text stream that lets every write through at once: what a killed function has written is in its log."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def __enter__(self) -> Unbuffered:
        return self

    def __exit__(self, *exc_info: object) -> None:
        return None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()

    def writelines(self, lines: Iterable[str]) -> None:
        self.stream.writelines(lines)
        self.stream.flush()


def set_up_logging(environ: Mapping[str, str]) -> None:
    """Configure ``logging`` now if it is loaded, otherwise when it will be."""
    if "logging" in sys.modules:
        _configure(environ)
    else:
        sys.meta_path.insert(0, _LoggingFinder(environ))


class _LoggingFinder:
    """An import hook that lets the others find ``logging``, and configures it once it is executed."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != "logging":
            return None
        sys.meta_path.remove(self)
        specs = (finder.find_spec(name, path, target) for finder in sys.meta_path)
        spec = next((found for found in specs if found is not None), None)
        if spec is not None and spec.loader is not None:
            self._configure_after(spec.loader)
        return spec

    def _configure_after(self, loader: Any) -> None:
        execute = loader.exec_module

        def execute_and_configure(module: ModuleType) -> None:
            execute(module)
            _configure(self._environ)

        loader.exec_module = execute_and_configure


def _is_json(environ: Mapping[str, str]) -> bool:
    return environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"


def _configure(environ: Mapping[str, str]) -> None:
    """Give the root logger AWS's handler, formatter and level."""
    import logging

    class LambdaLoggerHandler(logging.Handler):
        def emit(self, record: Any) -> None:
            record.aws_request_id = CURRENT.request_id or ""
            record.tenant_id = CURRENT.tenant_id
            sys.stdout.write(self.format(record))

    class JsonFormatter(logging.Formatter):
        def format(self, record: Any) -> str:
            line: str = _record_text(record, self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ"))
            return line

    logging.Formatter.converter = time.gmtime
    handler = LambdaLoggerHandler()
    text_formatter = logging.Formatter(_TEXT_FORMAT, "%Y-%m-%dT%H:%M:%S")
    handler.setFormatter(JsonFormatter() if _is_json(environ) else text_formatter)
    level = environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    level = "DEBUG" if level == "TRACE" else level
    if isinstance(logging.getLevelName(level), int):
        logging.getLogger().setLevel(level)
    logging.getLogger().addHandler(handler)


def _record_text(record: Any, timestamp: str) -> str:
    """A log record as one line of JSON, for functions whose log format is JSON: AWS's members, absent where they have no value, then those that the caller gave as ``extra``."""
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


def warn_of_unhandled_exception() -> None:
    import logging

    logging.warning(_UNHANDLED)


def log_error(result: dict[str, Any]) -> None:
    """The line (JSON format) or the lines (text format) of an error that the caller of the function will read."""
    if _is_json(os.environ):
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        record = {"timestamp": stamp, "level": "ERROR"}
        record.update(result)
        sys.stdout.write(Marshaller(os.environ.get("AWS_EXECUTION_ENV")).text(record) + "\n")
    else:
        sys.stdout.write("\n".join(_error_lines(result)) + "\n")


def _error_lines(result: dict[str, Any]) -> Iterator[str]:
    """The first line, then the trace with its indentation in no-break spaces, which log viewers keep."""
    yield (
        "[ERROR] {}: {}".format(result["errorType"], result["errorMessage"])
        if result["errorMessage"]
        else ("[ERROR] {}".format(result["errorType"]))
    )
    yield "Traceback (most recent call last):"
    for element in result["stackTrace"]:
        for line in element.splitlines() or [""]:
            text = line.lstrip(" ")
            yield _NO_BREAK_SPACE * (len(line) - len(text)) + text


def log_refused_response(status: int) -> None:
    """The line of AWS's client for a result that the platform did not take."""
    text = "[ERROR] [%d] LAMBDA_RUNTIME Failed to post handler success response. Http response code: %d.\n"
    sys.stderr.write(text % (int(time.time() * 1000), status))
