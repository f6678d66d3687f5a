"""Whose request it is that came to Lambda's address by mistake, and which variable sends it elsewhere."""

from __future__ import annotations

import re

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raylambda.frontdoor.endpoint_variables import IDS_OF, endpoint_variables
from raylambda.frontdoor.other_services import (
    PROTOCOL_OF,
    SERVICE_OF_TARGET,
    OtherService,
    Protocol,
    other_service,
)

FORM = "application/x-www-form-urlencoded; charset=utf-8"


def signed_for(service: str) -> dict[str, str]:
    credential = f"AKID/20260101/us-east-1/{service}/aws4_request"
    return {"authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"}


@pytest.fixture(scope="module")
def models() -> dict[str, list[dict[str, str]]]:
    """The metadata of all services that botocore knows, by signing name."""
    loader = botocore.session.get_session().get_component("data_loader")
    found: dict[str, list[dict[str, str]]] = {}
    for name in loader.list_available_services("service-2"):
        metadata = loader.load_service_model(name, "service-2")["metadata"]
        found.setdefault(metadata.get("signingName") or metadata["endpointPrefix"], []).append(metadata)
    return found


@pytest.mark.parametrize(
    ("headers", "query", "expected"),
    [
        ({}, {}, None),
        (signed_for("lambda"), {}, None),
        ({**signed_for("lambda"), "x-amz-target": "AmazonSQS.SendMessage"}, {}, None),
        ({**signed_for("lambda"), "content-type": FORM}, {"Action": ["X"]}, None),
        ({"authorization": "Bearer abc"}, {}, None),
        ({"content-type": "application/json"}, {}, None),
        (signed_for("scheduler"), {}, OtherService("scheduler", Protocol.REST_JSON)),
        (signed_for("s3"), {}, OtherService("s3", Protocol.S3)),
        (signed_for("route53"), {}, OtherService("route53", Protocol.QUERY)),
        ({**signed_for("sns"), "content-type": FORM}, {}, OtherService("sns", Protocol.QUERY)),
        ({**signed_for("ec2"), "content-type": FORM}, {}, OtherService("ec2", Protocol.EC2)),
        ({**signed_for("rds"), "content-type": FORM}, {}, OtherService("rds", Protocol.QUERY)),
        ({"content-type": FORM}, {}, OtherService(None, Protocol.QUERY)),
        ({}, {"Action": ["GetCallerIdentity"]}, OtherService(None, Protocol.QUERY)),
        (
            {**signed_for("sqs"), "x-amz-target": "AmazonSQS.ListQueues", "content-type": "application/x-amz-json-1.0"},
            {},
            OtherService("sqs", Protocol.JSON_1_0),
        ),
        (
            {**signed_for("logs"), "x-amz-target": "Logs_20140328.X", "content-type": "application/x-amz-json-1.1"},
            {},
            OtherService("logs", Protocol.JSON_1_1),
        ),
        ({"x-amz-target": "AWSEvents.PutRule"}, {}, OtherService("events", Protocol.JSON_1_1)),
        ({"x-amz-target": "Unknown.Thing"}, {}, OtherService(None, Protocol.JSON_1_1)),
        (
            {**signed_for("dynamodb"), "x-amz-target": "DynamoDBStreams_20120810.ListStreams"},
            {},
            OtherService("dynamodb-streams", Protocol.JSON_1_1),
        ),
        ({**signed_for("monitoring"), "smithy-protocol": "rpc-v2-cbor"}, {}, OtherService("monitoring", Protocol.CBOR)),
        (
            {"authorization": "AWS4-ECDSA-P256-SHA256 Credential=AKID/20260101/s3/aws4_request, SignedHeaders=host"},
            {},
            OtherService("s3", Protocol.S3),
        ),
        (
            {},
            {"X-Amz-Credential": ["AKID/20260101/us-east-1/sts/aws4_request"], "Action": ["GetCallerIdentity"]},
            OtherService("sts", Protocol.QUERY),
        ),
    ],
)
def test_a_request_says_whose_it_is(
    headers: dict[str, str], query: dict[str, list[str]], expected: OtherService | None
) -> None:
    assert other_service(headers, query) == expected


def variables(models: list[dict[str, str]]) -> set[str]:
    """What the SDKs read for these services."""
    return {"AWS_ENDPOINT_URL_" + one["serviceId"].upper().replace(" ", "_") for one in models}


def test_every_service_of_aws_is_told_a_variable_that_the_sdks_read(models: dict[str, list[dict[str, str]]]) -> None:
    wrong = {}
    for service, sharing in models.items():
        named, read = endpoint_variables(service.lower()), variables(sharing)
        undecided = len(read) > 1 and service.lower() not in IDS_OF and service != "lambda"
        if not set(named) <= read or undecided:
            wrong[service] = (named, sorted(read))

    assert wrong == {}, "IDS_OF lacks these, or has them wrong"
    assert {len(endpoint_variables(service)) for service in IDS_OF} == {1, 2}


def test_the_table_has_no_service_that_botocore_lacks_or_whose_variable_follows_from_its_name(
    models: dict[str, list[dict[str, str]]],
) -> None:
    signing = {service.lower(): variables(sharing) for service, sharing in models.items()}

    for service, ids in IDS_OF.items():
        derived = re.sub(r"[^A-Z0-9]", "_", service.upper())
        assert len(signing[service]) > 1 or ids != derived, service


def test_a_name_that_two_services_sign_with_names_both_variables() -> None:
    message = OtherService("apigateway", Protocol.REST_JSON).message

    assert (
        " set AWS_ENDPOINT_URL_API_GATEWAY to where that is served (AWS_ENDPOINT_URL_APIGATEWAYV2 for the other "
        in message
    )


def test_every_target_is_the_service_that_it_says(models: dict[str, list[dict[str, str]]]) -> None:
    for target, service in SERVICE_OF_TARGET.items():
        [model] = [one for shared in models.values() for one in shared if one.get("targetPrefix") == target]
        message = OtherService(service, Protocol.JSON_1_1).message
        assert f" AWS_ENDPOINT_URL_{model['serviceId'].upper().replace(' ', '_')} to " in message


def test_services_without_a_telling_header_have_their_protocol(models: dict[str, list[dict[str, str]]]) -> None:
    written = {"query": Protocol.QUERY, "ec2": Protocol.EC2, "rest-xml": Protocol.QUERY}

    for service, protocol in PROTOCOL_OF.items():
        if protocol is not Protocol.S3:
            assert protocol in {written.get(one["protocol"]) for one in models[service]}, service


@pytest.mark.parametrize(
    ("service", "variable"),
    [("appsync", "APPSYNC"), ("cognito-identity", "COGNITO_IDENTITY"), ("logs", "CLOUDWATCH_LOGS")],
)
def test_most_variables_follow_from_the_signing_name(service: str, variable: str) -> None:
    message = OtherService(service, Protocol.REST_JSON).message

    assert f"the request is for {service}: set AWS_ENDPOINT_URL_{variable} to " in message


_TEXT = st.text(st.characters(max_codepoint=255), max_size=40)
_HEADERS = st.dictionaries(
    st.sampled_from(["authorization", "content-type", "x-amz-target", "smithy-protocol"]),
    st.one_of(_TEXT, st.sampled_from([FORM, "rpc-v2-cbor", "application/x-amz-json-1.0", "AWSEvents.PutRule"])),
)
_QUERY = st.dictionaries(st.sampled_from(["Action", "X-Amz-Credential"]), st.lists(_TEXT, min_size=1, max_size=2))


@given(_HEADERS, _QUERY)
def test_nothing_that_is_signed_for_lambda_is_another_services(
    headers: dict[str, str], query: dict[str, list[str]]
) -> None:
    assert other_service({**headers, **signed_for("lambda")}, query) is None


@given(_HEADERS, _QUERY, st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True))
def test_whatever_comes_is_told_in_one_line_with_a_variable(
    headers: dict[str, str], query: dict[str, list[str]], service: str
) -> None:
    for sent in (headers, {**headers, **signed_for(service)}):
        found = other_service(sent, query)
        if found is not None:
            assert re.search(r" set AWS_ENDPOINT_URL_([A-Z0-9_]+|<SERVICE>) to ", found.message)
            assert found.message.isprintable()
