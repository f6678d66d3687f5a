"""The client."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from raylambda.sdk import operations
from raylambda.sdk.blocking import BlockingConnections
from raylambda.sdk.connection import Wanted
from raylambda.sdk.deployment import Deployment, DeployOptions, deploy
from raylambda.sdk.errors import LambdaApiError, PlatformUnreachable
from raylambda.sdk.exchange import Answer, Body, Lines
from raylambda.sdk.operations import Operation
from raylambda.sdk.session import Session
from raylambda.sdk.values import (
    AliasDescription,
    FunctionDescription,
    FunctionSettings,
    InvokeResult,
    LogQuery,
    LogRecord,
)

T = TypeVar("T")

POLL_FIRST_S: Final = 0.05
POLL_LAST_S: Final = 1.0
HEALTH_S: Final = 10.0


class Asking:
    """Sends operations over blocking connections and reads their answers."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._connections = BlockingConnections(session.endpoint)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; a client that is used again opens new ones."""
        self._connections.close()

    def ask(self, operation: Operation[T], timeout_s: float | None = None) -> T:
        """The result of an operation; raises ``ClientError``."""
        limit = self._session.timeout_s if timeout_s is None else timeout_s
        request = self._session.http_request(operation.request)
        return operation.read(self._connections.exchange(request, limit))

    def lines(self, name: str, query: LogQuery) -> Iterator[str]:
        """The lines of a log as they come; raises ``ClientError``."""
        request = self._session.http_request(operations.logs(name, query))
        with self._connections.streamed(request, None if query.follow else self._session.timeout_s) as answer:
            status, headers, pieces = answer
            if status != 200:
                body = Body()
                for piece in pieces:
                    body.add(piece)
                raise operations.api_error(Answer(status, headers, body.whole()))
            lines = Lines()
            for piece in pieces:
                yield from lines.add(piece)


class Client(Asking):
    """Calls one platform with one key in one region. Safe to use from several threads; ``AsyncClient`` is its twin.

    Without arguments it finds the platform as AWS's SDKs find theirs (``sdk/connection.py``), and where nothing names one,
    the platform that runs on this machine::

        with raylambda.Client() as client:
            answer = client.invoke("hello", {"name": "world"})
            print(answer.value, answer.executed_version)

    Every method raises ``LambdaApiError`` for an error answer and ``PlatformUnreachable`` when there is none. A function is
    named by its name, partial ARN or ARN. ``ray_options`` has the Ray options of functions. ``timeout_s`` is for a whole call.
    """

    def __init__(  # noqa: PLR0913  # each is one of the SDKs' words
        self,
        endpoint: str | None = None,
        access_key_id: str | None = None,
        secret: str | None = None,
        region: str | None = None,
        session_token: str | None = None,
        *,
        profile: str | None = None,
        timeout_s: float | None = None,
    ) -> None:
        """Raises ``NotConnected`` when nothing says where the platform is or with which key. Nothing is sent yet."""
        super().__init__(Session.of(Wanted(endpoint, access_key_id, secret, region, session_token, profile), timeout_s))
        self.ray_options = RayOptionsClient(self)

    def invoke(  # noqa: PLR0913  # an invocation has as many words at AWS
        self,
        name: str,
        payload: object = b"{}",
        qualifier: str | None = None,
        invocation_type: str = "RequestResponse",
        tail: bool = False,
        *,
        client_context: object = None,
        raise_on_error: bool = False,
        timeout_s: float | None = None,
    ) -> InvokeResult:
        """Invoke a function; an error of the function is a result, or ``FunctionError`` with ``raise_on_error``.

        ``payload`` is any JSON value as Python has it (``None`` is ``null``); bytes go as they are. The answer is
        ``.value``, and ``.payload`` its bytes::

            client.invoke("add", [1, 2]).value                                 # 3
            client.invoke("add", [1, None], raise_on_error=True)               # FunctionError: TypeError: unsupported ...
            client.invoke("add", [1, 2], qualifier="live", tail=True).log_tail # START RequestId: ...
            client.invoke("add", [1, 2], invocation_type="Event").request_id   # accepted, runs soon
            client.invoke("add", invocation_type="DryRun").status              # 204: it exists, and this key may

        ``tail`` asks for the end of the log; ``raise_on_error`` too, for its exception. Raises ``PayloadNotJson``.
        A call without answer is not made again: it may have run.
        """
        tail = (tail or raise_on_error) and invocation_type == "RequestResponse"
        operation = operations.invoke(
            name, payload, qualifier, invocation_type, tail=tail, client_context=client_context
        )
        result = self.ask(operation, timeout_s)
        return result.raise_for_function_error() if raise_on_error else result

    def deploy(self, folder: Path | str, options: DeployOptions | None = None) -> Deployment:
        """Make a function of a folder, or its next state, in one step: all of it, or nothing. ``DeployOptions`` says how.

        It is named after the folder, its runtime and handler are found in it, and what its requirements.txt or package.json asks
        for goes with it. Raises ``PackagingError`` before anything is sent::

            client.deploy("hello", DeployOptions(settings=FunctionSettings(memory_mb=512))).created  # True
        """
        return deploy(self, Path(folder), options or DeployOptions())

    def create_function(self, name: str, package: bytes, settings: FunctionSettings) -> FunctionDescription:
        """Create a function from a zip; it is Pending at first, see ``wait_until_active``."""
        return self.ask(operations.create_function(name, package, settings))

    def update_function_code(self, name: str, package: bytes) -> FunctionDescription:
        """Give a function another zip."""
        return self.ask(operations.update_function_code(name, package))

    def update_function_configuration(self, name: str, settings: FunctionSettings) -> FunctionDescription:
        """Change the settings that are not ``None``."""
        return self.ask(operations.update_function_configuration(name, settings))

    def get_function(self, name: str, qualifier: str | None = None) -> FunctionDescription:
        """One version: ``$LATEST``, or the one that ``qualifier`` (a number or an alias) names."""
        return self.ask(operations.get_function(name, qualifier))

    def list_functions(self) -> Iterator[FunctionDescription]:
        """All functions of the account and region, page by page."""
        marker: str | None = None
        while True:
            page = self.ask(operations.list_functions(marker))
            yield from page.functions
            if page.marker is None:
                return
            marker = page.marker

    def delete_function(self, name: str, qualifier: str | None = None) -> None:
        """Delete a function with all that belongs to it, or one version of it."""
        self.ask(operations.delete_function(name, qualifier))

    def publish_version(self, name: str, description: str | None = None) -> FunctionDescription:
        """Freeze ``$LATEST`` as the next number."""
        return self.ask(operations.publish_version(name, description))

    def create_alias(
        self, name: str, alias: str, version: str, weights: Mapping[str, float] | None = None
    ) -> AliasDescription:
        """Name a version; ``weights`` maps one additional version to its share of calls."""
        return self.ask(operations.create_alias(name, alias, version, weights))

    def wait_until_active(self, name: str, timeout_s: float = 60.0) -> FunctionDescription:
        """Wait until the function is Active and its last update done; raises ``NotActive``."""
        began, pause = time.monotonic(), POLL_FIRST_S
        while not operations.is_settled(found := self.get_function(name), time.monotonic() - began, timeout_s):
            time.sleep(pause)
            pause = min(2 * pause, POLL_LAST_S)
        return found

    def logs(self, name: str, query: LogQuery | None = None) -> Iterator[LogRecord]:
        """What a function wrote, oldest first; with ``LogQuery(follow=True)`` it goes on as the function writes."""
        for line in self.lines(name, query or LogQuery()):
            yield operations.log_record(line)

    def status(self, *, detail: bool = False, function: str | None = None) -> dict[str, Any]:
        """What the platform says of itself: nodes, hosts, environments, the isolation in force.

        ``detail`` asks for the stories behind it too: decisions, refusals, the lives of environments. ``function`` wants
        those of one function.
        """
        return self.ask(operations.status(detail, function))

    def health(self) -> bool:
        """Whether the platform serves invocations now; ``False`` also when nobody answers."""
        try:
            self.ask(operations.health(), HEALTH_S)
        except (LambdaApiError, PlatformUnreachable):
            return False
        return True


class RayOptionsClient:
    """The Ray options of functions: ``runtime_env``, ``num_gpus``, ``resources``, ``label_selector``."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def put(self, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """Replace the options of a function; environments with the old ones are retired."""
        return self._asking.ask(operations.put_ray_options(name, options))

    def get(self, name: str) -> dict[str, Any]:
        return self._asking.ask(operations.get_ray_options(name))

    def delete(self, name: str) -> None:
        self._asking.ask(operations.delete_ray_options(name))
