"""The client."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

import httpx

from raylambda.sdk.connection import ApiRequest, Connection
from raylambda.sdk.signing import Credentials
from raylambda.sdk.values import (
    DEFAULT_ROLE,
    AliasDescription,
    ClientError,
    FunctionDescription,
    FunctionSettings,
    InvokeResult,
    LogQuery,
    LogRecord,
    LogSearchEnded,
    NotActive,
)

_FUNCTIONS: Final = "/2015-03-31/functions"
_OWN: Final = "/_raylambda"
_POLL_FIRST_S: Final = 0.05
_POLL_LAST_S: Final = 1.0


class Client:
    """Calls one endpoint with one key in one region. Safe to use from several threads.

    Every method raises ``LambdaApiError`` for an error answer and ``PlatformUnreachable`` when there is no answer. A function
    is named by its name, partial ARN or ARN. ``ray_options`` has the Ray options of functions.
    """

    def __init__(
        self,
        endpoint: str,
        access_key_id: str,
        secret: str,
        region: str,
        session_token: str | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        credentials = Credentials(access_key_id, secret, session_token)
        self._connection = Connection(endpoint, credentials, region, transport)
        self.ray_options = RayOptionsClient(self._connection)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Client:
        """From AWS's variables, as ``raylambda env`` prints them; raises ``ClientError`` that names a missing one."""
        endpoint = environ.get("AWS_ENDPOINT_URL_LAMBDA") or environ.get("AWS_ENDPOINT_URL")
        region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
        needed = {
            "AWS_ENDPOINT_URL_LAMBDA": endpoint,
            "AWS_ACCESS_KEY_ID": environ.get("AWS_ACCESS_KEY_ID"),
            "AWS_SECRET_ACCESS_KEY": environ.get("AWS_SECRET_ACCESS_KEY"),
            "AWS_REGION": region,
        }
        missing = [name for name, value in needed.items() if not value]
        if missing:
            raise ClientError(f"{', '.join(missing)} not set; `raylambda env` prints the lines to set")
        values = [value or "" for value in needed.values()]
        return cls(values[0], values[1], values[2], values[3], environ.get("AWS_SESSION_TOKEN"))

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def create_function(self, name: str, package: bytes, settings: FunctionSettings) -> FunctionDescription:
        """Create a function from a zip; it is Pending at first, see ``wait_until_active``."""
        members = {"Role": DEFAULT_ROLE, **settings.members()}
        document = {"FunctionName": name, "Code": {"ZipFile": _base64(package)}, **members}
        return FunctionDescription.of(self._connection.json(ApiRequest("POST", _FUNCTIONS, document=document)))

    def update_function_code(self, name: str, package: bytes) -> FunctionDescription:
        """Give a function another zip."""
        request = ApiRequest("PUT", f"{_path(name)}/code", document={"ZipFile": _base64(package)})
        return FunctionDescription.of(self._connection.json(request))

    def update_function_configuration(self, name: str, settings: FunctionSettings) -> FunctionDescription:
        """Change the settings that are not ``None``."""
        request = ApiRequest("PUT", f"{_path(name)}/configuration", document=settings.members())
        return FunctionDescription.of(self._connection.json(request))

    def get_function(self, name: str, qualifier: str | None = None) -> FunctionDescription:
        """One version: ``$LATEST``, or the one that ``qualifier`` (a number or an alias) names."""
        document = self._connection.json(ApiRequest("GET", _path(name), _query(Qualifier=qualifier)))
        return FunctionDescription.of(
            document["Configuration"],
            code_location=document.get("Code", {}).get("Location"),
            tags=document.get("Tags", {}),
            reserved_concurrency=document.get("Concurrency", {}).get("ReservedConcurrentExecutions"),
        )

    def list_functions(self) -> Iterator[FunctionDescription]:
        """All functions of the account and region, page by page."""
        marker: str | None = None
        while True:
            document = self._connection.json(ApiRequest("GET", _FUNCTIONS, _query(Marker=marker)))
            yield from map(FunctionDescription.of, document["Functions"])
            marker = document.get("NextMarker")
            if not marker:
                return

    def delete_function(self, name: str, qualifier: str | None = None) -> None:
        """Delete a function with all that belongs to it, or one version of it."""
        self._connection.send(ApiRequest("DELETE", _path(name), _query(Qualifier=qualifier)))

    def invoke(
        self,
        name: str,
        payload: bytes = b"{}",
        qualifier: str | None = None,
        invocation_type: str = "RequestResponse",
        tail: bool = False,
    ) -> InvokeResult:
        """Invoke a function; an error of the function is a result, not an exception. ``tail`` asks for the end of the log."""
        headers = {"X-Amz-Invocation-Type": invocation_type, "X-Amz-Log-Type": "Tail" if tail else "None"}
        request = ApiRequest("POST", f"{_path(name)}/invocations", _query(Qualifier=qualifier), headers, body=payload)
        response = self._connection.send(request)
        return InvokeResult(
            status=response.status_code,
            payload=response.content,
            request_id=response.headers.get("x-amzn-requestid", ""),
            function_error=response.headers.get("x-amz-function-error"),
            executed_version=response.headers.get("x-amz-executed-version"),
            log_tail=base64.b64decode(response.headers.get("x-amz-log-result", "")).decode("utf-8", "replace"),
        )

    def publish_version(self, name: str, description: str | None = None) -> FunctionDescription:
        """Freeze ``$LATEST`` as the next number."""
        request = ApiRequest("POST", f"{_path(name)}/versions", document=_query(Description=description))
        return FunctionDescription.of(self._connection.json(request))

    def create_alias(
        self, name: str, alias: str, version: str, weights: Mapping[str, float] | None = None
    ) -> AliasDescription:
        """Name a version; ``weights`` maps one additional version to its share of calls."""
        document: dict[str, Any] = {"Name": alias, "FunctionVersion": version}
        if weights:
            document["RoutingConfig"] = {"AdditionalVersionWeights": dict(weights)}
        answer = self._connection.json(ApiRequest("POST", f"{_path(name)}/aliases", document=document))
        routing = answer.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
        return AliasDescription(answer["Name"], answer["AliasArn"], answer["FunctionVersion"], routing)

    def wait_until_active(self, name: str, timeout_s: float = 60.0) -> FunctionDescription:
        """Wait until the function is Active and its last update done; raises ``NotActive``."""
        deadline = time.monotonic() + timeout_s
        pause = _POLL_FIRST_S
        while True:
            found = self.get_function(name)
            if found.state == "Active" and found.last_update_status in {"Successful", ""}:
                return found
            if "Failed" in {found.state, found.last_update_status} or time.monotonic() > deadline:
                reason = (
                    found.document.get("StateReason") or found.document.get("LastUpdateStatusReason") or "no reason"
                )
                raise NotActive(f"{name} is {found.state} (last update: {found.last_update_status}): {reason}")
            time.sleep(pause)
            pause = min(2 * pause, _POLL_LAST_S)

    def logs(self, name: str, query: LogQuery | None = None) -> Iterator[LogRecord]:
        """What a function wrote, oldest first; with ``LogQuery(follow=True)`` it goes on as the function writes.

        Raises ``LogSearchEnded`` behind the last line when the log has more than one request looks at.
        """
        request = ApiRequest("GET", f"{_OWN}/functions/{_label(name)}/logs", (query or LogQuery()).parameters())
        for line in self._connection.lines(request):
            document = json.loads(line)
            if "searched_to" in document:
                raise LogSearchEnded(document["searched_to"])
            yield LogRecord(document["time"], document["stream"], document["message"], document.get("request_id"))

    def status(self, *, detail: bool = False, function: str | None = None) -> dict[str, Any]:
        """What the platform says of itself: nodes, hosts, environments, the isolation in force.

        ``detail`` asks for the stories behind it too: decisions, refusals, the lives of environments. ``function`` wants
        those of one function.
        """
        query = _query(detail="all" if detail else None, function=function)
        return self._connection.json(ApiRequest("GET", f"{_OWN}/status", query))

    def health(self) -> bool:
        """Whether the platform serves invocations now; ``False`` also when nobody answers."""
        return self._connection.probe(f"{_OWN}/health") == 200


class RayOptionsClient:
    """The Ray options of functions: ``runtime_env``, ``num_gpus``, ``resources``, ``label_selector``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """Replace the options of a function; environments with the old ones are retired."""
        return self._connection.json(ApiRequest("PUT", self._path(name), document=options))

    def get(self, name: str) -> dict[str, Any]:
        return self._connection.json(ApiRequest("GET", self._path(name)))

    def delete(self, name: str) -> None:
        self._connection.send(ApiRequest("DELETE", self._path(name)))

    def _path(self, name: str) -> str:
        return f"{_OWN}/functions/{_label(name)}/ray-options"


def _label(name: str) -> str:
    return quote(name, safe="")


def _path(name: str) -> str:
    return f"{_FUNCTIONS}/{_label(name)}"


def _query(**parameters: str | None) -> dict[str, str]:
    return {name: value for name, value in parameters.items() if value is not None}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
