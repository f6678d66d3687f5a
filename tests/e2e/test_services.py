"""What functions and the control plane reach beside raylambda: S3, services on the node, packages and resources of Ray."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from raylambda.sdk import Client
from raylambda.testing.platform import Platform
from tests.builders import a_zip
from tests.e2e.commands import RAYLAMBDA, Command
from tests.e2e.conftest import Neighbours
from tests.e2e.functions import called
from tests.waiting import until

ROLE = "arn:aws:iam::123456789012:role/test"


@contextmanager
def running_s3(port: int) -> Iterator[Any]:
    """A client of an S3 with the bucket ``code``."""
    server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    try:
        s3 = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )
        s3.create_bucket(Bucket="code")
        yield s3
    finally:
        server.stop()


def create_from_s3(client: Any, name: str, key: str) -> None:
    code = {"S3Bucket": "code", "S3Key": key}
    client.create_function(FunctionName=name, Runtime="python3.11", Handler="app.handler", Role=ROLE, Code=code)


def test_code_comes_from_s3_which_may_come_and_go(client: Any, neighbours: Neighbours) -> None:
    with pytest.raises(client.exceptions.InvalidParameterValueException) as away:
        create_from_s3(client, "from-s3", "good.zip")
    with running_s3(neighbours.s3) as s3:
        s3.put_object(
            Bucket="code", Key="good.zip", Body=a_zip({"app.py": "def handler(event, context):\n    return 's3'\n"})
        )
        with pytest.raises(client.exceptions.InvalidParameterValueException) as missing:
            create_from_s3(client, "from-s3", "none.zip")
        create_from_s3(client, "from-s3", "good.zip")
    client.get_waiter("function_active_v2").wait(FunctionName="from-s3")

    assert called(client, "from-s3") == "s3"
    client.delete_function(FunctionName="from-s3")
    message = away.value.response["Error"]["Message"]
    assert message.startswith("Error occurred while GetObject. S3 Error Code: ServiceUnavailable. S3 Error Message: ")
    assert f"http://127.0.0.1:{neighbours.s3}" in message
    assert missing.value.response["Error"]["Message"] == (
        "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist."
    )


CONNECTS = """
import socket
def handler(event, context):
    try:
        with socket.create_connection(("host.raylambda.internal", event), timeout=5) as connection:
            return connection.recv(100).decode()
    except OSError as error:
        return type(error).__name__
"""


def greet(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.sendall(b"welcome")


def test_a_function_reaches_the_allowed_service_of_its_node_and_no_other(
    client: Any, deploy: Any, neighbours: Neighbours
) -> None:
    name = deploy(CONNECTS, Timeout=10)

    with (
        closing(socket.create_server(("127.0.0.1", neighbours.allowed))) as allowed,
        closing(socket.create_server(("127.0.0.1", neighbours.refused))),
        ThreadPoolExecutor(1) as pool,
    ):
        greeting = pool.submit(greet, allowed)
        reached = called(client, name, neighbours.allowed)
        greeting.result(timeout=10)
        refused = called(client, name, neighbours.refused)

    assert reached == "welcome"
    assert refused in {"ConnectionRefusedError", "TimeoutError", "OSError"}


@pytest.fixture
def own_client(platform: Platform) -> Iterator[Client]:
    with closing(Client(platform.endpoint, platform.access_key_id, platform.secret, platform.region)) as made:
        yield made


@pytest.mark.timeout(240)
def test_packages_of_a_runtime_env_are_importable(client: Any, deploy: Any, own_client: Client) -> None:
    name = deploy("import six\ndef handler(event, context):\n    return six.__version__\n", Timeout=30)
    own_client.ray_options.put(name, {"runtime_env": {"uv": ["six==1.17.0"]}})

    assert called(client, name) == "1.17.0"


def test_options_that_no_node_can_meet_are_named(client: Any, deploy: Any, own_client: Client) -> None:
    name = deploy("def handler(event, context):\n    return 1\n")
    own_client.ray_options.put(name, {"resources": {"unobtainium": 2}})

    with pytest.raises(ClientError) as error:
        client.invoke(FunctionName=name)
    own_client.ray_options.delete(name)

    assert "no node offers resource unobtainium=2" in error.value.response["Error"]["Message"]
    assert called(client, name) == 1


@pytest.mark.timeout(240)
def test_ray_lists_invocations_starts_and_stops_by_function_and_qualifier_and_nothing_else(
    client: Any, deploy: Any, platform: Platform
) -> None:
    name = deploy("def handler(event, context):\n    return 1\n")
    client.publish_version(FunctionName=name)
    called(client, name)
    called(client, name, Qualifier="1")
    home = {"RAYLAMBDA_HOME": str(platform.home)}
    found = dict(re.findall(r"export (RAY_\w+)=(\S+)", Command(RAYLAMBDA, home).output("env")))
    ray = Command(RAYLAMBDA.with_name("ray"), found)

    def listed() -> set[str]:
        tasks = json.loads(ray.output("list", "tasks", "--format", "json", "--limit", "10000"))
        return {task["name"] for task in tasks}

    until(lambda: {f"{name}:$LATEST", f"{name}:1", f"start {name}:1"} <= listed(), within_s=60)
    assert [task for task in listed() if not re.fullmatch(r"(start )?[\w-]+:[\w$-]+|stop", task)] == []
