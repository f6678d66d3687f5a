"""The client for asyncio: ``Client``'s methods, awaited."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from raylambda.sdk import operations
from raylambda.sdk.asynchronous import AsyncConnections
from raylambda.sdk.client import HEALTH_S, POLL_FIRST_S, POLL_LAST_S, Asking
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


class AsyncAsking:
    """Sends operations over asyncio and reads their answers."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._connections = AsyncConnections(session.endpoint)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; a client that is used again opens new ones."""
        self._connections.close()

    async def ask(self, operation: Operation[T], timeout_s: float | None = None) -> T:
        """The result of an operation; raises ``ClientError``."""
        limit = self._session.timeout_s if timeout_s is None else timeout_s
        request = self._session.http_request(operation.request)
        return operation.read(await self._connections.exchange(request, limit))

    async def lines(self, name: str, query: LogQuery) -> AsyncIterator[str]:
        """The lines of a log as they come; raises ``ClientError``."""
        request = self._session.http_request(operations.logs(name, query))
        async with self._connections.streamed(request, None if query.follow else self._session.timeout_s) as answer:
            status, headers, pieces = answer
            if status != 200:
                body = Body()
                async for piece in pieces:
                    body.add(piece)
                raise operations.api_error(Answer(status, headers, body.whole()))
            lines = Lines()
            async for piece in pieces:
                for line in lines.add(piece):
                    yield line


class AsyncClient(AsyncAsking):
    """``Client`` for asyncio: the same arguments, methods, values and errors; calls run beside each other::

        async with raylambda.AsyncClient() as client:
            answers = await asyncio.gather(*(client.invoke("square", number) for number in range(100)))
            print([answer.value for answer in answers])

    A call that is cancelled closes its connection; the function goes on.
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
        self.ray_options = AsyncRayOptionsClient(self)

    async def invoke(  # noqa: PLR0913  # an invocation has as many words at AWS
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
        """As ``Client.invoke``."""
        tail = (tail or raise_on_error) and invocation_type == "RequestResponse"
        operation = operations.invoke(
            name, payload, qualifier, invocation_type, tail=tail, client_context=client_context
        )
        result = await self.ask(operation, timeout_s)
        return result.raise_for_function_error() if raise_on_error else result

    async def deploy(self, folder: Path | str, options: DeployOptions | None = None) -> Deployment:
        """``Client.deploy``, in a thread: packaging reads files and runs installers.

        When it is cancelled, nothing more is sent; the request that is under way goes on.
        """
        asking = _UntilCancelled(self._session)
        try:
            return await asyncio.to_thread(deploy, asking, Path(folder), options or DeployOptions())
        except asyncio.CancelledError:
            asking.cancelled = True  # a thread cannot be stopped
            raise
        finally:
            asking.close()

    async def create_function(self, name: str, package: bytes, settings: FunctionSettings) -> FunctionDescription:
        """Create a function from a zip; it is Pending at first, see ``wait_until_active``."""
        return await self.ask(operations.create_function(name, package, settings))

    async def update_function_code(self, name: str, package: bytes) -> FunctionDescription:
        """Give a function another zip."""
        return await self.ask(operations.update_function_code(name, package))

    async def update_function_configuration(self, name: str, settings: FunctionSettings) -> FunctionDescription:
        """Change the settings that are not ``None``."""
        return await self.ask(operations.update_function_configuration(name, settings))

    async def get_function(self, name: str, qualifier: str | None = None) -> FunctionDescription:
        """One version: ``$LATEST``, or the one that ``qualifier`` (a number or an alias) names."""
        return await self.ask(operations.get_function(name, qualifier))

    async def list_functions(self) -> AsyncIterator[FunctionDescription]:
        """All functions of the account and region, page by page."""
        marker: str | None = None
        while True:
            page = await self.ask(operations.list_functions(marker))
            for function in page.functions:
                yield function
            if page.marker is None:
                return
            marker = page.marker

    async def delete_function(self, name: str, qualifier: str | None = None) -> None:
        """Delete a function with all that belongs to it, or one version of it."""
        await self.ask(operations.delete_function(name, qualifier))

    async def publish_version(self, name: str, description: str | None = None) -> FunctionDescription:
        """Freeze ``$LATEST`` as the next number."""
        return await self.ask(operations.publish_version(name, description))

    async def create_alias(
        self, name: str, alias: str, version: str, weights: Mapping[str, float] | None = None
    ) -> AliasDescription:
        """Name a version; ``weights`` maps one additional version to its share of calls."""
        return await self.ask(operations.create_alias(name, alias, version, weights))

    async def wait_until_active(self, name: str, timeout_s: float = 60.0) -> FunctionDescription:
        """Wait until the function is Active and its last update done; raises ``NotActive``."""
        began, pause = time.monotonic(), POLL_FIRST_S
        while not operations.is_settled(found := await self.get_function(name), time.monotonic() - began, timeout_s):
            await asyncio.sleep(pause)
            pause = min(2 * pause, POLL_LAST_S)
        return found

    async def logs(self, name: str, query: LogQuery | None = None) -> AsyncIterator[LogRecord]:
        """What a function wrote, oldest first; with ``LogQuery(follow=True)`` it goes on as the function writes."""
        async for line in self.lines(name, query or LogQuery()):
            yield operations.log_record(line)

    async def status(self, *, detail: bool = False, function: str | None = None) -> dict[str, Any]:
        """What the platform says of itself: nodes, hosts, environments, the isolation in force.

        ``detail`` asks for the stories behind it too: decisions, refusals, the lives of environments. ``function`` wants
        those of one function.
        """
        return await self.ask(operations.status(detail, function))

    async def health(self) -> bool:
        """Whether the platform serves invocations now; ``False`` also when nobody answers."""
        try:
            await self.ask(operations.health(), HEALTH_S)
        except (LambdaApiError, PlatformUnreachable):
            return False
        return True


class _UntilCancelled(Asking):
    """Asks for a thread whose result nobody may want any more."""

    cancelled = False

    def ask(self, operation: Operation[T], timeout_s: float | None = None) -> T:
        if self.cancelled:
            raise asyncio.CancelledError
        return super().ask(operation, timeout_s)


class AsyncRayOptionsClient:
    """The Ray options of functions: ``runtime_env``, ``num_gpus``, ``resources``, ``label_selector``."""

    def __init__(self, asking: AsyncAsking) -> None:
        self._asking = asking

    async def put(self, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """Replace the options of a function; environments with the old ones are retired."""
        return await self._asking.ask(operations.put_ray_options(name, options))

    async def get(self, name: str) -> dict[str, Any]:
        return await self._asking.ask(operations.get_ray_options(name))

    async def delete(self, name: str) -> None:
        await self._asking.ask(operations.delete_ray_options(name))
