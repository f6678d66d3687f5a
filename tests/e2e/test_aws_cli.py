"""The real AWS CLI against a running platform: only the variables of `raylambda env` differ from AWS."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from raylambda.testing.platform import Platform
from tests.builders import a_zip
from tests.e2e.commands import REPOSITORY, Command

ARN = "arn:aws:lambda:us-east-1:123456789012:function"
SERVICE_ERROR = {254, 255}  # version 2 and version 1 of the AWS CLI

SAYS = "def handler(event, context):\n    print('heard', event)\n    return [{!r}, event]\n"


@pytest.fixture(scope="session")
def aws(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """`aws lambda ...`, the one of `make test` or the machine's own."""
    own = REPOSITORY / ".venv-awscli" / "bin" / "aws"
    program = str(own) if own.is_file() else shutil.which("aws")
    if program is None:
        message = "the AWS CLI is not installed: make .venv-awscli/bin/aws"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    nothing = tmp_path_factory.mktemp("aws")
    return Command(
        Path(program),
        {
            "AWS_ENDPOINT_URL_LAMBDA": platform.endpoint,
            "AWS_ACCESS_KEY_ID": platform.access_key_id,
            "AWS_SECRET_ACCESS_KEY": platform.secret,
            "AWS_REGION": platform.region,
            "AWS_DEFAULT_REGION": platform.region,
            "AWS_CONFIG_FILE": str(nothing / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(nothing / "credentials"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_PAGER": "",
            "HOME": str(nothing),
        },
    )


def asked(aws: Command, *arguments: str | Path) -> Any:
    """What `aws lambda ARGUMENTS` answers."""
    return json.loads(aws.output("lambda", *arguments, "--output", "json"))


def refused(aws: Command, *arguments: str | Path) -> str:
    """The error of `aws lambda ARGUMENTS`."""
    done = aws("lambda", *arguments)
    assert done.returncode in SERVICE_ERROR, (done.stdout, done.stderr)
    return done.stderr.strip()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package that says "one"; beside it lies one that says "two"."""
    for word in ("one", "two"):
        (tmp_path / f"{word}.zip").write_bytes(a_zip({"app.py": SAYS.format(word)}))
    return tmp_path / "one.zip"


@pytest.fixture
def function(aws: Command, package: Path) -> Iterator[str]:
    """The name of an active function."""
    name = f"cli-{uuid4().hex[:12]}"
    create(aws, name, package)
    aws.output("lambda", "wait", "function-active-v2", "--function-name", name)
    yield name
    aws("lambda", "delete-function", "--function-name", name)


def create(aws: Command, name: str, package: Path, *more: str) -> Any:
    fixed = ["--runtime", "python3.11", "--handler", "app.handler", "--role", "arn:aws:iam::123456789012:role/r"]
    return asked(aws, "create-function", "--function-name", name, *fixed, "--zip-file", f"fileb://{package}", *more)


def invoke(aws: Command, function: str, folder: Path, *more: str) -> tuple[Any, Any]:
    """The answer without its payload, and the payload. A `fileb` payload means the same to both versions of the CLI."""
    (folder / "event.json").write_text('{"a": "ü"}')
    out = folder / "out.json"
    event = ["--payload", f"fileb://{folder / 'event.json'}"]
    answer = asked(aws, "invoke", "--function-name", function, *event, *more, out)
    return answer, json.loads(out.read_text()) if out.stat().st_size else None


def test_a_function_is_created_and_described(aws: Command, package: Path) -> None:
    name = f"cli-{uuid4().hex[:12]}"

    created = create(aws, name, package, "--tags", "team=a", "--environment", "Variables={COLOUR=blue}")
    waited = aws("lambda", "wait", "function-active-v2", "--function-name", name)
    found = asked(aws, "get-function", "--function-name", name)
    aws.output("lambda", "delete-function", "--function-name", name)

    assert (created["State"], created["FunctionArn"]) == ("Pending", f"{ARN}:{name}")
    assert waited.returncode == 0
    assert found["Configuration"]["State"] == "Active"
    assert found["Configuration"]["Environment"] == {"Variables": {"COLOUR": "blue"}}
    assert found["Tags"] == {"team": "a"}
    assert found["Code"]["RepositoryType"] == "S3"


def test_an_invocation_gives_result_and_log(aws: Command, function: str, tmp_path: Path) -> None:
    answer, payload = invoke(aws, function, tmp_path, "--log-type", "Tail")
    log = base64.b64decode(answer["LogResult"]).decode()

    assert payload == ["one", {"a": "ü"}]
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert "heard {'a': 'ü'}" in log
    assert "REPORT RequestId: " in log


def test_a_query_picks_the_log(aws: Command, function: str, tmp_path: Path) -> None:
    query = ["--log-type", "Tail", "--query", "LogResult", "--output", "text"]

    text = aws.output("lambda", "invoke", "--function-name", function, *query, tmp_path / "out.json")

    assert base64.b64decode(text).decode().splitlines()[-1].startswith("REPORT RequestId: ")


def test_events_and_dry_runs_are_accepted(aws: Command, function: str, tmp_path: Path) -> None:
    event, _ = invoke(aws, function, tmp_path, "--invocation-type", "Event")
    dry_run, _ = invoke(aws, function, tmp_path, "--invocation-type", "DryRun")

    assert event["StatusCode"] == 202
    assert dry_run["StatusCode"] == 204


def test_updates_versions_and_a_weighted_alias(aws: Command, function: str, package: Path, tmp_path: Path) -> None:
    target = ["--function-name", function]
    first = asked(aws, "publish-version", *target, "--description", "the first")
    asked(aws, "update-function-code", *target, "--zip-file", f"fileb://{package.with_name('two.zip')}")
    aws.output("lambda", "wait", "function-updated-v2", *target)
    configured = asked(aws, "update-function-configuration", *target, "--memory-size", "256", "--timeout", "7")
    aws.output("lambda", "wait", "function-updated-v2", *target)
    second = asked(aws, "publish-version", *target)
    routing = ["--routing-config", "AdditionalVersionWeights={2=1.0}"]
    alias = asked(aws, "create-alias", *target, "--name", "live", "--function-version", "1", *routing)

    routed, said = invoke(aws, function, tmp_path, "--qualifier", "live")
    versions = asked(aws, "list-versions-by-function", *target, "--query", "Versions[].Version")
    moved = asked(aws, "update-alias", *target, "--name", "live", "--function-version", "2", "--routing-config", "{}")

    assert (first["Version"], first["Description"], second["Version"]) == ("1", "the first", "2")
    assert (configured["MemorySize"], configured["Timeout"]) == (256, 7)
    assert alias["RoutingConfig"] == {"AdditionalVersionWeights": {"2": 1.0}}
    assert (routed["ExecutedVersion"], said[0]) == ("2", "two")
    assert versions == ["$LATEST", "1", "2"]
    assert (moved["FunctionVersion"], "RoutingConfig" in moved) == ("2", False)
    assert [one["Name"] for one in asked(aws, "list-aliases", *target)["Aliases"]] == ["live"]
    assert aws.output("lambda", "delete-alias", *target, "--name", "live") == ""


def test_lists_come_in_pages(aws: Command, function: str, package: Path) -> None:
    names = [function, f"{function}-b", f"{function}-c"]
    for name in names[1:]:
        create(aws, name, package)

    seen: list[str] = []
    token: list[str] = []
    while True:
        page = asked(aws, "list-functions", "--max-items", "1", *token)
        seen += [one["FunctionName"] for one in page["Functions"]]
        if "NextToken" not in page:
            break
        token = ["--starting-token", page["NextToken"]]
    for name in names[1:]:
        aws.output("lambda", "delete-function", "--function-name", name)

    assert [name for name in seen if name.startswith(function)] == names
    assert len(seen) == len(set(seen))


def test_tags(aws: Command, function: str) -> None:
    target = ["--resource", f"{ARN}:{function}"]

    aws.output("lambda", "tag-resource", *target, "--tags", "team=a,cost=b")
    aws.output("lambda", "untag-resource", *target, "--tag-keys", "team")

    assert asked(aws, "list-tags", *target) == {"Tags": {"cost": "b"}}


def test_concurrency_is_reserved_enforced_and_freed(aws: Command, function: str, tmp_path: Path) -> None:
    target = ["--function-name", function]
    limit = ["--reserved-concurrent-executions", "0"]

    reserved = asked(aws, "put-function-concurrency", *target, *limit)
    found = asked(aws, "get-function-concurrency", *target)
    throttled = refused(aws, "invoke", *target, tmp_path / "out.json")
    aws.output("lambda", "delete-function-concurrency", *target)

    assert reserved == found == {"ReservedConcurrentExecutions": 0}
    assert throttled.startswith("An error occurred (TooManyRequestsException) when calling the Invoke operation")
    assert throttled.endswith(": Rate Exceeded.")
    assert invoke(aws, function, tmp_path)[1] == ["one", {"a": "ü"}]


def test_the_account_settings(aws: Command, function: str) -> None:
    settings = asked(aws, "get-account-settings")

    assert settings["AccountLimit"]["ConcurrentExecutions"] == 1000
    assert settings["AccountUsage"]["FunctionCount"] >= 1


def test_a_deleted_function_is_gone(aws: Command, function: str) -> None:
    aws.output("lambda", "delete-function", "--function-name", function)

    error = refused(aws, "get-function", "--function-name", function)

    assert error == (
        "An error occurred (ResourceNotFoundException) when calling the GetFunction operation: "
        f"Function not found: {ARN}:{function}"
    )


def test_errors_have_aws_codes_and_texts(aws: Command, function: str) -> None:
    target = ["--function-name", function]

    assert refused(aws, "update-function-configuration", *target, "--timeout", "1000") == (
        "An error occurred (ValidationException) when calling the UpdateFunctionConfiguration operation: "
        "1 validation error detected: Value '1000' at 'timeout' failed to satisfy constraint: "
        "Member must have value less than or equal to 900"
    )
    assert refused(aws, "publish-version", *target, "--revision-id", "old") == (
        "An error occurred (PreconditionFailedException) when calling the PublishVersion operation: "
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
    )
    assert refused(aws, "get-alias", *target, "--name", "nobody") == (
        "An error occurred (ResourceNotFoundException) when calling the GetAlias operation: "
        f"Cannot find alias arn: {ARN}:{function}:nobody"
    )
    url = refused(aws, "create-function-url-config", "--function-name", "hello", "--auth-type", "NONE")
    assert "(NotImplementedYet) when calling the CreateFunctionUrlConfig operation" in url


def test_a_key_of_somebody_else_is_refused(aws: Command, platform: Platform) -> None:
    stranger = Command(aws.program, {**aws.variables, "AWS_ACCESS_KEY_ID": "AKIDSTRANGER"})
    forger = Command(aws.program, {**aws.variables, "AWS_SECRET_ACCESS_KEY": "wrong"})

    assert "(UnrecognizedClientException)" in refused(stranger, "list-functions")
    assert "(InvalidSignatureException)" in refused(forger, "list-functions")
    assert platform.secret not in refused(forger, "list-functions")
