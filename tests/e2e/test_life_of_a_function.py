"""A function's life over boto3: updates, versions, aliases, events; and what a user sees of them at invoke."""

from __future__ import annotations

import base64
import json
import urllib.request
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from raylambda.testing.platform import Platform
from tests.builders import a_zip
from tests.e2e.functions import log_lines
from tests.waiting import until

SAYS = "def handler(event, context):\n    return [{!r}, context.function_version, context.invoked_function_arn.rpartition(':')[2]]\n"


def _call(client: Any, name: str, **more: Any) -> Any:
    return json.loads(client.invoke(FunctionName=name, **more)["Payload"].read())


def _update(client: Any, name: str, source: str) -> None:
    client.update_function_code(FunctionName=name, ZipFile=a_zip({"app.py": source}))
    client.get_waiter("function_updated_v2").wait(FunctionName=name)


def test_new_code_serves_as_soon_as_the_update_is_successful(client: Any, deploy: Any) -> None:
    name = deploy(SAYS.format("old"))
    assert _call(client, name)[0] == "old"

    _update(client, name, SAYS.format("new"))

    assert {_call(client, name)[0] for _ in range(5)} == {"new"}


def test_code_is_unpacked_on_the_node_before_anybody_calls_it(client: Any, deploy: Any, platform: Platform) -> None:
    trees = platform.home / "node" / "code"
    name = deploy(SAYS.format(uuid.uuid4().hex))
    until(lambda: (trees / package_of(client, name) / "code" / "app.py").exists())

    _update(client, name, SAYS.format(uuid.uuid4().hex))
    until(lambda: (trees / package_of(client, name) / "code" / "app.py").exists())


def package_of(client: Any, name: str) -> str:
    """The hex digest of a function's package."""
    return base64.b64decode(client.get_function(FunctionName=name)["Configuration"]["CodeSha256"]).hex()


def test_new_configuration_gives_new_environments(client: Any, deploy: Any) -> None:
    name = deploy("import os\ndef handler(event, context):\n    return os.environ.get('COLOUR')\n")
    assert _call(client, name) is None

    client.update_function_configuration(FunctionName=name, Environment={"Variables": {"COLOUR": "blue"}})
    client.get_waiter("function_updated_v2").wait(FunctionName=name)

    assert _call(client, name) == "blue"


def test_versions_keep_their_code_and_aliases_move(client: Any, deploy: Any) -> None:
    name = deploy(SAYS.format("one"))
    first = client.publish_version(FunctionName=name)["Version"]
    client.create_alias(FunctionName=name, Name="live", FunctionVersion=first)
    _update(client, name, SAYS.format("two"))
    second = client.publish_version(FunctionName=name)["Version"]

    before = _call(client, name, Qualifier="live")
    client.update_alias(FunctionName=name, Name="live", FunctionVersion=second)
    after = _call(client, name, Qualifier="live")

    assert (first, second) == ("1", "2")
    assert before == ["one", "1", "live"]
    assert after == ["two", "2", "live"]
    assert _call(client, f"{name}:1")[0] == "one"


def test_a_weighted_alias_shares_its_calls(client: Any, deploy: Any) -> None:
    name = deploy(SAYS.format("one"))
    client.publish_version(FunctionName=name)
    _update(client, name, SAYS.format("two"))
    client.publish_version(FunctionName=name)
    client.create_alias(
        FunctionName=name, Name="half", FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}}
    )

    answers = Counter(client.invoke(FunctionName=name, Qualifier="half")["ExecutedVersion"] for _ in range(60))

    assert set(answers) == {"1", "2"}


def test_the_code_link_downloads_the_package(client: Any, deploy: Any) -> None:
    name = deploy(SAYS.format("one"))

    location = client.get_function(FunctionName=name)["Code"]["Location"]
    with urllib.request.urlopen(location) as answer:
        package = answer.read()

    assert package == a_zip({"app.py": SAYS.format("one")})


def test_a_deleted_function_is_gone(client: Any, deploy: Any) -> None:
    name = deploy(SAYS.format("one"))
    _call(client, name)

    client.delete_function(FunctionName=name)

    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.invoke(FunctionName=name)


def test_calls_at_once_get_environments_of_their_own(client: Any, deploy: Any) -> None:
    name = deploy(
        "import time, uuid\nme = uuid.uuid4().hex\ndef handler(event, context):\n    time.sleep(0.5)\n    return me\n"
    )

    with ThreadPoolExecutor(8) as pool:
        environments = list(pool.map(lambda _: _call(client, name), range(8)))

    assert len(set(environments)) == 8


def test_reserved_concurrency_is_a_cap(client: Any, deploy: Any) -> None:
    name = deploy("import time\ndef handler(event, context):\n    time.sleep(1)\n    return 1\n")
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=2)

    def attempt(_: int) -> str:
        try:
            return str(_call(client, name))
        except client.exceptions.TooManyRequestsException:
            return "throttled"

    with ThreadPoolExecutor(6) as pool:
        outcomes = Counter(pool.map(attempt, range(6)))

    assert outcomes["throttled"] >= 1
    assert outcomes["1"] >= 2


def test_an_event_is_accepted_and_runs(client: Any, deploy: Any, platform: Platform) -> None:
    mark = uuid.uuid4().hex
    name = deploy("def handler(event, context):\n    print('ran', event['mark'], context.aws_request_id)\n")

    answer = client.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps({"mark": mark}))

    assert answer["StatusCode"] == 202
    assert "ExecutedVersion" not in answer
    assert answer["Payload"].read() == b""
    request_id = answer["ResponseMetadata"]["RequestId"]
    until(lambda: any(f"ran {mark} {request_id}" in line for line in log_lines(platform, name)))


def test_a_failing_event_is_tried_three_times_under_one_request_id(
    client: Any, deploy: Any, platform: Platform
) -> None:
    name = deploy(
        "def handler(event, context):\n    print('attempt', context.aws_request_id)\n    raise ValueError('no')\n"
    )

    answer = client.invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
    attempt = f"attempt {answer['ResponseMetadata']['RequestId']}"

    def attempts() -> int:
        return sum(attempt in line for line in log_lines(platform, name))

    until(lambda: attempts() == 3)


def test_invoke_async_of_old_clients_is_an_event(client: Any, deploy: Any, platform: Platform) -> None:
    name = deploy("def handler(event, context):\n    print('old client', event)\n")

    answer = client.invoke_async(FunctionName=name, InvokeArgs=b'{"n": 7}')

    assert answer["Status"] == 202
    until(lambda: any("old client {'n': 7}" in line for line in log_lines(platform, name)))
