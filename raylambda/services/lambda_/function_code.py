"""Deployment packages: where they come from, what is checked, and UpdateFunctionCode."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from raylambda.artifacts.archive import BadZip, ZipTooLarge, inspect_zip
from raylambda.model import names
from raylambda.model.errors import InvalidParameterValueException, RequestEntityTooLargeException
from raylambda.model.limits import UNZIPPED_BYTES, ZIPPED_BYTES
from raylambda.services.lambda_.account import refuse_full_storage
from raylambda.services.lambda_.addressing import load_function, load_latest, locate_latest
from raylambda.services.lambda_.configuration import FunctionConfiguration, describe
from raylambda.services.lambda_.settings import refuse_unsupported
from raylambda.services.lambda_.states import begin_update, refuse_stale, refuse_unsettled
from raylambda.services.lambda_.versions import publish
from raylambda.services.protocol.operation import Context, S3Failure, operation
from raylambda.services.protocol.wire import Wire
from raylambda.store.changes import ChangeKind, record_change
from raylambda.store.tables import FunctionVersionRow


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
    """A zip that passed all checks."""

    data: bytes
    sha256: str

    @property
    def size(self) -> int:
        return len(self.data)


def receive(context: Context, code: FunctionCode) -> Package:
    """Get the package and check it, without a word to the database; raises AWS's errors of lambda-reference.md 6."""
    refuse_unsupported(code, ("source_kms_key_arn",))
    if code.s3_object_storage_mode == "REFERENCE":
        raise InvalidParameterValueException("S3ObjectStorageMode REFERENCE is not supported by raylambda yet.")
    data = _fetch(context, code)
    try:
        inspect_zip(data)
    except BadZip:
        raise InvalidParameterValueException(
            "Could not unzip uploaded file. Please check your file, then try to upload again."
        ) from None
    except ZipTooLarge:
        raise InvalidParameterValueException(f"Unzipped size must be smaller than {UNZIPPED_BYTES} bytes") from None
    return Package(data, hashlib.sha256(data).hexdigest())


def _fetch(context: Context, code: FunctionCode) -> bytes:
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
        return context.fetch_s3(code.s3_bucket, code.s3_key, code.s3_object_version)
    except S3Failure as failure:
        raise InvalidParameterValueException(
            f"Error occurred while GetObject. S3 Error Code: {failure.code}. S3 Error Message: {failure}"
        ) from None


@operation("PUT", "/2015-03-31/functions/{FunctionName}/code")
def update_function_code(context: Context, request: UpdateFunctionCodeRequest) -> FunctionConfiguration:
    address = locate_latest(context, request.function_name)
    refuse_unsupported(request, ("publish_to",))
    if request.image_uri is not None:
        raise InvalidParameterValueException(
            "Please don't provide ImageUri when updating a function with packageType Zip."
        )
    package = receive(context, request)
    if not request.dry_run:
        context.code_store.put(package.data)
    latest = load_latest(context, address)
    refuse_stale(latest.revision_id, request.revision_id)
    refuse_unsettled(latest)
    refuse_full_storage(context, package.size - latest.code_size)
    if request.dry_run:
        return describe(_replaced(FunctionVersionRow(**latest.model_dump()), package, request), address.qualifier)
    begin_update(context, _replaced(latest, package, request))
    record_change(context.session, ChangeKind.FUNCTION, address.account, address.region, address.name)
    if not request.publish:
        return describe(latest, address.qualifier)
    published = publish(context, load_function(context, address), latest)
    return describe(published, published.version)


def _replaced(row: FunctionVersionRow, package: Package, request: UpdateFunctionCodeRequest) -> FunctionVersionRow:
    row.code_sha256, row.code_size = package.sha256, package.size
    if request.architectures is not None:
        row.configuration = row.configuration | {"Architectures": request.architectures}
    return row
