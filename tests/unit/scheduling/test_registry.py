"""Names, qualifiers and aliases resolve as AWS says."""

from __future__ import annotations

import pytest

from raylambda.model.errors import ResourceConflictException, ResourceNotFoundException
from raylambda.model.function import Alias, FunctionRecord, State
from raylambda.model.invocation import Target
from raylambda.scheduling.registry import Registry
from tests.builders import ACCOUNT, ARN, KEY, REGION, a_record, a_version


def two_versions(**changes: object) -> FunctionRecord:
    return a_record(a_version(), a_version(version="1"), a_version(version="2"), **changes)


def resolve(registry: Registry, qualifier: str | None = None, name: str = "hello") -> Target:
    return registry.resolve(ACCOUNT, REGION, name, qualifier)


def a_registry(*records: FunctionRecord, draw: float = 0.0) -> Registry:
    registry = Registry(lambda: draw)
    for record in records:
        registry.put(record)
    return registry


@pytest.mark.parametrize(
    ("qualifier", "version", "arn", "label"),
    [
        (None, "$LATEST", ARN, "hello:$LATEST"),
        ("$LATEST", "$LATEST", f"{ARN}:$LATEST", "hello:$LATEST"),
        ("2", "2", f"{ARN}:2", "hello:2"),
        ("live", "1", f"{ARN}:live", "hello:live"),
    ],
)
def test_the_invoked_arn_keeps_the_clients_qualifier(qualifier: str | None, version: str, arn: str, label: str) -> None:
    registry = a_registry(two_versions(aliases={"live": Alias("live", "1")}))

    target = resolve(registry, qualifier)

    assert target.version.version == version
    assert target.invoked_arn == arn
    assert target.label == label


@pytest.mark.parametrize(("draw", "version"), [(0.0, "2"), (0.29, "2"), (0.3, "1"), (0.99, "1")])
def test_an_alias_with_weights_sends_a_share_to_its_additional_version(draw: float, version: str) -> None:
    registry = a_registry(two_versions(aliases={"live": Alias("live", "1", {"2": 0.3})}), draw=draw)

    assert resolve(registry, "live").version.version == version


@pytest.mark.parametrize(
    ("name", "qualifier", "message"),
    [
        ("other", None, f"Function not found: {ARN[:-5]}other:$LATEST"),
        ("n" * 140, None, f"Function not found: {ARN[:-5]}{'n' * 140}:$LATEST"),
        ("other", "$LATEST", f"Function not found: {ARN[:-5]}other:$LATEST"),
        ("hello", "9", f"Function not found: {ARN}:9"),
        ("hello", "nightly", f"Function not found: {ARN}:nightly"),
    ],
)
def test_what_does_not_exist_is_named_with_the_version_that_was_asked_for(
    name: str, qualifier: str | None, message: str
) -> None:
    registry = a_registry(two_versions())

    with pytest.raises(ResourceNotFoundException) as error:
        resolve(registry, qualifier, name)

    assert str(error.value) == message


def test_a_pending_function_cannot_be_invoked_yet() -> None:
    registry = a_registry(a_record(a_version(state=State.PENDING)))

    with pytest.raises(ResourceConflictException) as error:
        resolve(registry)

    assert str(error.value) == (
        "The operation cannot be performed at this time. The function is currently in the following state: Pending"
    )


def test_functions_of_another_account_or_region_are_other_functions() -> None:
    registry = a_registry(two_versions())

    for account, region in (("210987654321", REGION), (ACCOUNT, "eu-west-1")):
        with pytest.raises(ResourceNotFoundException):
            registry.resolve(account, region, "hello", None)


def test_a_dropped_function_is_not_found() -> None:
    registry = a_registry(two_versions())

    registry.drop(KEY)
    registry.drop((ACCOUNT, REGION, "never-was"))

    with pytest.raises(ResourceNotFoundException):
        resolve(registry)
