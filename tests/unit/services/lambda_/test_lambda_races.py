"""Two clients at once, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from raylambda.model.errors import LambdaError
from tests.unit.services.lambda_.control_plane import ControlPlane, a_function

CLIENTS = 8


def at_once(act: Callable[[int], object]) -> list[int]:
    """The statuses of all clients, sorted; 200 for any success."""

    def status(client: int) -> int:
        try:
            act(client)
        except LambdaError as error:
            return error.status
        return 200

    with ThreadPoolExecutor(CLIENTS) as clients:
        return sorted(clients.map(status, range(CLIENTS)))


def test_one_creation_wins(stored_plane: ControlPlane) -> None:
    statuses = at_once(lambda _: stored_plane.answer("CreateFunction", **a_function()))

    assert statuses == [200] + [409] * (CLIENTS - 1)
    assert len(stored_plane.changes()) == 1


def test_one_update_begins(stored_plane: ControlPlane) -> None:
    stored_plane.active()

    statuses = at_once(
        lambda client: stored_plane.call("UpdateFunctionConfiguration", FunctionName="fn", Timeout=client + 1)
    )

    assert statuses == [200] + [409] * (CLIENTS - 1)


def test_no_tag_is_lost(stored_plane: ControlPlane) -> None:
    stored_plane.active()
    arn = stored_plane.call("GetFunctionConfiguration", FunctionName="fn")["FunctionArn"]

    at_once(lambda client: stored_plane.call("TagResource", Resource=arn, Tags={f"client{client}": "x"}))

    assert len(stored_plane.call("ListTags", Resource=arn)["Tags"]) == CLIENTS


def test_a_revision_is_used_once(stored_plane: ControlPlane) -> None:
    stored_plane.active()
    alias = stored_plane.call("CreateAlias", FunctionName="fn", Name="live", FunctionVersion="$LATEST")

    statuses = at_once(
        lambda client: stored_plane.call(
            "UpdateAlias", FunctionName="fn", Name="live", Description=str(client), RevisionId=alias["RevisionId"]
        )
    )

    assert statuses == [200] + [412] * (CLIENTS - 1)


def test_reservations_never_exceed_the_account(stored_plane: ControlPlane) -> None:
    names = [stored_plane.active(f"fn{client}") for client in range(CLIENTS)]

    at_once(
        lambda client: stored_plane.call(
            "PutFunctionConcurrency", FunctionName=names[client], ReservedConcurrentExecutions=200
        )
    )

    assert stored_plane.call("GetAccountSettings")["AccountLimit"]["UnreservedConcurrentExecutions"] == 200
