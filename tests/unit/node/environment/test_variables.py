"""Who may set which environment variable."""

from __future__ import annotations

import pytest

from raylambda.model.ray_options import RayOptions
from raylambda.model.reserved_variables import RESERVED_VARIABLES
from raylambda.node.environment.variables import environment_variables
from tests.builders import a_version


def variables(
    own: dict[str, str] | None = None,
    ray: dict[str, str] | None = None,
    operator: dict[str, str] | None = None,
    **version: object,
) -> dict[str, str]:
    options = RayOptions(runtime_env={"env_vars": ray} if ray else {})
    function = a_version(environment=own or {}, ray_options=options, **version)
    return environment_variables(
        function,
        "2026/01/01/[$LATEST]abc",
        defaults={"PATH": "/bin", "LANG": "en_US.UTF-8", "TZ": ":UTC"},
        reserved={"LAMBDA_TASK_ROOT": "/var/task", "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12"},
        function_env=operator or {},
    )


def test_what_every_function_finds() -> None:
    assert variables() == {
        "PATH": "/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
        "_AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1",
        "_AWS_XRAY_DAEMON_PORT": "2000",
        "LAMBDA_TASK_ROOT": "/var/task",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12",
        "_HANDLER": "app.handler",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": "hello",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/hello",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]abc",
    }


def test_a_stronger_source_wins() -> None:
    everywhere = {"A": "operator", "B": "operator", "C": "operator", "TZ": "operator"}
    found = variables(
        own={"A": "function", "PATH": "/own"}, ray={"A": "ray", "B": "ray"}, operator={**everywhere, "LANG": "C"}
    )

    assert (found["A"], found["B"], found["C"]) == ("function", "ray", "operator")
    assert (found["PATH"], found["LANG"], found["TZ"]) == ("/own", "C", "operator")


@pytest.mark.parametrize("name", sorted(RESERVED_VARIABLES))
def test_an_owner_cannot_set_the_platforms_names(name: str) -> None:
    found = variables(own={name: "mine"}, ray={name: "mine"})

    assert found.get(name) != "mine"


def test_the_operator_may_give_keys_and_nothing_else_of_the_platforms() -> None:
    keys = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "s", "AWS_ENDPOINT_URL": "http://x"}

    found = variables(
        own={"AWS_ENDPOINT_URL_S3": "http://s3"}, operator={**keys, "AWS_REGION": "moon", "_HANDLER": "x"}
    )

    assert {name: found[name] for name in keys} == keys
    assert found["AWS_ENDPOINT_URL_S3"] == "http://s3"
    assert (found["AWS_REGION"], found["_HANDLER"]) == ("us-east-1", "app.handler")


def test_json_logs_are_announced() -> None:
    found = variables(log_format="JSON", application_log_level="DEBUG", log_group="own")

    assert (found["AWS_LAMBDA_LOG_FORMAT"], found["AWS_LAMBDA_LOG_LEVEL"]) == ("JSON", "DEBUG")
    assert found["AWS_LAMBDA_LOG_GROUP_NAME"] == "own"
    assert "AWS_LAMBDA_LOG_FORMAT" not in variables()
