"""A deployment: code, configuration and Ray options of a function in one step. raylambda's own operation.

Everything is validated by the rules of CreateFunction, UpdateFunctionCode, UpdateFunctionConfiguration and PutRayOptions before
anything changes, and what changes is one unit of work with one change record. Where nothing would be different, nothing is
written. The code comes as the digest of a package that the account has: one that it uploaded (``store.uploads``), or one that a
version of its functions refers to. So a client asks with the digest first, and sends only bytes that are missing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field
from sqlmodel import col, select

from raylambda.model import names
from raylambda.model.addressing import Address, refuse_qualified
from raylambda.model.errors import InvalidParameterValueException, PackageNotUploadedException
from raylambda.model.function import LATEST
from raylambda.services.lambda_.account import refuse_full_storage
from raylambda.services.lambda_.context import LambdaContext
from raylambda.services.lambda_.function_code import Package, keep
from raylambda.services.lambda_.function_configuration import (
    FunctionConfiguration,
    begin_update,
    describe,
    refuse_unsettled,
)
from raylambda.services.lambda_.functions import new_rows, refuse_without_entry_point
from raylambda.services.lambda_.lookup import find_version, function_of, load_function
from raylambda.services.lambda_.ray_options import RayOptionsDocument
from raylambda.services.lambda_.settings import FunctionSettings, configured
from raylambda.services.lambda_.versions import publish
from raylambda.services.protocol.operation import operation
from raylambda.services.protocol.wire import Wire
from raylambda.store.codestore import CodeMissing
from raylambda.store.tables import FunctionRow, FunctionVersionRow

PATH: Final = "/_raylambda/functions/{FunctionName}/deployment"
_ABSENT: Final = object()


def _digest(value: str) -> str:
    """Base64 on the wire, as AWS prints ``CodeSha256``; hex inside."""
    try:
        digest = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != 32:
        raise ValueError(f"CodeSha256 is the SHA-256 of a package in base64, and {value[:80]!r} is none.")
    return digest.hex()


class PutDeploymentRequest(FunctionSettings):
    """Members that are left out stay as they are, or get AWS's defaults; ``role`` has a default too."""

    function_name: names.FunctionName
    code_sha256: Annotated[str, AfterValidator(_digest)] | None = None
    architectures: names.Architectures | None = None
    ray_options: RayOptionsDocument | None = None
    publish: bool | None = None


class Difference(Wire):
    """A member, with a dot before each name inside it; ``From`` or ``To`` is absent when the member was, or is then."""

    member: str
    before: Any = Field(default=None, alias="From")
    after: Any = Field(default=None, alias="To")


class DeploymentResponse(Wire):
    """``configuration`` is that of ``$LATEST``; ``version`` is the number under which it is published, when that was asked for."""

    created: bool
    code_changed: bool
    differences: list[Difference]
    configuration: FunctionConfiguration
    version: str | None = None


@dataclass(frozen=True, slots=True)
class _Change:
    """What a deployment would make of a function; ``function`` and ``latest`` are new rows when ``created``."""

    function: FunctionRow
    latest: FunctionVersionRow
    created: bool
    configuration: dict[str, Any]
    ray_options: dict[str, Any] | None
    new_code: bool
    differences: list[Difference]


def differences(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = "") -> Iterator[Difference]:
    """Member by member, in the order of their names; pure."""
    for name in sorted({*before, *after}):
        old, new = before.get(name, _ABSENT), after.get(name, _ABSENT)
        if old == new:
            continue
        inner = [value for value in (old, new) if value is not _ABSENT]
        if all(isinstance(value, Mapping) for value in inner):
            yield from differences(before.get(name, {}), after.get(name, {}), f"{prefix}{name}.")
        else:
            yield Difference.model_validate(
                {
                    "Member": prefix + name,
                    "From": None if old is _ABSENT else old,
                    "To": None if new is _ABSENT else new,
                }
            )


def _change(
    context: LambdaContext, request: PutDeploymentRequest, address: Address, package: Package | None
) -> _Change:
    """Decide, from the rows as they are now; raises what AWS's operations would."""
    latest, created = find_version(context, address, LATEST), False
    if latest is None:
        refuse_without_entry_point(request)
        if request.code_sha256 is None:
            raise InvalidParameterValueException("Please provide a source for function code.")
        role = request.role or f"arn:aws:iam::{address.account}:role/raylambda"
        settings = request.model_copy(update={"role": role})
        stored = package or Package(None, request.code_sha256, 0)
        function, latest = new_rows(context, address, settings, stored, request.architectures)
        created, before, configuration = True, {}, latest.configuration
    else:
        function, before = load_function(context, address), dict(latest.configuration)
        configuration = configured(before, request, address.region)
        if request.architectures is not None:
            configuration["Architectures"] = request.architectures
    options = function.ray_options
    if request.ray_options is not None:
        options = request.ray_options.model_dump(exclude_none=True)
    differing = [
        *differences(before, configuration),
        *differences(_options(function.ray_options), _options(options), "RayOptions."),
    ]
    asked = request.code_sha256
    new_code = created or package is not None or (asked is not None and not _has_code(context, latest, asked))
    if package is not None:
        refuse_full_storage(context, address, package.size - (0 if created else latest.code_size))
    if not created and (new_code or differing or request.publish):
        refuse_unsettled(latest)
    return _Change(function, latest, created, configuration, options, new_code, differing)


def _has_code(context: LambdaContext, latest: FunctionVersionRow, sha256: str) -> bool:
    return latest.code_sha256 == sha256 and context.parts.code_store.holds(sha256)


def _options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    return RayOptionsDocument.model_validate(options or {}).model_dump(exclude_none=True)


def _find_package(context: LambdaContext, address: Address, sha256: str) -> Package:
    """The account's own: knowing the digest of another's does not tell whether it exists. Raises ``CodeMissing``."""
    upload = context.parts.uploads.find(address.account, sha256)
    if upload is not None:
        with suppress(FileNotFoundError):  # newer ones have just taken its room
            return Package(upload, sha256, upload.stat().st_size)
    version = FunctionVersionRow
    sizes = select(version.code_size).where(col(version.account) == address.account, col(version.code_sha256) == sha256)
    size = context.session.exec(sizes.limit(1)).first()
    if size is None or not context.parts.code_store.holds(sha256):
        raise CodeMissing(f"the account {address.account} has no package {sha256}")
    return Package(None, sha256, size)


@operation("PUT", PATH, function_of, takes_package=True)
def put_deployment(context: LambdaContext, request: PutDeploymentRequest, address: Address) -> DeploymentResponse:
    refuse_qualified(address)
    change = _change(context, request, address, None)
    if change.new_code and request.code_sha256 is not None:
        sha256 = request.code_sha256
        try:
            package = _find_package(context, address, sha256)
            change = keep(context, package, lambda: _change(context, request, address, package))
        except CodeMissing:  # never sent, or expired, even while it was being taken
            raise PackageNotUploadedException(
                f"This account has no package with the SHA-256 {sha256}: PUT it to /_raylambda/packages/{sha256} first."
            ) from None
        change.latest.code_sha256, change.latest.code_size = package.sha256, package.size
    if change.created:
        context.session.add_all([change.function, change.latest])
    elif change.new_code or change.configuration != change.latest.configuration:
        change.latest.configuration = change.configuration
        begin_update(context, change.latest)
    if change.created or _options(change.function.ray_options) != _options(change.ray_options):
        change.function.ray_options = change.ray_options
    next_version = change.function.next_version
    version = publish(context, change.function, change.latest).version if request.publish else None
    if change.new_code or change.differences or change.function.next_version != next_version:
        context.record_change(address)
    return DeploymentResponse(
        created=change.created,
        code_changed=change.new_code,
        differences=change.differences,
        configuration=describe(change.latest, None),
        version=version,
    )
