"""``deploy``: a folder becomes a function, or the next state of one, by a single change on the platform.

Cut at any step, the platform has the old function or the new one: only the last request changes something, and it changes all.
"""

from __future__ import annotations

import base64
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from raylambda.sdk import operations
from raylambda.sdk.connection import platform_home
from raylambda.sdk.entry_points import EntryPoint, check_entry_point, guess_entry_point, handler_file
from raylambda.sdk.errors import LambdaApiError
from raylambda.sdk.operations import Operation
from raylambda.sdk.packaging import INSIST, BuiltPackage, PackagingError, built_package
from raylambda.sdk.signing import FileBody
from raylambda.sdk.values import FunctionDescription, FunctionSettings

T = TypeVar("T")

_BUSY_S: Final = 60.0


class Asks(Protocol):
    """Whoever sends operations (``client.Asking``)."""

    def ask(self, operation: Operation[T], timeout_s: float | None = None) -> T: ...


@dataclass(frozen=True, slots=True)
class Deployment:
    """What became of it; ``differences`` are the members that changed: ``{"Member": .., "From": .., "To": ..}``."""

    created: bool
    code_changed: bool
    differences: tuple[Mapping[str, Any], ...]
    function: FunctionDescription
    package_size: int
    version: str | None

    @property
    def changed(self) -> bool:
        return self.created or self.code_changed or bool(self.differences)


@dataclass(frozen=True, slots=True)
class DeployOptions:
    """``cache`` keeps dependencies, and ``fresh`` installs them again; ``check`` looks at handler, runtime and package.json first.

    ``tell`` hears what is done.
    """

    cache: Path = field(default_factory=lambda: platform_home(os.environ) / "dependencies")
    name: str | None = None
    settings: FunctionSettings = field(default_factory=FunctionSettings)
    ray_options: Mapping[str, Any] | None = None
    publish: bool = False
    check: bool = True
    fresh: bool = False
    tell: Callable[[str], None] = lambda _text: None


def deploy(client: Asks, folder: Path, options: DeployOptions) -> Deployment:
    """Raises ``PackagingError`` before anything is sent, and ``ClientError``."""
    if not folder.is_dir():
        raise PackagingError(f"{folder} is not a folder")
    name = options.name or function_name_of(folder)
    found = _found(client, name)
    entry = _entry_point(found, folder, options.settings)
    if options.check:
        check_entry_point(folder, entry)
        if found is None or found.runtime != entry.runtime:
            _check_runtime(client, entry.runtime)
    options.tell(f"Packaging {folder} ...")
    with built_package(folder, entry.runtime, options.cache, check=options.check, fresh=options.fresh) as package:
        document = replace(options.settings, runtime=entry.runtime, handler=entry.handler).members()
        document["CodeSha256"] = base64.b64encode(bytes.fromhex(package.sha256)).decode()
        document["Publish"] = options.publish
        if options.ray_options is not None:
            document["RayOptions"] = dict(options.ray_options)
        answer = _put(client, operations.put_deployment(name, document), package, options)
    return Deployment(
        created=answer["Created"],
        code_changed=answer["CodeChanged"],
        differences=tuple(answer["Differences"]),
        function=FunctionDescription.of(answer["Configuration"]),
        package_size=package.size,
        version=answer.get("Version"),
    )


def function_name_of(folder: Path) -> str:
    """The folder's name as far as a function may have it."""
    name = re.sub(r"[^A-Za-z0-9-_]+", "-", folder.resolve().name).strip("-")[:64]
    if not name:
        raise PackagingError(f"{folder} gives no function name: use --name")
    return name


def _put(
    client: Asks, deployment: Operation[dict[str, Any]], package: BuiltPackage, options: DeployOptions
) -> dict[str, Any]:
    """With the digest first; the bytes go only when they are missing. An update in progress is waited for."""
    deadline = time.monotonic() + _BUSY_S
    uploaded = False
    while True:
        try:
            return client.ask(deployment)
        except LambdaApiError as error:
            if error.code == "PackageNotUploadedException" and not uploaded:
                options.tell(f"Uploading {package.size / 1e6:.1f} MB ...")
                client.ask(operations.upload_package(FileBody(package.path, package.size, package.sha256)))
                uploaded = True
            elif error.code == "ResourceConflictException" and time.monotonic() < deadline:
                time.sleep(0.05)
            else:
                raise


def _found(client: Asks, name: str) -> FunctionDescription | None:
    """The function as it is, ``None`` when there is none."""
    try:
        return client.ask(operations.get_function_configuration(name))
    except LambdaApiError as error:
        if error.status != 404:
            raise
        return None


def _entry_point(found: FunctionDescription | None, folder: Path, settings: FunctionSettings) -> EntryPoint:
    """As given, otherwise as the function has it if the folder still fits, otherwise guessed."""
    if settings.runtime and settings.handler:
        return EntryPoint(settings.runtime, settings.handler)
    if found is not None:
        entry = EntryPoint(settings.runtime or found.runtime, settings.handler or found.handler)
        if handler_file(folder, entry) is not None:
            return entry
    guessed = guess_entry_point(folder)
    return EntryPoint(settings.runtime or guessed.runtime, settings.handler or guessed.handler)


def _check_runtime(client: Asks, runtime: str) -> None:
    """Whether a node has it; nothing is known while there is no host."""
    hosts = client.ask(operations.status(False, None)).get("hosts", [])
    there = sorted({one for host in hosts for one in host["runtimes"]})
    if there and runtime not in there:
        raise PackagingError(f"no node has the runtime {runtime}, but {', '.join(there)}; {INSIST}")
