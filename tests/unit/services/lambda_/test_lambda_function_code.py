"""Packages, and UpdateFunctionCode."""

from __future__ import annotations

import hashlib
import struct
from base64 import b64encode
from typing import Any

import pytest

from raylambda.model.limits import CODE_STORAGE_BYTES, UNZIPPED_BYTES, ZIPPED_BYTES
from raylambda.store.tables import FunctionVersionRow
from tests.builders import a_zip
from tests.unit.services.lambda_.control_plane import ARN, ControlPlane, a_function, a_package, zip_member
from tests.unit.services.lambda_.goldens import assert_golden

NEW = "def handler(event, context): return 'new'\n"


def test_an_update_is_in_progress_until_the_data_plane_settles_it(plane: ControlPlane) -> None:
    plane.active()
    before = plane.call("GetFunctionConfiguration", FunctionName="fn")

    updated = plane.call("UpdateFunctionCode", FunctionName="fn", ZipFile=zip_member(NEW))

    assert_golden("update_function_code", updated)
    assert updated["RevisionId"] != before["RevisionId"]
    assert updated["CodeSha256"] == b64encode(hashlib.sha256(a_package(NEW)).digest()).decode()

    plane.settle()

    settled = plane.call("GetFunctionConfiguration", FunctionName="fn")
    assert settled["LastUpdateStatus"] == "Successful"
    assert "LastUpdateStatusReason" not in settled
    assert settled["RevisionId"] != updated["RevisionId"]


def test_an_update_retires_the_environments_even_if_nothing_is_different(plane: ControlPlane) -> None:
    plane.active()
    before = plane.record()

    plane.call("UpdateFunctionCode", FunctionName="fn", ZipFile=zip_member())

    after = plane.record()
    assert before is not None and after is not None
    assert before.versions["$LATEST"].generation != after.versions["$LATEST"].generation


def test_a_dry_run_shows_what_would_be_and_changes_nothing(plane: ControlPlane) -> None:
    plane.active()
    before = plane.call("GetFunctionConfiguration", FunctionName="fn")

    shown = plane.call("UpdateFunctionCode", FunctionName="fn", ZipFile=zip_member(NEW), DryRun=True)

    assert shown["CodeSha256"] != before["CodeSha256"]
    assert shown["LastUpdateStatus"] == "Successful"
    assert plane.call("GetFunctionConfiguration", FunctionName="fn") == before
    assert list(plane.code_store.packages.values()) == [a_package()]


def test_publish_with_an_update_answers_the_version_under_its_qualified_arn(plane: ControlPlane) -> None:
    plane.active()

    published = plane.call("UpdateFunctionCode", FunctionName="fn", ZipFile=zip_member(NEW), Publish=True)

    assert (published["Version"], published["FunctionArn"]) == ("1", ARN + "fn:1")
    assert (published["State"], published["LastUpdateStatus"]) == ("Pending", "InProgress")
    latest = plane.call("GetFunctionConfiguration", FunctionName="fn")
    assert latest["LastUpdateStatus"] == "InProgress"
    assert latest["CodeSha256"] == published["CodeSha256"]


def test_the_architecture_can_change_with_the_code(plane: ControlPlane) -> None:
    plane.active()

    updated = plane.call("UpdateFunctionCode", FunctionName="fn", ZipFile=zip_member(), Architectures=["arm64"])

    assert updated["Architectures"] == ["arm64"]


def test_a_revision_id_guards_the_update(plane: ControlPlane) -> None:
    plane.active()
    revision = plane.call("GetFunctionConfiguration", FunctionName="fn")["RevisionId"]

    error = plane.refusal("UpdateFunctionCode", FunctionName="fn", ZipFile=zip_member(), RevisionId="other")
    plane.call("UpdateFunctionCode", FunctionName="fn", ZipFile=zip_member(), RevisionId=revision)

    assert error.status == 412
    assert error.body() == {
        "Type": "User",
        "message": "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
    }


@pytest.mark.parametrize("name", ["UpdateFunctionCode", "UpdateFunctionConfiguration", "PublishVersion"])
def test_nothing_is_updated_while_the_function_is_created_or_updated(plane: ControlPlane, name: str) -> None:
    members: dict[str, Any] = {"ZipFile": zip_member()} if name == "UpdateFunctionCode" else {}
    plane.create()

    pending = plane.refusal(name, FunctionName="fn", **members)
    plane.settle()
    plane.call("UpdateFunctionConfiguration", FunctionName="fn", Timeout=5)
    updating = plane.refusal(name, FunctionName="fn", **members)

    assert pending.status == updating.status == 409
    assert str(pending) == (
        "The operation cannot be performed at this time. The function is currently in the following state: Pending"
    )
    assert str(updating) == (
        f"The operation cannot be performed at this time. An update is in progress for resource: {ARN}fn"
    )


def test_code_comes_from_s3(plane: ControlPlane) -> None:
    plane.buckets[("bucket", "code.zip", None)] = a_package()
    plane.buckets[("bucket", "code.zip", "v2")] = a_package(NEW)
    plane.create(Code={"S3Bucket": "bucket", "S3Key": "code.zip"})
    plane.settle()

    updated = plane.call(
        "UpdateFunctionCode", FunctionName="fn", S3Bucket="bucket", S3Key="code.zip", S3ObjectVersion="v2"
    )

    assert updated["CodeSize"] == len(a_package(NEW))
    assert set(plane.code_store.packages.values()) == {a_package(), a_package(NEW)}


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            {"S3Bucket": "nobody", "S3Key": "k"},
            "Error occurred while GetObject. S3 Error Code: NoSuchBucket. "
            "S3 Error Message: The specified bucket does not exist",
        ),
        (
            {"S3Bucket": "bucket", "S3Key": "nothing"},
            "Error occurred while GetObject. S3 Error Code: NoSuchKey. "
            "S3 Error Message: The specified key does not exist.",
        ),
        ({}, "Please provide a source for function code."),
        ({"S3Bucket": "bucket"}, "Please provide a source for function code."),
        ({"S3Key": "key"}, "Please provide a source for function code."),
        (
            {"ZipFile": zip_member(), "S3Bucket": "bucket", "S3Key": "key"},
            "Please do not provide other FunctionCode parameters when providing a ZipFile.",
        ),
        (
            {"ZipFile": b64encode(b"not a zip").decode()},
            "Could not unzip uploaded file. Please check your file, then try to upload again.",
        ),
        (
            {"ZipFile": ""},
            "Could not unzip uploaded file. Please check your file, then try to upload again.",
        ),
        (
            {"S3Bucket": "bucket", "S3Key": "key", "S3ObjectStorageMode": "REFERENCE"},
            "S3ObjectStorageMode REFERENCE is not supported by raylambda yet.",
        ),
        (
            {"ZipFile": zip_member(), "SourceKMSKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/1"},
            "SourceKMSKeyArn is not supported by raylambda yet.",
        ),
    ],
    ids=str,
)
def test_code_that_cannot_be_used(plane: ControlPlane, code: dict[str, str], message: str) -> None:
    plane.buckets[("bucket", "key", None)] = a_package()

    error = plane.refusal("CreateFunction", **a_function(Code=code))

    assert (error.status, error.code, str(error)) == (400, "InvalidParameterValueException", message)
    assert plane.code_store.packages == {}


def test_an_image_is_no_update_for_a_zip(plane: ControlPlane) -> None:
    plane.active()

    error = plane.refusal("UpdateFunctionCode", FunctionName="fn", ImageUri="registry/image")

    assert str(error) == "Please don't provide ImageUri when updating a function with packageType Zip."


def test_an_upload_may_have_fifty_mebibytes(plane: ControlPlane) -> None:
    error = plane.refusal("CreateFunction", **a_function(Code={"ZipFile": b64encode(bytes(ZIPPED_BYTES + 1)).decode()}))

    assert (error.status, error.code) == (413, "RequestEntityTooLargeException")
    assert str(error) == "Zipped size must be smaller than 52428800 bytes"


def test_a_package_may_unpack_to_less_than_250_megabytes(plane: ControlPlane) -> None:
    error = plane.refusal(
        "CreateFunction", **a_function(Code={"ZipFile": b64encode(claiming(UNZIPPED_BYTES)).decode()})
    )

    assert str(error) == "Unzipped size must be smaller than 262144000 bytes"


def test_all_versions_together_have_75_gigabytes(plane: ControlPlane) -> None:
    plane.active()
    with plane.database.session() as session:
        row = session.get_one(FunctionVersionRow, (plane.account, plane.region, "fn", "$LATEST"))
        row.code_size = CODE_STORAGE_BYTES - len(a_package())
    plane.active("fits")

    for refused in (
        plane.refusal("CreateFunction", **a_function("more")),
        plane.refusal("PublishVersion", FunctionName="fits"),
    ):
        assert (refused.status, refused.code) == (400, "CodeStorageExceededException")


@pytest.mark.parametrize("name", ["UpdateFunctionCode", "UpdateFunctionConfiguration"])
def test_only_the_unpublished_version_can_be_updated(plane: ControlPlane, name: str) -> None:
    members: dict[str, Any] = {"ZipFile": zip_member()} if name == "UpdateFunctionCode" else {}
    plane.active(Publish=True)

    error = plane.refusal(name, FunctionName="fn:1", **members)
    updated = plane.call(name, FunctionName="fn:$LATEST", **members)

    assert error.code == "InvalidParameterValueException"
    assert updated["FunctionArn"] == ARN + "fn:$LATEST"


def test_update_of_an_unknown_function(plane: ControlPlane) -> None:
    error = plane.refusal("UpdateFunctionCode", FunctionName="gone", ZipFile=zip_member())

    assert str(error) == f"Function not found: {ARN}gone"


def claiming(unzipped_bytes: int) -> bytes:
    """A zip whose directory says that its one file has so many bytes."""
    data = bytearray(a_zip({"big": b""}))
    entry = data.index(b"PK\x01\x02")
    struct.pack_into("<I", data, entry + 24, unzipped_bytes)
    return bytes(data)
