"""What can be asked: each operation is a request and how its answer is read, the same for both clients. Nothing is sent here."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote

from raylambda.sdk.errors import AnswerNotUnderstood, LambdaApiError, LogSearchEnded, NotActive, PayloadNotJson
from raylambda.sdk.exchange import Answer
from raylambda.sdk.signing import ApiRequest, FileBody
from raylambda.sdk.values import (
    DEFAULT_ROLE,
    AliasDescription,
    FunctionDescription,
    FunctionSettings,
    InvokeResult,
    LogQuery,
    LogRecord,
)

T = TypeVar("T")

_FUNCTIONS: Final = "/2015-03-31/functions"
_OWN: Final = "/_raylambda"


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    """``of`` makes the result from an answer that is no error."""

    request: ApiRequest
    of: Callable[[Answer], T]

    def read(self, answer: Answer) -> T:
        """The result; raises ``LambdaApiError``, and ``AnswerNotUnderstood`` where the answer is not Lambda's."""
        if not 200 <= answer.status < 300:
            raise api_error(answer)
        try:
            return self.of(answer)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise AnswerNotUnderstood(
                f"{self.request.method} {self.request.path} got an answer (status {answer.status}) that is not Lambda's: is the "
                f"endpoint right? ({type(error).__name__})"
            ) from None


@dataclass(frozen=True, slots=True)
class Page:
    """Some functions, and where the next page begins."""

    functions: list[FunctionDescription]
    marker: str | None


def invoke(
    name: str,
    payload: object,
    qualifier: str | None,
    invocation_type: str,
    *,
    tail: bool,
    client_context: object = None,
) -> Operation[InvokeResult]:
    """Raises ``PayloadNotJson``. ``client_context`` is a JSON value; ``None`` sends none."""
    headers = {"X-Amz-Invocation-Type": invocation_type, "X-Amz-Log-Type": "Tail" if tail else "None"}
    if client_context is not None:
        headers["X-Amz-Client-Context"] = _base64(_written(client_context, "the client context"))
    body = _written(payload, "the payload")
    return Operation(
        ApiRequest("POST", f"{_path(name)}/invocations", _query(Qualifier=qualifier), headers, body), _result
    )


def create_function(name: str, package: bytes, settings: FunctionSettings) -> Operation[FunctionDescription]:
    members = {"Role": DEFAULT_ROLE, **settings.members()}
    document = {"FunctionName": name, "Code": {"ZipFile": _base64(package)}, **members}
    return Operation(_with("POST", _FUNCTIONS, document), _function)


def update_function_code(name: str, package: bytes) -> Operation[FunctionDescription]:
    return Operation(_with("PUT", f"{_path(name)}/code", {"ZipFile": _base64(package)}), _function)


def update_function_configuration(name: str, settings: FunctionSettings) -> Operation[FunctionDescription]:
    return Operation(_with("PUT", f"{_path(name)}/configuration", settings.members()), _function)


def put_deployment(name: str, document: Mapping[str, Any]) -> Operation[dict[str, Any]]:
    """Code, configuration and Ray options in one step (``services.lambda_.deployments``)."""
    return Operation(_with("PUT", f"{_OWN}/functions/{_label(name)}/deployment", document), document_of)


def upload_package(package: FileBody) -> Operation[None]:
    return Operation(ApiRequest("PUT", f"{_OWN}/packages/{package.sha256}", body=package), _nothing)


def get_function_configuration(name: str) -> Operation[FunctionDescription]:
    return Operation(ApiRequest("GET", f"{_path(name)}/configuration"), _function)


def get_function(name: str, qualifier: str | None) -> Operation[FunctionDescription]:
    return Operation(ApiRequest("GET", _path(name), _query(Qualifier=qualifier)), _function_with_more)


def list_functions(marker: str | None) -> Operation[Page]:
    return Operation(ApiRequest("GET", _FUNCTIONS, _query(Marker=marker)), _page)


def delete_function(name: str, qualifier: str | None) -> Operation[None]:
    return Operation(ApiRequest("DELETE", _path(name), _query(Qualifier=qualifier)), _nothing)


def publish_version(name: str, description: str | None) -> Operation[FunctionDescription]:
    return Operation(_with("POST", f"{_path(name)}/versions", _query(Description=description)), _function)


def create_alias(
    name: str, alias: str, version: str, weights: Mapping[str, float] | None
) -> Operation[AliasDescription]:
    document: dict[str, Any] = {"Name": alias, "FunctionVersion": version}
    if weights:
        document["RoutingConfig"] = {"AdditionalVersionWeights": dict(weights)}
    return Operation(_with("POST", f"{_path(name)}/aliases", document), _alias)


def put_ray_options(name: str, options: Mapping[str, Any]) -> Operation[dict[str, Any]]:
    return Operation(_with("PUT", f"{_OWN}/functions/{_label(name)}/ray-options", options), document_of)


def get_ray_options(name: str) -> Operation[dict[str, Any]]:
    return Operation(ApiRequest("GET", f"{_OWN}/functions/{_label(name)}/ray-options"), document_of)


def delete_ray_options(name: str) -> Operation[None]:
    return Operation(ApiRequest("DELETE", f"{_OWN}/functions/{_label(name)}/ray-options"), _nothing)


def status(detail: bool, function: str | None) -> Operation[dict[str, Any]]:
    query = _query(detail="all" if detail else None, function=function)
    return Operation(ApiRequest("GET", f"{_OWN}/status", query), document_of)


def health() -> Operation[None]:
    return Operation(ApiRequest("GET", f"{_OWN}/health", signed=False), _nothing)


def logs(name: str, query: LogQuery) -> ApiRequest:
    """Its answer comes line by line, see ``log_record``."""
    return ApiRequest("GET", f"{_OWN}/functions/{_label(name)}/logs", query.parameters())


def log_record(line: str) -> LogRecord:
    """Raises ``LogSearchEnded`` for what stands behind the last line of a search that was cut, and ``AnswerNotUnderstood``."""
    try:
        document = json.loads(line)
        if "searched_to" not in document:
            return LogRecord(document["time"], document["stream"], document["message"], document.get("request_id"))
        searched_to_ms = int(document["searched_to"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise AnswerNotUnderstood("a line of the log is not raylambda's: is the endpoint right?") from None
    raise LogSearchEnded(searched_to_ms)


def is_settled(found: FunctionDescription, waited_s: float, timeout_s: float) -> bool:
    """Whether a function can serve what was last asked of it; raises ``NotActive`` when it will not, or not in time."""
    if found.state == "Active" and found.last_update_status in {"Successful", ""}:
        return True
    if "Failed" in {found.state, found.last_update_status} or waited_s > timeout_s:
        reason = found.document.get("StateReason") or found.document.get("LastUpdateStatusReason") or "no reason"
        raise NotActive(f"{found.name} is {found.state} (last update: {found.last_update_status}): {reason}")
    return False


def api_error(answer: Answer) -> LambdaApiError:
    """The error of an answer, of Lambda or of whoever stands before it."""
    code = answer.headers.get("x-amzn-errortype", "").partition(":")[0]
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        document = {}
    members = document if isinstance(document, dict) else {}
    message = members.get("message") or members.get("Message") or "no reason was given"
    return LambdaApiError(code or f"HTTP{answer.status}", str(message), answer.status)


def document_of(answer: Answer) -> dict[str, Any]:
    """The JSON object in an answer; ``{}`` when it has no body."""
    document = json.loads(answer.body) if answer.body else {}
    if not isinstance(document, dict):
        raise TypeError("not an object")
    return document


def _function(answer: Answer) -> FunctionDescription:
    return FunctionDescription.of(document_of(answer))


def _function_with_more(answer: Answer) -> FunctionDescription:
    document = document_of(answer)
    return FunctionDescription.of(
        document["Configuration"],
        code_location=document.get("Code", {}).get("Location"),
        tags=document.get("Tags", {}),
        reserved_concurrency=document.get("Concurrency", {}).get("ReservedConcurrentExecutions"),
    )


def _page(answer: Answer) -> Page:
    document = document_of(answer)
    return Page([FunctionDescription.of(one) for one in document["Functions"]], document.get("NextMarker") or None)


def _alias(answer: Answer) -> AliasDescription:
    found = document_of(answer)
    weights = found.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    return AliasDescription(found["Name"], found["AliasArn"], found["FunctionVersion"], weights)


def _result(answer: Answer) -> InvokeResult:
    return InvokeResult(
        status=answer.status,
        payload=answer.body,
        request_id=answer.headers["x-amzn-requestid"],
        function_error=answer.headers.get("x-amz-function-error"),
        executed_version=answer.headers.get("x-amz-executed-version"),
        log_tail=base64.b64decode(answer.headers.get("x-amz-log-result", "")).decode("utf-8", "replace"),
    )


def _nothing(_answer: Answer) -> None:
    return None


def _with(method: str, path: str, document: Mapping[str, Any]) -> ApiRequest:
    body = json.dumps(document).encode()
    return ApiRequest(method, path, headers={"Content-Type": "application/json"}, body=body)


def _written(value: object, what: str) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    try:
        return json.dumps(value, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise PayloadNotJson(f"{what} is no JSON value: {error}") from None


def _label(name: str) -> str:
    return quote(name, safe="")


def _path(name: str) -> str:
    return f"{_FUNCTIONS}/{_label(name)}"


def _query(**parameters: str | None) -> dict[str, str]:
    return {name: value for name, value in parameters.items() if value is not None}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
