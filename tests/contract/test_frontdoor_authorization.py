"""Whatever a request wants, it is asked first whether its principal may: every endpoint passes one authorizer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from raylambda.frontdoor.auth.signature import AnyKey
from raylambda.model.errors import AccessDeniedException
from raylambda.model.principal import Principal
from raylambda.services.lambda_.table import OPERATIONS, OWN_OPERATIONS
from raylambda.services.protocol.operation import Operation
from raylambda.testing.calls import RecordingQueue, ScriptedInvoker
from tests.builders import a_zip
from tests.plugins.frontdoor import ACCOUNT, Served, a_front_door, serving

REGION = "us-east-1"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:hello"
FOREIGN = f"arn:aws:lambda:{REGION}:210987654321:function:hello"
ELSEWHERE = f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:hello"
EVERYTHING = f"arn:aws:lambda:{REGION}:{ACCOUNT}:*"

ROWS = (*OPERATIONS.values(), *OWN_OPERATIONS.values())
MAPPING = "00000000-0000-0000-0000-000000000000"
LAYER = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:tools"
SIGNING = f"arn:aws:lambda:{REGION}:{ACCOUNT}:code-signing-config:csc-0123456789abcdefg"
LABELS = {
    "Name": "live",
    "UUID": MAPPING,
    "LayerName": "tools",
    "VersionNumber": "7",
    "StatementId": "all",
    "CodeSigningConfigArn": SIGNING,
}
NEEDED = {"tagKeys": "team", "Arn": f"{LAYER}:7"}
"""Query parameters without which a request is none, apart from ``Qualifier``."""

QUALIFIED = {"GetProvisionedConcurrencyConfig", "DeleteProvisionedConcurrencyConfig"}
"""Operations that are about a version or alias, and need to be told which."""


def resource_of(row: Operation, function: str) -> str:
    """What a policy would name when this operation is sent about this function, or about nothing that is one."""
    for label, arn in (
        ("{FunctionName}", f"{function}:live" if row.name in QUALIFIED else function),
        ("{Resource}", function),
        ("{UUID}", f"arn:aws:lambda:{REGION}:{ACCOUNT}:event-source-mapping:{MAPPING}"),
        ("{CodeSigningConfigArn}", SIGNING),
        ("{VersionNumber}", f"{LAYER}:7"),
        ("{LayerName}", LAYER),
    ):
        if label in row.path:
            return arn
    return {"CreateFunction": function, "GetLayerVersionByArn": f"{LAYER}:7"}.get(row.name, EVERYTHING)


ACTIONS = {"Invoke": "lambda:InvokeFunction"} | {name: f"raylambda:{name}" for name in OWN_OPERATIONS}
"""Where the action is not ``lambda:`` and the name of the operation."""

BODIES: dict[str, dict[str, Any]] = {
    "CreateFunction": {
        "Runtime": "python3.11",
        "Handler": "app.handler",
        "Role": "arn:aws:iam::123456789012:role/worker",
        "Code": {"ZipFile": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="},
    },
    "CreateAlias": {"Name": "live", "FunctionVersion": "1"},
    "PutFunctionConcurrency": {"ReservedConcurrentExecutions": 3},
    "TagResource": {"Tags": {"team": "blue"}},
}
"""The bodies that operations need; CreateFunction names its function there too."""

every_operation = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
every_operation_on_functions = pytest.mark.parametrize(
    "row", [row for row in ROWS if resource_of(row, FOREIGN).startswith(FOREIGN)], ids=lambda row: row.name
)


@dataclass
class Refusing:
    """Allows nothing, and remembers what it was asked."""

    asked: list[tuple[Principal, str, str]] = field(default_factory=list)

    def __call__(self, principal: Principal, action: str, resource: str) -> None:
        self.asked.append((principal, action, resource))
        raise AccessDeniedException("not you")


@pytest.fixture(scope="module")
def refusing() -> Refusing:
    return Refusing()


@pytest.fixture(scope="module")
def locked_door(tmp_path_factory: pytest.TempPathFactory, refusing: Refusing) -> Iterator[Served]:
    """A front door that knows who asks and lets nobody do anything."""
    home = tmp_path_factory.mktemp("locked")
    with serving(a_front_door(home, authenticator=AnyKey(ACCOUNT, REGION), authorize=refusing)) as served:
        yield served


@pytest.fixture(scope="module")
def open_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A front door as it is, but for signatures."""
    home = tmp_path_factory.mktemp("open")
    with serving(a_front_door(home, authenticator=AnyKey(ACCOUNT, REGION))) as served:
        yield served


def send(served: Served, row: Operation, function: str) -> httpx.Response:
    """A request of this operation that has all that it needs, about ``function``."""
    labels = {"FunctionName": function, "Resource": function if ":" in function else FUNCTION, **LABELS}
    path = row.path
    for label, value in labels.items():
        path = path.replace(f"{{{label}}}", quote(value, safe=""))
    query = {name: value for name, value in NEEDED.items() if name in row.query}
    query |= {"Qualifier": "live"} if row.name in QUALIFIED else {}
    query |= dict([row.select] if row.select else [])
    body = BODIES.get(row.name, {}) | ({"FunctionName": function} if row.name == "CreateFunction" else {})
    content = json.dumps(body).encode() if row.method in {"POST", "PUT"} else b""
    return httpx.request(row.method, f"{served.url}{path}", params=query, content=content, timeout=30)


@every_operation
def test_every_operation_passes_the_authorizer(locked_door: Served, refusing: Refusing, row: Operation) -> None:
    refusing.asked.clear()

    answer = send(locked_door, row, "hello")

    assert (answer.status_code, answer.json()) == (403, {"Message": "not you"})
    assert answer.headers["x-amzn-errortype"] == "AccessDeniedException"
    expected = ACTIONS.get(row.name, f"lambda:{row.name}"), resource_of(row, FUNCTION)
    assert [asked[1:] for asked in refusing.asked] == [expected]
    assert refusing.asked[0][0] == Principal(ACCOUNT, REGION, "")


@pytest.mark.parametrize(
    ("path", "action", "resource"),
    [
        ("status", "raylambda:Status", EVERYTHING),
        ("status?detail=all", "raylambda:Status", EVERYTHING),
        ("status?detail=all&function=hello", "raylambda:Status", FUNCTION),
        ("functions/hello/logs", "raylambda:Logs", FUNCTION),
        ("functions/hello/logs?follow=true", "raylambda:Logs", FUNCTION),
    ],
)
def test_our_own_paths_pass_it_too(
    locked_door: Served, refusing: Refusing, path: str, action: str, resource: str
) -> None:
    refusing.asked.clear()

    answer = httpx.get(f"{locked_door.url}/_raylambda/{path}", timeout=30)

    assert answer.status_code == 403
    assert [asked[1:] for asked in refusing.asked] == [(action, resource)]


def test_nothing_that_is_refused_has_happened(tmp_path: Path) -> None:
    invoker, queue = ScriptedInvoker(), RecordingQueue()
    parts = a_front_door(
        tmp_path, authenticator=AnyKey(ACCOUNT, REGION), authorize=Refusing(), invoker=invoker, queue=queue
    )

    with serving(parts) as served:
        for row in ROWS:
            send(served, row, "hello")

    assert (invoker.checked, invoker.calls, queue.accepted) == ([], [], [])


@every_operation_on_functions
def test_a_function_of_another_account_is_refused(open_door: Served, row: Operation) -> None:
    answer = send(open_door, row, FOREIGN)

    assert answer.status_code == 403
    assert answer.headers["x-amzn-errortype"] == "AccessDeniedException"
    assert answer.json() == {
        "Message": f"User: arn:aws:iam::{ACCOUNT}:root is not authorized to perform this operation "
        f"on resource: {resource_of(row, FOREIGN)}"
    }


@every_operation_on_functions
def test_a_function_of_another_region_is_not_reachable(open_door: Served, row: Operation) -> None:
    answer = send(open_door, row, ELSEWHERE)

    assert answer.status_code == 404
    assert answer.json()["Message"] == f"Functions from 'eu-west-1' are not reachable in this region ('{REGION}')"


@pytest.mark.parametrize("path", ["status?detail=all&function={}", "functions/{}/logs"])
@pytest.mark.parametrize(("function", "status"), [(FOREIGN, 403), (ELSEWHERE, 404), ("no name!", 400)])
def test_our_own_paths_refuse_such_functions_alike(open_door: Served, path: str, function: str, status: int) -> None:
    answer = httpx.get(f"{open_door.url}/_raylambda/{path.format(quote(function, safe=''))}", timeout=30)

    assert answer.status_code == status


def test_a_function_is_asked_about_in_detail_or_not_at_all(open_door: Served) -> None:
    answer = httpx.get(f"{open_door.url}/_raylambda/status?function=hello", timeout=30)

    assert (answer.status_code, answer.json()["message"]) == (400, "function goes with detail=all.")


def test_a_call_says_who_asked(tmp_path: Path) -> None:
    invoker = ScriptedInvoker()
    with serving(a_front_door(tmp_path, invoker=invoker)) as served:
        client = served.client(region=REGION)
        client.create_function(
            FunctionName="hello",
            Runtime="python3.11",
            Handler="app.handler",
            Role="arn:aws:iam::123456789012:role/worker",
            Code={"ZipFile": a_zip({"app.py": "handler = print\n"})},
        )
        client.invoke(FunctionName="hello")

    assert invoker.calls[0].principal == Principal(ACCOUNT, REGION, "AKIDEXAMPLE")
