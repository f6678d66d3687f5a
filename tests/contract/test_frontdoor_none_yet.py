"""boto3 about what nothing here can make yet: an empty list, AWS's 404 or AWS's default, after AWS's own checks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from raylambda.frontdoor.auth.signature import AnyKey
from raylambda.services.lambda_.table import NOTHING_YET, OPERATIONS
from tests.builders import a_zip
from tests.plugins.frontdoor import ACCOUNT, OTHER_KEY, Served, a_front_door, serving

REGION = "us-east-1"
ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
SIGNING = f"arn:aws:lambda:{REGION}:{ACCOUNT}:code-signing-config:csc-0123456789abcdefg"
LAYER = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:tools"
MAPPING = "00000000-0000-0000-0000-000000000000"
NO_RESOURCE = "The resource you requested does not exist."
FN, LIVE = {"FunctionName": "fn"}, {"FunctionName": "fn", "Qualifier": "live"}
VERSION = {"LayerName": "tools", "VersionNumber": 7}

ANSWERS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("list_event_source_mappings", {}, {"EventSourceMappings": []}),
    ("list_event_source_mappings", {"FunctionName": "fn:live", "MaxItems": 7}, {"EventSourceMappings": []}),
    ("list_function_url_configs", FN, {"FunctionUrlConfigs": []}),
    ("list_function_event_invoke_configs", FN, {"FunctionEventInvokeConfigs": []}),
    ("list_layers", {}, {"Layers": []}),
    ("list_layers", {"CompatibleRuntime": "python3.13", "CompatibleArchitecture": "arm64"}, {"Layers": []}),
    ("list_layer_versions", {"LayerName": "tools"}, {"LayerVersions": []}),
    ("list_layer_versions", {"LayerName": LAYER}, {"LayerVersions": []}),
    ("list_provisioned_concurrency_configs", FN, {"ProvisionedConcurrencyConfigs": []}),
    ("list_code_signing_configs", {}, {"CodeSigningConfigs": []}),
    ("list_capacity_providers", {"State": "Active"}, {"CapacityProviders": []}),
    ("get_function_code_signing_config", FN, {}),
    ("get_function_recursion_config", FN, {"RecursiveLoop": "Terminate"}),
    ("get_runtime_management_config", FN, {"UpdateRuntimeOn": "Auto", "FunctionArn": f"{ARN}fn:$LATEST"}),
    ("get_runtime_management_config", LIVE, {"UpdateRuntimeOn": "Auto", "FunctionArn": f"{ARN}fn:live"}),
    ("delete_layer_version", VERSION, {}),
    ("delete_provisioned_concurrency_config", LIVE, {}),
    ("delete_function_code_signing_config", FN, {}),
]

NOT_FOUND: list[tuple[str, dict[str, Any], str]] = [
    ("get_policy", FN, NO_RESOURCE),
    ("get_policy", LIVE, NO_RESOURCE),
    ("get_policy", {"FunctionName": "gone", "Qualifier": "live"}, f"Function not found: {ARN}gone"),
    ("remove_permission", FN | {"StatementId": "s"}, "No policy is associated with the given resource."),
    ("remove_permission", LIVE | {"StatementId": "s"}, "No policy is associated with the given resource."),
    ("remove_permission", {"FunctionName": "fn:no", "StatementId": "s"}, f"Cannot find alias arn: {ARN}fn:no"),
    ("remove_permission", {"FunctionName": "fn:9", "StatementId": "s"}, f"Function not found: {ARN}fn:9"),
    ("remove_permission", {"FunctionName": "gone", "StatementId": "s"}, f"No policy found for: {ARN}gone"),
    ("get_function_url_config", FN, NO_RESOURCE),
    ("get_function_url_config", LIVE, NO_RESOURCE),
    ("get_function_url_config", {"FunctionName": "gone"}, NO_RESOURCE),
    ("delete_function_url_config", FN, NO_RESOURCE),
    ("list_function_url_configs", {"FunctionName": "gone"}, "Function does not exist"),
    ("get_function_event_invoke_config", FN, f"The function {ARN}fn:$LATEST doesn't have an EventInvokeConfig"),
    ("get_function_event_invoke_config", LIVE, f"The function {ARN}fn:live doesn't have an EventInvokeConfig"),
    (
        "get_function_event_invoke_config",
        {"FunctionName": "gone"},
        f"The function {ARN}gone:$LATEST doesn't have an EventInvokeConfig",
    ),
    ("delete_function_event_invoke_config", FN, f"The function {ARN}fn:$LATEST doesn't have an EventInvokeConfig"),
    ("list_function_event_invoke_configs", {"FunctionName": "gone"}, "The function doesn't exist."),
    ("get_provisioned_concurrency_config", LIVE | {"Qualifier": "no"}, f"Cannot find alias arn: {ARN}fn:no"),
    ("get_provisioned_concurrency_config", LIVE | {"Qualifier": "9"}, f"Function not found: {ARN}fn:9"),
    ("delete_provisioned_concurrency_config", LIVE | {"Qualifier": "9"}, f"Function not found: {ARN}fn:9"),
    ("list_provisioned_concurrency_configs", {"FunctionName": "gone"}, f"Function not found: {ARN}gone"),
    ("get_event_source_mapping", {"UUID": MAPPING}, NO_RESOURCE),
    ("delete_event_source_mapping", {"UUID": MAPPING}, NO_RESOURCE),
    ("list_event_source_mappings", {"FunctionName": "gone"}, f"Function not found: {ARN}gone"),
    ("get_layer_version", VERSION, NO_RESOURCE),
    ("get_layer_version", VERSION | {"LayerName": LAYER}, NO_RESOURCE),
    ("get_layer_version_by_arn", {"Arn": f"{LAYER}:7"}, NO_RESOURCE),
    ("get_layer_version_policy", VERSION, f"Layer version {LAYER}:7 does not exist."),
    ("remove_layer_version_permission", VERSION | {"StatementId": "s"}, f"Layer version {LAYER}:7 does not exist."),
    (
        "get_code_signing_config",
        {"CodeSigningConfigArn": SIGNING},
        f"The Lambda code signing configuration {SIGNING} can not be found.",
    ),
    (
        "delete_code_signing_config",
        {"CodeSigningConfigArn": SIGNING},
        f"The Lambda code signing configuration {SIGNING} can not be found.",
    ),
    (
        "list_functions_by_code_signing_config",
        {"CodeSigningConfigArn": SIGNING},
        f"The Lambda code signing configuration {SIGNING} can not be found.",
    ),
    ("get_function_code_signing_config", {"FunctionName": "gone"}, f"Function not found: {ARN}gone"),
    ("delete_function_code_signing_config", {"FunctionName": "gone"}, f"Function not found: {ARN}gone"),
    ("get_function_recursion_config", {"FunctionName": "gone"}, f"Function not found: {ARN}gone"),
    ("get_runtime_management_config", {"FunctionName": "gone:7"}, f"Function not found: {ARN}gone"),
    ("get_runtime_management_config", LIVE | {"Qualifier": "9"}, f"Function not found: {ARN}fn:9"),
]

INVALID: list[tuple[str, dict[str, Any], str, str]] = [
    ("list_layers", {"CompatibleRuntime": "cobol"}, "ValidationException", "Value 'cobol' at 'compatibleRuntime'"),
    (
        "list_layers",
        {"CompatibleArchitecture": "x86"},
        "ValidationException",
        "Value 'x86' at 'compatibleArchitecture'",
    ),
    ("list_layer_versions", {"LayerName": "no name"}, "ValidationException", "Value 'no name' at 'layerName'"),
    ("get_layer_version", VERSION | {"VersionNumber": 0}, "InvalidParameterValueException", "Layer Version Cannot be"),
    ("delete_layer_version", VERSION | {"VersionNumber": -1}, "InvalidParameterValueException", "Layer Version Cannot"),
    ("get_layer_version_by_arn", {"Arn": LAYER}, "ValidationException", f"Value '{LAYER}' at 'arn'"),
    ("get_function_url_config", FN | {"Qualifier": "1"}, "ValidationException", "Value '1' at 'qualifier'"),
    ("get_function_url_config", FN | {"Qualifier": "$LATEST"}, "ValidationException", "Value '$LATEST' at 'qualifier'"),
    ("get_policy", {"FunctionName": "fn:live", "Qualifier": "1"}, "InvalidParameterValueException", "The derived qual"),
    (
        "get_function_recursion_config",
        {"FunctionName": "fn:1"},
        "ValidationException",
        "Value 'fn:1' at 'functionName'",
    ),
    (
        "get_provisioned_concurrency_config",
        LIVE | {"Qualifier": "$LATEST"},
        "InvalidParameterValueException",
        "The function resource provided must be an alias or a published version.",
    ),
    (
        "get_code_signing_config",
        {"CodeSigningConfigArn": "csc-1"},
        "ValidationException",
        "Value 'csc-1' at 'codeSigningConfigArn'",
    ),
    (
        "list_event_source_mappings",
        {"EventSourceArn": "queue"},
        "ValidationException",
        "Value 'queue' at 'eventSourceArn'",
    ),
    ("list_capacity_providers", {"State": "Gone"}, "ValidationException", "Value 'Gone' at 'state'"),
]

LISTS: list[tuple[str, dict[str, Any]]] = [
    ("list_function_url_configs", FN),
    ("list_function_event_invoke_configs", FN),
    ("list_layers", {}),
    ("list_layer_versions", {"LayerName": "tools"}),
    ("list_provisioned_concurrency_configs", FN),
    ("list_capacity_providers", {}),
]
"""Lists whose pages have 50 items at most; the others take 10,000."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A front door at which there is one function, with a version and an alias."""
    with serving(a_front_door(tmp_path_factory.mktemp("none-yet"))) as served:
        client = served.client()
        client.create_function(
            FunctionName="fn",
            Runtime="python3.13",
            Role="arn:aws:iam::123456789012:role/worker",
            Handler="app.handler",
            Code={"ZipFile": a_zip({"app.py": "handler = print\n"})},
            Publish=True,
        )
        client.create_alias(FunctionName="fn", Name="live", FunctionVersion="1")
        yield served


@pytest.fixture(scope="module")
def client(served: Served) -> Any:
    """A client that sends what it is told, so that it is not botocore that refuses."""
    return served.client(parameter_validation=False)


def refused(client: Any, name: str, members: dict[str, Any]) -> tuple[int, str, str]:
    """Status, code and text of a call that is not to succeed."""
    with pytest.raises(ClientError) as error:
        getattr(client, name)(**members)
    response = error.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"], response["Error"]["Message"]


@pytest.mark.parametrize(("name", "members", "answer"), ANSWERS)
def test_there_is_none(client: Any, name: str, members: dict[str, Any], answer: dict[str, Any]) -> None:
    found = getattr(client, name)(**members)

    status = found.pop("ResponseMetadata")["HTTPStatusCode"]
    assert (status, found) == (204 if name.startswith("delete") else 200, answer)


@pytest.mark.parametrize(("name", "members", "text"), NOT_FOUND)
def test_what_is_asked_for_by_name_is_not_found(client: Any, name: str, members: dict[str, Any], text: str) -> None:
    assert refused(client, name, members) == (404, "ResourceNotFoundException", text)


@pytest.mark.parametrize("qualifier", ["live", "1"])
def test_a_version_without_provisioned_concurrency_has_its_own_error(client: Any, qualifier: str) -> None:
    members = {"FunctionName": "fn", "Qualifier": qualifier}

    assert refused(client, "get_provisioned_concurrency_config", members) == (
        404,
        "ProvisionedConcurrencyConfigNotFoundException",
        "No Provisioned Concurrency Config found for this function",
    )


@pytest.mark.parametrize(("name", "members", "code", "text"), INVALID)
def test_aws_s_own_checks_come_first(client: Any, name: str, members: dict[str, Any], code: str, text: str) -> None:
    status, found, message = refused(client, name, members)

    assert (status, found) == (400, code)
    assert text in message


@pytest.mark.parametrize(("name", "members"), LISTS)
@pytest.mark.parametrize("items", [0, 51])
def test_a_page_has_limits(client: Any, name: str, members: dict[str, Any], items: int) -> None:
    status, code, message = refused(client, name, members | {"MaxItems": items})

    assert (status, code) == (400, "ValidationException")
    assert f"Value '{items}' at 'maxItems' failed to satisfy constraint" in message


@pytest.mark.parametrize(
    ("name", "members"), [*LISTS, ("list_code_signing_configs", {}), ("list_event_source_mappings", {})]
)
def test_no_marker_was_ever_given_out(client: Any, name: str, members: dict[str, Any]) -> None:
    status, code, _ = refused(client, name, members | {"Marker": "WyJmbiJd"})

    assert (status, code) == (400, "InvalidParameterValueException")


def test_a_stranger_learns_nothing_of_another_account(served: Served) -> None:
    stranger = served.client(OTHER_KEY)

    for name, members in (
        ("list_layer_versions", {"LayerName": LAYER}),
        ("get_code_signing_config", {"CodeSigningConfigArn": SIGNING}),
        ("get_policy", {"FunctionName": f"{ARN}fn"}),
        ("list_event_source_mappings", {"FunctionName": f"{ARN}fn"}),
    ):
        assert refused(stranger, name, members)[:2] == (403, "AccessDeniedException")


def test_the_document_of_the_api_has_them_all(served: Served) -> None:
    document = httpx.get(f"{served.url}/_raylambda/openapi.json").json()
    modules = {module.__name__ for module in NOTHING_YET}
    rows = [row for row in OPERATIONS.values() if row.handler is not None and row.handler.__module__ in modules]

    missing = [row.name for row in rows if row.method.lower() not in document["paths"][row.uri]]

    assert len(rows) == 30
    assert missing == []


def test_a_name_that_is_too_long_is_not_found_and_has_no_logs(tmp_path: Path) -> None:
    with serving(a_front_door(tmp_path, authenticator=AnyKey(ACCOUNT, REGION))) as served:
        error = refused(served.client(), "get_function", {"FunctionName": "n" * 140})
        logs = httpx.get(f"{served.url}/_raylambda/functions/{'n' * 256}/logs")

    assert error == (404, "ResourceNotFoundException", f"Function not found: {ARN}{'n' * 140}")
    assert (logs.status_code, logs.text) == (200, "")
