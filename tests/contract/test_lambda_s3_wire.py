"""The real S3 client against moto's S3, found by AWS's standard settings."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer

from raylambda.model.clock import SystemClock
from raylambda.services.lambda_.context import S3Failure
from raylambda.services.lambda_.s3_source import S3Source

REGION = "us-east-1"


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def source(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> S3Source:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    client = boto3.client("s3", region_name=REGION)
    client.create_bucket(Bucket="bucket")
    client.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    return S3Source(REGION, SystemClock(), most_bytes=1 << 20)


def test_objects_and_their_versions(source: S3Source) -> None:
    client = boto3.client("s3", region_name=REGION)
    old = client.put_object(Bucket="bucket", Key="a/code.zip", Body=b"old")["VersionId"]
    client.put_object(Bucket="bucket", Key="a/code.zip", Body=b"new")

    assert source("bucket", "a/code.zip", None) == b"new"
    assert source("bucket", "a/code.zip", old) == b"old"


@pytest.mark.parametrize(
    ("bucket", "key", "code", "message"),
    [
        ("nobody", "key", "NoSuchBucket", "The specified bucket does not exist"),
        ("bucket", "nothing", "NoSuchKey", "The specified key does not exist."),
    ],
)
def test_what_s3_says(source: S3Source, bucket: str, key: str, code: str, message: str) -> None:
    with pytest.raises(S3Failure) as failure:
        source(bucket, key, None)

    assert (failure.value.code, str(failure.value)) == (code, message)


def test_an_object_that_is_too_large(source: S3Source) -> None:
    boto3.client("s3", region_name=REGION).put_object(Bucket="bucket", Key="large", Body=bytes((1 << 20) + 1))

    with pytest.raises(S3Failure) as failure:
        source("bucket", "large", None)

    assert failure.value.code == "EntityTooLarge"


def test_s3_may_go_and_come_back(source: S3Source, s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    boto3.client("s3", region_name=REGION).put_object(Bucket="bucket", Key="key", Body=b"here")

    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    with pytest.raises(S3Failure) as failure:
        source("bucket", "key", None)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_url)

    assert failure.value.code == "ServiceUnavailable"
    assert source("bucket", "key", None) == b"here"


def test_no_credentials(source: S3Source, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")

    with pytest.raises(S3Failure) as failure:
        source("bucket", "key", None)

    assert "credentials" in str(failure.value)
