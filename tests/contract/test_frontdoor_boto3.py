"""boto3 against the front door over real HTTP: every family of operations once, its success and its typed errors."""

from __future__ import annotations

import base64
import hashlib
import json
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from raylambda.model.errors import TooManyRequestsException
from raylambda.testing.calls import RecordingQueue, ScriptedInvoker
from tests.builders import a_completion, a_zip
from tests.plugins.frontdoor import OTHER_KEY, Served

ROLE = "arn:aws:iam::123456789012:role/worker"
PACKAGE = a_zip({"app.py": "def handler(event, context):\n    return event\n"})


def create(client: Any, name: str = "hello", **more: Any) -> Any:
    return client.create_function(
        FunctionName=name, Runtime="python3.11", Role=ROLE, Handler="app.handler", Code={"ZipFile": PACKAGE}, **more
    )


def test_a_function_lives_from_creation_to_deletion(front_door: Served) -> None:
    client = front_door.client()

    created = create(client)
    client.get_waiter("function_active_v2").wait(FunctionName="hello", WaiterConfig={"Delay": 0, "MaxAttempts": 3})
    client.update_function_configuration(FunctionName="hello", Timeout=9)
    client.update_function_code(FunctionName="hello", ZipFile=a_zip({"app.py": "handler = print\n"}))
    found = client.get_function(FunctionName=created["FunctionArn"])
    listed = [
        item["FunctionName"] for page in client.get_paginator("list_functions").paginate() for item in page["Functions"]
    ]
    deleted = client.delete_function(FunctionName="hello")

    assert created["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert created["State"] == "Pending"
    assert created["CodeSha256"] == base64.b64encode(hashlib.sha256(PACKAGE).digest()).decode()
    assert found["Configuration"]["Timeout"] == 9
    assert listed == ["hello"]
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert deleted["ResponseMetadata"]["HTTPHeaders"]["content-length"] == "0"
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function(FunctionName="hello")


def test_a_package_is_downloaded_from_its_location(front_door: Served) -> None:
    client = front_door.client()
    create(client)

    location = client.get_function(FunctionName="hello")["Code"]["Location"]

    with urllib.request.urlopen(location) as answer:
        assert answer.read() == PACKAGE


def test_versions_aliases_concurrency_tags_and_account(front_door: Served) -> None:
    client = front_door.client()
    arn = create(client)["FunctionArn"]

    version = client.publish_version(FunctionName="hello")["Version"]
    client.create_alias(FunctionName="hello", Name="live", FunctionVersion=version)
    client.update_alias(FunctionName="hello", Name="live", Description="now")
    alias = client.get_alias(FunctionName="hello", Name="live")
    client.put_function_concurrency(FunctionName="hello", ReservedConcurrentExecutions=5)
    client.tag_resource(Resource=arn, Tags={"team": "blue", "stage": "test"})
    client.untag_resource(Resource=arn, TagKeys=["stage"])

    assert [item["Version"] for item in client.list_versions_by_function(FunctionName="hello")["Versions"]] == [
        "$LATEST",
        version,
    ]
    assert alias["Description"] == "now"
    assert [item["Name"] for item in client.list_aliases(FunctionName="hello")["Aliases"]] == ["live"]
    assert client.get_function_concurrency(FunctionName="hello")["ReservedConcurrentExecutions"] == 5
    assert client.list_tags(Resource=arn)["Tags"] == {"team": "blue"}
    assert client.get_account_settings()["AccountUsage"]["FunctionCount"] == 1
    assert client.get_function_configuration(FunctionName="hello:live")["Version"] == version
    client.delete_function_concurrency(FunctionName="hello")
    assert client.delete_alias(FunctionName="hello", Name="live")["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_errors_have_the_typed_form_of_boto3(front_door: Served) -> None:
    client = front_door.client()
    create(client)

    with pytest.raises(client.exceptions.ResourceConflictException) as conflict:
        create(client)

    assert conflict.value.response["Error"]["Message"] == "Function already exist: hello"
    assert conflict.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    assert conflict.value.response["ResponseMetadata"]["RequestId"]


def test_accounts_and_regions_do_not_see_each_other(front_door: Served) -> None:
    create(front_door.client())

    stranger = front_door.client(OTHER_KEY)
    elsewhere = front_door.client(region="eu-west-1")

    assert stranger.list_functions()["Functions"] == []
    assert elsewhere.list_functions()["Functions"] == []
    with pytest.raises(ClientError) as denied:
        stranger.get_function(FunctionName="arn:aws:lambda:us-east-1:123456789012:function:hello")
    assert denied.value.response["Error"]["Code"] == "AccessDeniedException"


def test_an_operation_that_is_not_there_yet_says_so(shared_front_door: Served) -> None:
    client = shared_front_door.client()

    with pytest.raises(ClientError) as refused:
        client.publish_layer_version(LayerName="tools", Content={"ZipFile": PACKAGE})

    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert "PublishLayerVersion" in refused.value.response["Error"]["Message"]


def test_a_synchronous_invocation(front_door: Served) -> None:
    invoker = front_door.door.invoker
    assert isinstance(invoker, ScriptedInvoker)
    invoker.play(a_completion(b'{"sum": 3}', log_tail=b"START\nEND\n"))

    answer = front_door.client().invoke(FunctionName="hello", Payload=b'{"a": 1}', LogType="Tail", Qualifier="live")

    (call,) = invoker.calls
    assert answer["StatusCode"] == 200
    assert json.loads(answer["Payload"].read()) == {"sum": 3}
    assert answer["ExecutedVersion"] == "$LATEST"
    assert base64.b64decode(answer["LogResult"]) == b"START\nEND\n"
    assert "FunctionError" not in answer
    assert answer["ResponseMetadata"]["RequestId"] == call.request_id
    assert (call.account, call.region, call.name, call.qualifier) == ("123456789012", "us-east-1", "hello", "live")
    assert call.payload == b'{"a": 1}'
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-remapped-content-length"] == "0"
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-trace-id"] == call.trace_id
    assert call.trace_id.startswith("Root=1-")


def test_an_error_of_the_function_is_an_answer(front_door: Served) -> None:
    invoker = front_door.door.invoker
    assert isinstance(invoker, ScriptedInvoker)
    invoker.play(a_completion(b'{"errorMessage": "no"}', function_error="Unhandled"))

    answer = front_door.client().invoke(FunctionName="hello")

    assert answer["StatusCode"] == 200
    assert answer["FunctionError"] == "Unhandled"
    assert "LogResult" not in answer


def test_events_are_accepted_and_dry_runs_only_checked(front_door: Served) -> None:
    client = front_door.client()
    queue = front_door.door.queue
    assert isinstance(queue, RecordingQueue)

    event = client.invoke(FunctionName="hello", InvocationType="Event", Payload=b"[1]")
    old_style = client.invoke_async(FunctionName="hello", InvokeArgs=b"[2]")
    dry = client.invoke(FunctionName="hello", InvocationType="DryRun")

    assert (event["StatusCode"], old_style["Status"], dry["StatusCode"]) == (202, 202, 204)
    assert [call.payload for call in queue.accepted] == [b"[1]", b"[2]"]
    assert event["Payload"].read() == b""
    assert "ExecutedVersion" not in event
    assert front_door.door.invoker.calls == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["RequestResponse", "Event", "DryRun"])
def test_a_function_that_nobody_knows_is_refused_at_once(front_door: Served, kind: str) -> None:
    client = front_door.client()

    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.invoke(FunctionName="nobody", InvocationType=kind)

    assert front_door.door.queue.accepted == []  # type: ignore[attr-defined]


def test_a_throttle_carries_its_reason(front_door: Served) -> None:
    invoker = front_door.door.invoker
    assert isinstance(invoker, ScriptedInvoker)
    invoker.play(TooManyRequestsException(reason="ReservedFunctionConcurrentInvocationLimitExceeded"))
    client = front_door.client()

    with pytest.raises(client.exceptions.TooManyRequestsException) as refused:
        client.invoke(FunctionName="hello")

    assert refused.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert refused.value.response["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "1"


@pytest.mark.parametrize(
    ("function_name", "qualifier"),
    [
        ("arn:aws:lambda:us-east-1:123456789012:function:hello", None),
        ("arn:aws:lambda:us-east-1:123456789012:function:hello:$LATEST", "$LATEST"),
        ("123456789012:function:hello:live", "live"),
        ("function:hello", None),
        ("hello:7", "7"),
    ],
)
def test_a_function_has_several_names(front_door: Served, function_name: str, qualifier: str | None) -> None:
    front_door.client().invoke(FunctionName=function_name)

    (call,) = front_door.door.invoker.calls  # type: ignore[attr-defined]
    assert (call.name, call.qualifier) == ("hello", qualifier)


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        ({"Payload": b"{not json"}, "InvalidRequestContentException", "Could not parse request body into json"),
        ({"Payload": b"NaN"}, "InvalidRequestContentException", "NaN"),
        ({"Payload": b"\xff\xfe1\x00"}, "InvalidRequestContentException", "Invalid UTF-8 start byte 0xfe"),
        ({"Payload": b"[" * 100_000}, "InvalidRequestContentException", "Could not parse"),
        ({"Qualifier": "blue", "FunctionName": "hello:green"}, "InvalidParameterValueException", "derived qualifier"),
        ({"FunctionName": "arn:aws:lambda:eu-west-1:123456789012:function:hello"}, "ResourceNotFoundException", "not reachable"),
        ({"FunctionName": "arn:aws:lambda:us-east-1:210987654321:function:hello"}, "AccessDeniedException", "not authorized"),
        ({"FunctionName": "no name!"}, "ValidationException", "regular expression pattern"),
        ({"InvocationType": "Sometimes"}, "ValidationException", "[Event, RequestResponse, DryRun]"),
        ({"LogType": "Head"}, "ValidationException", "[None, Tail]"),
        ({"ClientContext": "***"}, "InvalidRequestContentException", "Base64-encoded JSON object"),
        ({"ClientContext": base64.b64encode(b'{"a":"' + b"x" * 3000 + b'"}').decode()}, "InvalidRequestContentException", "3583"),
    ],
)  # fmt: skip
def test_an_invocation_that_cannot_be_is_refused(
    shared_front_door: Served, arguments: dict[str, Any], code: str, part: str
) -> None:
    client = shared_front_door.client()

    with pytest.raises(ClientError) as refused:
        client.invoke(**{"FunctionName": "hello", **arguments})

    assert refused.value.response["Error"]["Code"] == code
    assert part in refused.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    ("kind", "limit"), [("RequestResponse", 6_291_456), ("Event", 1_048_576)]
)  # fmt: skip
def test_payloads_have_a_limit(front_door: Served, kind: str, limit: int) -> None:
    client = front_door.client()
    largest = b'"' + b"x" * (limit - 2) + b'"'

    client.invoke(FunctionName="hello", InvocationType=kind, Payload=largest)
    with pytest.raises(client.exceptions.RequestTooLargeException) as refused:
        client.invoke(FunctionName="hello", InvocationType=kind, Payload=largest + b" ")

    assert refused.value.response["Error"]["Message"] == (
        f"{limit + 1} byte payload is too large for the {kind} invocation type (limit {limit} bytes)"
    )


def test_an_empty_payload_is_an_empty_object(front_door: Served) -> None:
    front_door.client().invoke(FunctionName="hello")

    (call,) = front_door.door.invoker.calls  # type: ignore[attr-defined]
    assert call.payload == b"{}"


def test_the_client_context_is_for_synchronous_calls(front_door: Served) -> None:
    client = front_door.client()
    context = base64.b64encode(b'{"client": {"app_title": "T"}}').decode()

    client.invoke(FunctionName="hello", ClientContext=context)
    client.invoke(FunctionName="hello", ClientContext=context, InvocationType="Event")

    assert front_door.door.invoker.calls[0].client_context == '{"client": {"app_title": "T"}}'  # type: ignore[attr-defined]
    assert front_door.door.queue.accepted[0].client_context is None  # type: ignore[attr-defined]
