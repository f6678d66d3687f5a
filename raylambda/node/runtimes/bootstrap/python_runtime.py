"""The Python runtime: takes events from the Runtime API, calls the function's handler, and gives back what it returns.

It runs inside the jail, on any Python from 3.8 on, with the standard library only, either as a script or as ``main()`` in a
process that was forked after the import: importing it changes nothing. What functions can observe (errors, log lines, the
context, how values become JSON) follows AWS's own client, ``awslambdaric``, to the byte; what costs time at a cold start is
imported only when it is needed.
"""

from __future__ import annotations

import _sitebuiltins
import builtins
import importlib
import os
import sys
import time

from python_runtime_api import RuntimeApi
from python_runtime_context import LambdaContext
from python_runtime_errors import Fault, describe_exception, describe_fault
from python_runtime_json import Marshaller
from python_runtime_logs import (
    CURRENT,
    Unbuffered,
    log_error,
    log_refused_response,
    set_up_logging,
    warn_of_unhandled_exception,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, NoReturn

    Handler = Callable[[Any, LambdaContext], Any]

_OWN_FOLDER = os.path.dirname(os.path.abspath(__file__))
_TRACE_ID = b"_X_AMZN_TRACE_ID"


def main() -> NoReturn:
    """Run the function described by ``os.environ`` until the process ends; never returns and never raises."""
    status = 1
    try:
        _become_a_fresh_process()
        _run()
    except SystemExit as exit_request:
        status = _exit_status(exit_request.code)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    _end(status)


def _become_a_fresh_process() -> None:
    """Give the handler what a started interpreter has: streams, search path, ``exit()``, ``__main__``, the time zone."""
    unbuffered: Any = Unbuffered
    sys.stdout = unbuffered(open(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False))
    sys.stderr = unbuffered(open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False))
    sys.path[:] = search_path(os.environ, sys.path)
    sys.argv = [os.path.abspath(__file__)]
    sys.modules["__main__"] = sys.modules[__name__]
    sys.dont_write_bytecode = True
    for name in ("exit", "quit"):
        setattr(builtins, name, _sitebuiltins.Quitter(name, "Ctrl-D (i.e. EOF)"))
    builtins.help = _sitebuiltins._Helper()
    time.tzset()


def search_path(environ: Mapping[str, str], path: Sequence[str]) -> list[str]:
    """AWS's order: the function, its layers, PYTHONPATH, the runtime's packages, the standard library."""
    task = environ.get("LAMBDA_TASK_ROOT", "/var/task")
    layers = ("/opt/python/lib/python%d.%d/site-packages" % sys.version_info[:2], "/opt/python")
    listed = environ.get("PYTHONPATH", "").split(":")
    packages = environ.get("LAMBDA_RUNTIME_DIR", "/var/runtime")
    entries = dict.fromkeys((task, *layers, *listed, packages, *path))
    return [entry for entry in entries if entry not in {"", _OWN_FOLDER}]


def _run() -> NoReturn:
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    marshaller = Marshaller(os.environ.get("AWS_EXECUTION_ENV"))
    set_up_logging(os.environ)
    handler = _load_or_exit(os.environ["_HANDLER"], api, marshaller)
    while True:
        _serve_next(api, handler, marshaller)


def _load_or_exit(name: str, api: RuntimeApi, marshaller: Marshaller) -> Handler:
    try:
        return load_handler(name)
    except Fault as fault:
        failure = describe_fault(fault)
    except Exception:
        failure = describe_exception()
    warn_of_unhandled_exception()
    api.init_error(_report(failure, marshaller), failure["errorType"])
    sys.exit(1)


def load_handler(name: str) -> Handler:
    """The function that ``package/module.function`` names; raises ``Fault`` with AWS's types and texts."""
    try:
        module_name, function_name = name.rsplit(".", 1)
    except ValueError as error:
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{name}': {error}") from None
    if module_name.split(".")[0] in sys.builtin_module_names:
        text = f"Cannot use built-in module {module_name} as a handler module"
        raise Fault("Runtime.BuiltInModuleConflict", text)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from None
    except SyntaxError as error:
        place = f'  File "{error.filename}" Line {error.lineno}\n    {error.text}'
        text = f"Syntax error in module '{module_name}': {error}"
        raise Fault("Runtime.UserCodeSyntaxError", text, [place]) from None
    try:
        handler: Handler = getattr(module, function_name)
    except AttributeError:
        text = f"Handler '{function_name}' missing on module '{module_name}'"
        raise Fault("Runtime.HandlerNotFound", text) from None
    return handler


def _serve_next(api: RuntimeApi, handler: Handler, marshaller: Marshaller) -> None:
    invocation = api.next()
    CURRENT.request_id = invocation.request_id
    CURRENT.tenant_id = invocation.tenant_id
    _set_trace_id(invocation.trace_id)
    try:
        context = LambdaContext.of(invocation, os.environ)
        event = marshaller.event(invocation.body, invocation.content_type)
        body, content_type = marshaller.response(handler(event, context))
    except Fault as fault:
        failure = describe_fault(fault, invocation.request_id)
    except Exception:
        failure = describe_exception(invocation.request_id)
    else:
        _flush()
        status = api.response(invocation.request_id, body, content_type)
        if status >= 300:
            log_refused_response(status)
        return
    api.error(invocation.request_id, _report(failure, marshaller))


def _report(failure: dict[str, Any], marshaller: Marshaller) -> bytes:
    """Log the failure, and make the body that the platform is told of it with."""
    log_error(failure)
    _flush()
    text: str = marshaller.text(failure)
    return text.encode("utf-8", "backslashreplace")


def _set_trace_id(trace_id: str | None) -> None:
    """Into ``os.environ`` alone: the C library keeps every value that ``setenv`` was ever given, some 150 bytes an invocation."""
    variables = os.environ._data  # type: ignore[attr-defined]
    if trace_id is not None:
        variables[_TRACE_ID] = os.fsencode(trace_id)
    else:
        variables.pop(_TRACE_ID, None)


def _flush() -> None:
    """Bring out what was written below the text layer, so that it belongs to this invocation's log."""
    for stream in (sys.stdout, sys.stderr):
        if not getattr(stream, "closed", True):
            stream.flush()


def _exit_status(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def _end(status: int) -> NoReturn:
    """End as an interpreter does (threads, exit functions, streams), without going back into the code that forked us."""
    try:
        if "threading" in sys.modules:
            sys.modules["threading"]._shutdown()
        if "atexit" in sys.modules:
            sys.modules["atexit"]._run_exitfuncs()
        _flush()
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()
