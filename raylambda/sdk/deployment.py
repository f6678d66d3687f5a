"""``deploy``: a folder becomes a function, or the next state of one, by a single change on the platform.

Cut at any step, the platform has the old function or the new one: only the last request changes something, and it changes all.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from raylambda.sdk.connection import ApiRequest, Connection
from raylambda.sdk.entry_points import EntryPoint, check_entry_point, guess_entry_point, handler_file
from raylambda.sdk.packaging import BuiltPackage, PackagingError, built_package
from raylambda.sdk.values import FunctionDescription, FunctionSettings, LambdaApiError

_BUSY_S: Final = 60.0


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
    """``cache`` keeps dependencies; ``check`` looks at the handler and the runtime first; ``tell`` hears what is done."""

    cache: Path
    name: str | None = None
    settings: FunctionSettings = field(default_factory=FunctionSettings)
    ray_options: Mapping[str, Any] | None = None
    publish: bool = False
    check: bool = True
    tell: Callable[[str], None] = lambda _text: None


def deploy(connection: Connection, folder: Path, options: DeployOptions) -> Deployment:
    """Raises ``PackagingError`` before anything is sent, and ``ClientError``."""
    if not folder.is_dir():
        raise PackagingError(f"{folder} is not a folder")
    name = options.name or function_name_of(folder)
    found = _found(connection, name)
    entry = _entry_point(found, folder, options.settings)
    if options.check:
        check_entry_point(folder, entry)
        if found is None or found.runtime != entry.runtime:
            _check_runtime(connection, entry.runtime)
    options.tell(f"Packaging {folder} ...")
    with built_package(folder, entry.runtime, options.cache) as package:
        document = replace(options.settings, runtime=entry.runtime, handler=entry.handler).members()
        document["CodeSha256"] = base64.b64encode(bytes.fromhex(package.sha256)).decode()
        document["Publish"] = options.publish
        if options.ray_options is not None:
            document["RayOptions"] = dict(options.ray_options)
        request = ApiRequest("PUT", f"/_raylambda/functions/{quote(name, safe='')}/deployment", document=document)
        answer = _put(connection, request, package, options)
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


def _put(connection: Connection, request: ApiRequest, package: BuiltPackage, options: DeployOptions) -> dict[str, Any]:
    """With the digest first; the bytes go only when they are missing. An update in progress is waited for."""
    deadline = time.monotonic() + _BUSY_S
    uploaded = False
    while True:
        try:
            return connection.json(request)
        except LambdaApiError as error:
            if error.code == "PackageNotUploadedException" and not uploaded:
                options.tell(f"Uploading {package.size / 1e6:.1f} MB ...")
                connection.upload(f"/_raylambda/packages/{package.sha256}", package.path, package.sha256)
                uploaded = True
            elif error.code == "ResourceConflictException" and time.monotonic() < deadline:
                time.sleep(0.05)
            else:
                raise


def _found(connection: Connection, name: str) -> FunctionDescription | None:
    """The function as it is, ``None`` when there is none."""
    path = f"/2015-03-31/functions/{quote(name, safe='')}/configuration"
    try:
        return FunctionDescription.of(connection.json(ApiRequest("GET", path)))
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


def _check_runtime(connection: Connection, runtime: str) -> None:
    """Whether a node has it; nothing is known while there is no host."""
    hosts = connection.json(ApiRequest("GET", "/_raylambda/status")).get("hosts", [])
    there = sorted({one for host in hosts for one in host["runtimes"]})
    if there and runtime not in there:
        raise PackagingError(f"no node has the runtime {runtime}, but {', '.join(there)}; --no-check insists")
