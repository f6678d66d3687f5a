"""boto3's clients of other services, sent to Lambda's address by ``AWS_ENDPOINT_URL``: each raises one line that helps."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from contextlib import closing
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from sqlalchemy import event

from tests.builders import a_zip
from tests.plugins.frontdoor import KEY, Served

CALLS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "sqs": ("SQS", lambda client: client.list_queues()),
    "sns": ("SNS", lambda client: client.list_topics()),
    "sts": ("STS", lambda client: client.get_caller_identity()),
    "iam": ("IAM", lambda client: client.get_role(RoleName="role")),
    "ec2": ("EC2", lambda client: client.describe_regions()),
    "cloudformation": ("CLOUDFORMATION", lambda client: client.describe_stacks()),
    "dynamodb": ("DYNAMODB", lambda client: client.list_tables()),
    "dynamodbstreams": ("DYNAMODB_STREAMS", lambda client: client.list_streams()),
    "kinesis": ("KINESIS", lambda client: client.list_streams()),
    "logs": ("CLOUDWATCH_LOGS", lambda client: client.describe_log_groups()),
    "cloudwatch": ("CLOUDWATCH", lambda client: client.list_metrics()),
    "events": ("EVENTBRIDGE", lambda client: client.list_rules()),
    "scheduler": ("SCHEDULER", lambda client: client.list_schedules()),
    "stepfunctions": ("SFN", lambda client: client.list_state_machines()),
    "secretsmanager": ("SECRETS_MANAGER", lambda client: client.get_secret_value(SecretId="x")),
    "ssm": ("SSM", lambda client: client.get_parameter(Name="x")),
    "ecr": ("ECR", lambda client: client.describe_repositories()),
    "xray": ("XRAY", lambda client: client.get_sampling_rules()),
    "apigateway": ("API_GATEWAY", lambda client: client.get_rest_apis()),
    "kafka": ("KAFKA", lambda client: client.list_clusters()),
    "mq": ("MQ", lambda client: client.list_brokers()),
    "route53": ("ROUTE_53", lambda client: client.list_hosted_zones()),
    "cloudfront": ("CLOUDFRONT", lambda client: client.list_distributions()),
}


def client_of(served: Served, service: str, host: str | None = None) -> Any:
    return boto3.client(
        service,
        endpoint_url=f"http://{host or served.host}:{served.port}",
        region_name="us-east-1",
        aws_access_key_id=KEY.access_key_id,
        aws_secret_access_key=KEY.secret,
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.mark.parametrize("service", CALLS)
def test_a_client_of_another_service_is_told_which_variable(shared_front_door: Served, service: str) -> None:
    variable, call = CALLS[service]

    with pytest.raises(ClientError) as raised:
        call(client_of(shared_front_door, service))

    error = raised.value.response["Error"]
    assert error["Code"] == "UnknownOperationException"
    assert "This address serves AWS Lambda alone" in error["Message"]
    assert f" set AWS_ENDPOINT_URL_{variable} to " in error["Message"]
    assert "AWS_ENDPOINT_URL_LAMBDA" in error["Message"]
    metadata = raised.value.response["ResponseMetadata"]
    assert (metadata["HTTPStatusCode"], len(metadata["RequestId"])) == (400, 36)


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.list_buckets(),
        lambda client: client.get_object(Bucket="b", Key="k/with/slashes"),
        lambda client: client.put_object(Bucket="b", Key="k", Body=b"x" * 100_000),
        lambda client: client.list_objects_v2(Bucket="b"),
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_s3_is_told_whether_the_bucket_is_in_the_path_or_in_the_host(
    shared_front_door: Served, call: Callable[[Any], object], host: str
) -> None:
    with pytest.raises(ClientError, match=" set AWS_ENDPOINT_URL_S3 to ") as raised:
        call(client_of(shared_front_door, "s3", host))

    assert raised.value.response["Error"]["Code"] == "UnknownOperationException"


def test_a_head_has_its_status_only(shared_front_door: Served) -> None:
    with pytest.raises(ClientError) as raised:
        client_of(shared_front_door, "s3").head_bucket(Bucket="b")

    assert raised.value.response["Error"]["Code"] == "400"


def test_a_presigned_address_of_another_service_is_told_too(shared_front_door: Served) -> None:
    address = client_of(shared_front_door, "sts").generate_presigned_url("get_caller_identity", HttpMethod="GET")

    with closing(http.client.HTTPConnection(shared_front_door.host, shared_front_door.port)) as connection:
        connection.request("GET", address.removeprefix(shared_front_door.url))
        answer = connection.getresponse()
        body = answer.read()

    assert (answer.status, answer.headers["content-type"]) == (400, "text/xml; charset=utf-8")
    assert b"AWS_ENDPOINT_URL_STS" in body


def test_what_is_signed_for_lambda_is_served_as_before_and_costs_nothing(
    front_door: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("looked for another service")

    monkeypatch.setattr("raylambda.frontdoor.other_services.other_service", never)
    client = front_door.client()
    statements: list[str] = []
    event.listen(front_door.door.database.engine, "before_cursor_execute", lambda *seen: statements.append(seen[2]))

    assert client.invoke(FunctionName="hello", Payload=b"1")["Payload"].read() == b"1"
    assert statements == []
    client.create_function(
        FunctionName="hello",
        Runtime="python3.11",
        Role="arn:aws:iam::123456789012:role/any",
        Handler="app.handler",
        Code={"ZipFile": a_zip({"app.py": ""})},
    )
    assert client.get_function(FunctionName="hello")["Configuration"]["State"] == "Active"
