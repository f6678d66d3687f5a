"""CreateFunction, GetFunction, GetFunctionConfiguration, ListFunctions, DeleteFunction."""

from __future__ import annotations

import json

import pytest

from raylambda.model.errors import CodeSigningConfigNotFoundException, ResourceConflictException
from raylambda.model.function import State
from tests.unit.services.lambda_.control_plane import ARN, ROLE, ControlPlane, a_function, a_package, zip_member
from tests.unit.services.lambda_.goldens import assert_golden

SUBNET = {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
ACCESS_POINT = "arn:aws:elasticfilesystem:eu-central-1:123456789012:access-point/fsap-0123456789abcdef0"


def test_create_answers_201_with_aws_s_defaults_and_is_pending(plane: ControlPlane) -> None:
    answer = plane.answer("CreateFunction", **a_function())

    assert answer.status == 201
    assert answer.headers == {"Content-Type": "application/json"}
    assert_golden("create_function", json.loads(answer.body))


def test_create_is_pending_and_has_no_update_status(plane: ControlPlane) -> None:
    created = plane.create()

    assert (created["State"], created["StateReasonCode"]) == ("Pending", "Creating")
    assert created["StateReason"] == "The function is being created."
    assert "LastUpdateStatus" not in created


def test_once_active_the_reason_is_gone_and_the_revision_is_new(plane: ControlPlane) -> None:
    created = plane.create()

    plane.settle()

    configuration = plane.call("GetFunction", FunctionName="fn")["Configuration"]
    assert (configuration["State"], configuration["LastUpdateStatus"]) == ("Active", "Successful")
    assert "StateReason" not in configuration
    assert configuration["RevisionId"] != created["RevisionId"]


def test_every_setting_comes_back_as_aws_prints_it(plane: ControlPlane) -> None:
    plane.active(
        Runtime="python3.12",
        Description="all of it",
        Timeout=900,
        MemorySize=10240,
        Environment={"Variables": {"KEY": "välue"}},
        Architectures=["arm64"],
        EphemeralStorage={"Size": 10240},
        TracingConfig={"Mode": "Active"},
        DeadLetterConfig={"TargetArn": "arn:aws:sqs:eu-central-1:123456789012:dead"},
        KMSKeyArn="arn:aws:kms:eu-central-1:123456789012:key/1",
        VpcConfig=SUBNET,
        FileSystemConfigs=[{"Arn": ACCESS_POINT, "LocalMountPath": "/mnt/data"}],
        SnapStart={"ApplyOn": "PublishedVersions"},
        LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG", "LogGroup": "/my/group"},
        Tags={"team": "blue"},
    )

    assert_golden("every_setting", plane.call("GetFunction", FunctionName="fn"))


def test_what_the_data_plane_sees_is_what_was_created(plane: ControlPlane) -> None:
    plane.active(Timeout=7, Environment={"Variables": {"KEY": "value"}})

    record = plane.record()

    assert record is not None
    version = record.versions["$LATEST"]
    assert (version.state, version.timeout_s, version.environment) == (State.ACTIVE, 7, {"KEY": "value"})
    assert plane.code_store.get(version.code_sha256) == a_package()


def test_environment_is_printed_only_if_it_was_given(plane: ControlPlane) -> None:
    assert "Environment" not in plane.create("without")
    assert plane.create("empty", Environment={})["Environment"] == {"Variables": {}}


def test_json_logs_have_default_levels(plane: ControlPlane) -> None:
    created = plane.create(LoggingConfig={"LogFormat": "JSON"})

    levels = {"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"}
    assert created["LoggingConfig"] == {"LogFormat": "JSON", "LogGroup": "/aws/lambda/fn", **levels}


def test_publish_at_creation_answers_version_1_under_the_unqualified_arn(plane: ControlPlane) -> None:
    created = plane.create(Publish=True)

    assert (created["Version"], created["State"], created["FunctionArn"]) == ("1", "Pending", ARN + "fn")

    plane.settle()

    published = plane.call("GetFunctionConfiguration", FunctionName="fn:1")
    assert (published["State"], published["FunctionArn"]) == ("Active", ARN + "fn:1")
    assert plane.call("PublishVersion", FunctionName="fn")["Version"] == "1"


@pytest.mark.parametrize(
    "reference", ["fn", "function:fn", "123456789012:function:fn", "123456789012:fn", ARN + "fn"], ids=str
)
def test_a_function_has_many_names(plane: ControlPlane, reference: str) -> None:
    plane.create(reference)

    assert plane.call("GetFunctionConfiguration", FunctionName=reference)["FunctionArn"] == ARN + "fn"


def test_a_name_is_taken_once(plane: ControlPlane) -> None:
    plane.create()

    error = plane.refusal("CreateFunction", **a_function())

    assert isinstance(error, ResourceConflictException)
    assert str(error) == "Function already exist: fn"


def test_accounts_and_regions_do_not_see_each_other(plane: ControlPlane) -> None:
    plane.create()

    plane.region = "us-east-1"
    plane.create()
    plane.account = "999999999999"

    assert plane.call("ListFunctions")["Functions"] == []
    assert plane.refusal("GetFunction", FunctionName="fn").status == 404


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            {"Runtime": "java8"},
            "The runtime parameter of java8 is no longer supported for creating or updating AWS Lambda functions. "
            "We recommend you use a supported runtime while creating or updating functions.",
        ),
        (
            {"Runtime": None},
            "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
        ),
        (
            {"Handler": None},
            "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
        ),
        (
            {"Environment": {"Variables": {"TZ": "UTC", "AWS_REGION": "x", "LAMBDA_TASK_ROOT": "y"}}},
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. "
            "Reserved keys used in this request: AWS_REGION, LAMBDA_TASK_ROOT",
        ),
        (
            {"Environment": {"Variables": {"KEY": "é" * 2100}}},
            "Lambda was unable to configure your environment variables because the environment variables you have "
            'provided exceeded the 4KB limit. String measured: {"KEY":"' + "é" * 2100 + '"}',
        ),
        (
            {"LoggingConfig": {"SystemLogLevel": "DEBUG"}},
            "ApplicationLogLevel and SystemLogLevel can be set only when LogFormat is JSON.",
        ),
        (
            {"SnapStart": {"ApplyOn": "PublishedVersions"}, "Runtime": "nodejs20.x"},
            "nodejs20.x is not supported for SnapStart enabled functions.",
        ),
        (
            {"VpcConfig": {"SubnetIds": ["subnet-1"]}},
            "SubnetIds and SecurityIds must coexist or be both empty list.",
        ),
        (
            {"Layers": ["arn:aws:lambda:eu-central-1:123456789012:layer:a:1"]},
            "Layer version arn:aws:lambda:eu-central-1:123456789012:layer:a:1 does not exist.",
        ),
        (
            {"Layers": ["arn:aws:lambda:us-east-1:123456789012:layer:a:1"]},
            "Layers are not in the same region as the function. Layers are expected to be in region eu-central-1.",
        ),
        (
            {"Layers": ["arn:aws:lambda:eu-central-1:123456789012:layer:a:1"] * 6},
            "Cannot reference more than 5 layers.",
        ),
        (
            {"PackageType": "Image", "Code": {"ImageUri": "registry/image"}},
            "Container images are not supported by raylambda yet: provide a zip with PackageType Zip.",
        ),
        ({"ImageConfig": {"Command": ["x"]}}, "ImageConfig is not supported by raylambda yet."),
        ({"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}}, "TenancyConfig is not supported by raylambda yet."),
        ({"PublishTo": "LATEST_PUBLISHED"}, "PublishTo is not supported by raylambda yet."),
        ({"Tags": {f"key{number}": "" for number in range(51)}}, "Number of tags exceeds resource tag limit."),
        (
            {"FunctionName": "n" * 65},
            f"1 validation error detected: Value '{'n' * 65}' at 'functionName' failed to satisfy constraint: "
            "Member must have length less than or equal to 64",
        ),
        (
            {"FunctionName": "fn:live"},
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
            "Please specify either a function name or an unqualified function ARN.",
        ),
    ],
    ids=str,
)
def test_refused_with_invalid_parameter_value(plane: ControlPlane, members: dict[str, object], message: str) -> None:
    error = plane.refusal("CreateFunction", **a_function(**members))

    assert (error.status, error.code) == (400, "InvalidParameterValueException")
    assert error.body() == {"Type": "User", "message": message}


def test_an_unknown_runtime_is_refused_with_the_list_of_runtimes(plane: ControlPlane) -> None:
    error = plane.refusal("CreateFunction", **a_function(Runtime="Python3.11"))

    assert error.code == "InvalidParameterValueException"
    assert str(error).startswith("Value Python3.11 at 'runtime' failed to satisfy constraint: Member must satisfy enum")
    assert str(error).endswith("] or be a valid ARN")


def test_a_code_signing_configuration_cannot_exist(plane: ControlPlane) -> None:
    arn = "arn:aws:lambda:eu-central-1:123456789012:code-signing-config:csc-" + "a" * 17

    error = plane.refusal("CreateFunction", **a_function(CodeSigningConfigArn=arn))

    assert isinstance(error, CodeSigningConfigNotFoundException)
    assert error.body() == {
        "Type": "User",
        "Message": "The code signing configuration cannot be found. "
        f"Check that the provided configuration is not deleted: {arn}.",
    }


def test_another_region_is_not_reachable(plane: ControlPlane) -> None:
    error = plane.refusal("GetFunction", FunctionName="arn:aws:lambda:us-east-1:123456789012:function:fn")

    assert (error.status, error.code) == (404, "ResourceNotFoundException")
    assert str(error) == "Functions from 'us-east-1' are not reachable in this region ('eu-central-1')"


def test_another_account_is_denied(plane: ControlPlane) -> None:
    error = plane.refusal("GetFunction", FunctionName="999999999999:function:fn")

    assert (error.status, error.code) == (403, "AccessDeniedException")
    assert "Type" not in error.body()


def test_get_has_code_tags_and_concurrency_only_if_set(plane: ControlPlane) -> None:
    plane.active("plain")
    plane.active("tagged", Tags={"team": "blue"})
    plane.call("PutFunctionConcurrency", FunctionName="tagged", ReservedConcurrentExecutions=0)

    plain, tagged = (plane.call("GetFunction", FunctionName=name) for name in ("plain", "tagged"))

    assert plain.keys() == {"Configuration", "Code"}
    assert plain["Code"]["RepositoryType"] == "S3"
    assert plain["Code"]["Location"] in {f"https://code.example/{sha256}" for sha256 in plane.code_store.packages}
    assert tagged["Tags"] == {"team": "blue"}
    assert tagged["Concurrency"] == {"ReservedConcurrentExecutions": 0}


@pytest.mark.parametrize(
    ("asked", "suffix", "version"),
    [
        ({"FunctionName": "fn"}, "", "$LATEST"),
        ({"FunctionName": "fn", "Qualifier": "$LATEST"}, ":$LATEST", "$LATEST"),
        ({"FunctionName": "fn:$LATEST"}, ":$LATEST", "$LATEST"),
        ({"FunctionName": "fn:1", "Qualifier": "1"}, ":1", "1"),
        ({"FunctionName": ARN + "fn:live"}, ":live", "1"),
    ],
    ids=str,
)
def test_the_arn_ends_with_the_qualifier_that_was_used(
    plane: ControlPlane, asked: dict[str, str], suffix: str, version: str
) -> None:
    plane.active(Publish=True)
    plane.call("CreateAlias", FunctionName="fn", Name="live", FunctionVersion="1")

    for configuration in (
        plane.call("GetFunctionConfiguration", **asked),
        plane.call("GetFunction", **asked)["Configuration"],
    ):
        assert (configuration["FunctionArn"], configuration["Version"]) == (ARN + "fn" + suffix, version)


def test_two_qualifiers_must_be_the_same(plane: ControlPlane) -> None:
    error = plane.refusal("GetFunction", FunctionName="fn:1", Qualifier="2")

    assert str(error) == "The derived qualifier from the function name does not match the specified qualifier."


@pytest.mark.parametrize("qualifier", [None, "$LATEST", "7", "alias", "$LATEST.PUBLISHED"])
@pytest.mark.parametrize("name", ["GetFunction", "GetFunctionConfiguration"])
def test_what_does_not_exist_is_not_found(plane: ControlPlane, name: str, qualifier: str | None) -> None:
    asked = {"FunctionName": "gone"} | ({} if qualifier is None else {"Qualifier": qualifier})

    error = plane.refusal(name, **asked)

    assert error.body() == {"Type": "User", "Message": f"Function not found: {ARN}gone"}


def test_the_list_has_no_states(plane: ControlPlane) -> None:
    plane.active("one", Publish=True)
    plane.create("two")

    assert_golden("list_functions", plane.call("ListFunctions"))


def test_the_list_of_all_versions_has_qualified_arns(plane: ControlPlane) -> None:
    plane.active("one", Publish=True)
    plane.create("two")

    functions = plane.call("ListFunctions", FunctionVersion="ALL")["Functions"]

    arns = [function["FunctionArn"].removeprefix(ARN) for function in functions]
    assert arns == ["one:$LATEST", "one:1", "two:$LATEST"]


def test_only_edge_functions_have_a_master_region(plane: ControlPlane) -> None:
    plane.create()

    assert plane.call("ListFunctions", MasterRegion="us-east-1", FunctionVersion="ALL")["Functions"] == []
    assert len(plane.call("ListFunctions", MasterRegion="ALL", FunctionVersion="ALL")["Functions"]) == 1


def test_pages_hold_fifty_at_most_and_lose_nothing(stored_plane: ControlPlane) -> None:
    names = [f"fn{number}" for number in range(60)]
    for name in names:
        stored_plane.create(name)

    pages = all_pages(stored_plane, "ListFunctions", MaxItems=10000)

    assert [len(page["Functions"]) for page in pages] == [50, 10]
    found = [function["FunctionName"] for page in pages for function in page["Functions"]]
    assert sorted(found) == sorted(names)


def test_a_page_is_right_when_its_first_function_is_deleted(plane: ControlPlane) -> None:
    for name in "abc":
        plane.create(name)
    first = plane.call("ListFunctions", MaxItems=1)
    plane.call("DeleteFunction", FunctionName="a")

    second = plane.call("ListFunctions", MaxItems=1, Marker=first["NextMarker"])

    assert [function["FunctionName"] for function in second["Functions"]] == ["b"]


def test_delete_takes_versions_and_aliases_with_it(plane: ControlPlane) -> None:
    plane.active(Publish=True)
    plane.call("CreateAlias", FunctionName="fn", Name="live", FunctionVersion="1")
    plane.active("other", Publish=True)

    answer = plane.answer("DeleteFunction", FunctionName="fn")

    assert (answer.status, answer.body) == (204, b"")
    assert plane.record() is None
    assert plane.record("other") is not None
    assert plane.refusal("GetFunction", FunctionName="fn:1").status == 404
    assert plane.create()["Version"] == "$LATEST"


def test_delete_a_version_only(plane: ControlPlane) -> None:
    plane.active(Publish=True)

    plane.call("DeleteFunction", FunctionName="fn", Qualifier="1")
    plane.call("DeleteFunction", FunctionName="fn", Qualifier="1")

    assert plane.refusal("GetFunction", FunctionName="fn:1").status == 404
    assert plane.call("GetFunctionConfiguration", FunctionName="fn")["Version"] == "$LATEST"
    assert plane.call("PublishVersion", FunctionName="fn")["Version"] == "2"


@pytest.mark.parametrize(
    ("qualifier", "code", "message"),
    [
        (
            "$LATEST",
            "InvalidParameterValueException",
            "$LATEST version cannot be deleted without deleting the function.",
        ),
        ("live", "InvalidParameterValueException", "Deletion of aliases is not currently supported."),
        (
            "1",
            "ResourceConflictException",
            "Unable to delete version because the following aliases reference it: [live]",
        ),
        (
            "2",
            "ResourceConflictException",
            "Unable to delete version because the following aliases reference it: [live]",
        ),
    ],
)
def test_what_cannot_be_deleted(plane: ControlPlane, qualifier: str, code: str, message: str) -> None:
    plane.active(Publish=True)
    plane.call("UpdateFunctionConfiguration", FunctionName="fn", Timeout=5)
    plane.settle()
    plane.call("PublishVersion", FunctionName="fn")
    weights = {"AdditionalVersionWeights": {"2": 0.5}}
    plane.call("CreateAlias", FunctionName="fn", Name="live", FunctionVersion="1", RoutingConfig=weights)

    error = plane.refusal("DeleteFunction", FunctionName="fn", Qualifier=qualifier)

    assert (error.code, str(error)) == (code, message)


@pytest.mark.parametrize("reference", ["gone", "gone:1"])
def test_delete_what_does_not_exist(plane: ControlPlane, reference: str) -> None:
    assert str(plane.refusal("DeleteFunction", FunctionName=reference)) == f"Function not found: {ARN}gone"


@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("CreateFunction", a_function("new")),
        ("UpdateFunctionCode", {"FunctionName": "fn", "ZipFile": zip_member("x = 1")}),
        ("UpdateFunctionConfiguration", {"FunctionName": "fn"}),
        ("PublishVersion", {"FunctionName": "fn"}),
        ("CreateAlias", {"FunctionName": "fn", "Name": "new", "FunctionVersion": "1"}),
        ("UpdateAlias", {"FunctionName": "fn", "Name": "live", "Description": "x"}),
        ("DeleteAlias", {"FunctionName": "fn", "Name": "live"}),
        ("PutFunctionConcurrency", {"FunctionName": "fn", "ReservedConcurrentExecutions": 1}),
        ("DeleteFunctionConcurrency", {"FunctionName": "fn"}),
        ("TagResource", {"Resource": ARN + "fn", "Tags": {"a": "b"}}),
        ("UntagResource", {"Resource": ARN + "fn", "TagKeys": ["a"]}),
        ("PutRayOptions", {"FunctionName": "fn", "num_gpus": 1}),
        ("DeleteRayOptions", {"FunctionName": "fn"}),
        ("DeleteFunction", {"FunctionName": "fn"}),
    ],
)
def test_every_mutation_records_one_change(plane: ControlPlane, name: str, members: dict[str, object]) -> None:
    plane.active(Publish=True)
    plane.call("CreateAlias", FunctionName="fn", Name="live", FunctionVersion="1")
    before = plane.changes()

    plane.answer(name, **members)

    new = plane.changes()[len(before) :]
    assert [change.name for change in new] == [members.get("FunctionName", "fn")]


def test_the_role_is_checked_in_form_only(plane: ControlPlane) -> None:
    assert plane.create(Role=ROLE)["Role"] == ROLE


def all_pages(plane: ControlPlane, name: str, **members: object) -> list[dict[str, object]]:
    pages = [plane.call(name, **members)]
    while marker := pages[-1].get("NextMarker"):
        pages.append(plane.call(name, Marker=marker, **members))
    return pages
