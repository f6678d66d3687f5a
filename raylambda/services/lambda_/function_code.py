"""Deployment packages: where they come from, what is checked, and UpdateFunctionCode."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from raylambda.artifacts.archive import BadZip, ZipTooComplex, ZipTooLarge, inspect_zip
from raylambda.model import names
from raylambda.model.addressing import Address, refuse_published
from raylambda.model.errors import InvalidParameterValueException, RequestEntityTooLargeException
from raylambda.model.limits import UNZIPPED_BYTES, ZIPPED_BYTES
from raylambda.services.lambda_.account import refuse_full_storage
from raylambda.services.lambda_.context import LambdaContext, S3Failure
from raylambda.services.lambda_.function_configuration import (
    FunctionConfiguration,
    begin_update,
    describe,
    refuse_stale,
    refuse_unsettled,
)
from raylambda.services.lambda_.lookup import function_of, load_function, load_latest
from raylambda.services.lambda_.settings import refuse_unsupported
from raylambda.services.lambda_.versions import publish
from raylambda.services.protocol.operation import operation
from raylambda.services.protocol.wire import Wire
from raylambda.store.errors import StoreConflict
from raylambda.store.tables import FunctionVersionRow

_Checked = TypeVar("_Checked")


def _decoded(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise PydanticCustomError("bytes_base64", "not base64") from None


Blob = Annotated[bytes, BeforeValidator(_decoded)]
"""Base64 on the wire."""


class FunctionCode(Wire):
    """The members that CreateFunction's ``Code`` and UpdateFunctionCode share."""

    zip_file: Blob | None = None
    s3_bucket: names.S3Bucket | None = None
    s3_key: names.S3Key | None = None
    s3_object_version: names.S3ObjectVersion | None = None
    s3_object_storage_mode: names.S3ObjectStorageMode | None = None
    image_uri: str | None = None
    source_kms_key_arn: names.KmsKeyArn | None = None


class UpdateFunctionCodeRequest(FunctionCode):
    function_name: names.FunctionName
    architectures: names.Architectures | None = None
    publish: bool | None = None
    publish_to: names.PublishTo | None = None
    dry_run: bool | None = None
    revision_id: str | None = None


@dataclass(frozen=True, slots=True)
class Package:
    """A zip that passed all checks: its bytes, the file that has them, or ``None`` when the code store had it all along."""

    content: bytes | Path | None
    sha256: str
    size: int


def take_package(context: LambdaContext, code: FunctionCode) -> Package:
    """Get the package and check it, without a word to the database; raises AWS's errors of lambda-reference.md 6."""
    refuse_unsupported(code, ("source_kms_key_arn",))
    if code.s3_object_storage_mode == "REFERENCE":
        raise InvalidParameterValueException("S3ObjectStorageMode REFERENCE is not supported by raylambda yet.")
    data = _fetch(context, code)
    refuse_unusable(data)
    return Package(data, hashlib.sha256(data).hexdigest(), len(data))


def refuse_unusable(package: bytes | Path) -> None:
    """Raise ``InvalidParameterValueException`` for bytes, or a file, that cannot be a package."""
    try:
        inspect_zip(package)
    except ZipTooComplex as error:
        raise InvalidParameterValueException(f"Could not unzip uploaded file: {error}.") from None
    except BadZip:
        raise InvalidParameterValueException(
            "Could not unzip uploaded file. Please check your file, then try to upload again."
        ) from None
    except ZipTooLarge:
        raise InvalidParameterValueException(f"Unzipped size must be smaller than {UNZIPPED_BYTES} bytes") from None


def keep(context: LambdaContext, package: Package, check: Callable[[], _Checked]) -> _Checked:
    """Store a package if ``check`` passes, and return what it returns in the unit of work that is going to refer to the package.

    ``check`` asks the database, and runs again after the package was stored: nobody waits for the disk in an exclusive unit,
    so another client may have come first, and the bytes are then left to the collector (``store.collecting``). Raises
    ``CodeMissing`` when the package's file has gone.
    """
    check()
    context.session.rollback()
    store = context.parts.code_store
    if isinstance(package.content, bytes):
        store.put(package.content)
    elif package.content is not None:
        store.adopt(package.content, package.sha256)
    passed = check()
    if not store.holds(package.sha256):
        raise StoreConflict(f"the package {package.sha256} was collected before its function was written")
    return passed


def _fetch(context: LambdaContext, code: FunctionCode) -> bytes:
    from_s3 = code.s3_bucket is not None or code.s3_key is not None or code.s3_object_version is not None
    if code.zip_file is not None:
        if from_s3:
            raise InvalidParameterValueException(
                "Please do not provide other FunctionCode parameters when providing a ZipFile."
            )
        if len(code.zip_file) > ZIPPED_BYTES:
            raise RequestEntityTooLargeException(f"Zipped size must be smaller than {ZIPPED_BYTES} bytes")
        return code.zip_file
    if code.s3_bucket is None or code.s3_key is None:
        raise InvalidParameterValueException("Please provide a source for function code.")
    try:
        return context.parts.fetch_s3(code.s3_bucket, code.s3_key, code.s3_object_version)
    except S3Failure as failure:
        raise InvalidParameterValueException(
            f"Error occurred while GetObject. S3 Error Code: {failure.code}. S3 Error Message: {failure}"
        ) from None


@operation("PUT", "/2015-03-31/functions/{FunctionName}/code", function_of, takes_package=True)
def update_function_code(
    context: LambdaContext, request: UpdateFunctionCodeRequest, address: Address
) -> FunctionConfiguration:
    refuse_published(address)
    refuse_unsupported(request, ("publish_to",))
    if request.image_uri is not None:
        raise InvalidParameterValueException(
            "Please don't provide ImageUri when updating a function with packageType Zip."
        )
    package = take_package(context, request)

    def check() -> FunctionVersionRow:
        latest = load_latest(context, address)
        refuse_stale(latest.revision_id, request.revision_id)
        refuse_unsettled(latest)
        refuse_full_storage(context, address, package.size - latest.code_size)
        return latest

    if request.dry_run:
        return describe(_replaced(FunctionVersionRow(**check().model_dump()), package, request), address.qualifier)
    latest = _replaced(keep(context, package, check), package, request)
    begin_update(context, latest)
    context.record_change(address)
    if not request.publish:
        return describe(latest, address.qualifier)
    published = publish(context, load_function(context, address), latest)
    return describe(published, published.version)


def _replaced(row: FunctionVersionRow, package: Package, request: UpdateFunctionCodeRequest) -> FunctionVersionRow:
    row.code_sha256, row.code_size = package.sha256, package.size
    if request.architectures is not None:
        row.configuration = row.configuration | {"Architectures": request.architectures}
    return row
