"""PostgreSQL goes away under a running platform, and comes back (design.md 8).

The control plane answers 500 ServiceException, functions that are known go on, also where they need new environments, no event
is accepted that is not kept, and nothing is half-written afterwards.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from raylambda.testing.platform import running_platform
from tests.builders import a_zip
from tests.cluster.witness import Witness
from tests.cluster.world import OK, ROLE, World, a_world, platform_settings
from tests.plugins.databases import PostgresqlServer
from tests.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.jail, pytest.mark.postgresql, pytest.mark.timeout(300)]


@pytest.fixture
def world_on_postgresql(own_postgresql_server: PostgresqlServer, witness: Witness) -> Iterator[World]:
    url = own_postgresql_server.create_database()
    settings = {**platform_settings(witness), "RAYLAMBDA_DATABASE_URL": url}
    with running_platform(settings) as platform, a_world(platform, witness, url) as world:
        yield world


def refused(operation: Any, **arguments: Any) -> tuple[int, str]:
    """Status and code of an answer that is an error."""
    with pytest.raises(ClientError) as raised:
        operation(**arguments)
    response = raised.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def serves_the_control_plane(world: World) -> bool:
    try:
        world.client.list_functions()
    except ClientError:
        return False
    return True


def configuration(world: World, function: str) -> dict[str, Any]:
    answer: dict[str, Any] = world.client.get_function_configuration(FunctionName=function)
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def new_id() -> str:
    return uuid.uuid4().hex


def test_a_store_that_goes_away_and_comes_back(
    world_on_postgresql: World, own_postgresql_server: PostgresqlServer
) -> None:
    world, client, witness = world_on_postgresql, world_on_postgresql.client, world_on_postgresql.witness
    function, new = world.deploy(), f"new-{new_id()}"
    assert world.call(function, {"id": new_id()}).result() == OK
    before = configuration(world, function)
    running, refused_event, gate = new_id(), new_id(), new_id()
    world.send(function, {"id": running, "gate": gate})
    until(lambda: witness.began[running])
    creation = {
        "FunctionName": new,
        "Runtime": "python3.11",
        "Handler": "app.handler",
        "Role": ROLE,
        "Code": {"ZipFile": a_zip({"app.py": "def handler(event, context):\n    return 1\n"})},
    }

    own_postgresql_server.kill()

    # Three at once: the first environment is busy, so these are cold starts.
    calls = [world.call(function, {"id": new_id()}) for _ in range(3)]
    assert refused(client.list_functions) == (500, "ServiceException")
    assert refused(client.create_function, **creation) == (500, "ServiceException")
    update = {"FunctionName": function, "MemorySize": 512}
    assert refused(client.update_function_configuration, **update) == (500, "ServiceException")
    asynchronous = {"FunctionName": function, "InvocationType": "Event", "Payload": f'{{"id": "{refused_event}"}}'}
    assert refused(client.invoke, **asynchronous) == (500, "ServiceException")
    assert [call.result() for call in calls] == [OK] * 3
    witness.open(gate)
    until(lambda: witness.ended[running])
    assert world.call(function, {"id": new_id()}).result() == OK
    assert world.operator.health()

    own_postgresql_server.start()

    until(lambda: serves_the_control_plane(world))
    until(lambda: world.unsettled() == 0)
    assert witness.began[running] == 1
    assert witness.began[refused_event] == 0
    assert configuration(world, function) == before
    assert refused(client.get_function, FunctionName=new) == (404, "ResourceNotFoundException")
    client.create_function(**creation)
    client.get_waiter("function_active_v2").wait(FunctionName=new)
    assert client.invoke(FunctionName=new)["Payload"].read() == b"1"
    assert world.units() == {}
