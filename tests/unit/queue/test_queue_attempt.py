"""What an error of the invoker means for an event."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from raylambda.model.errors import (
    InvalidRequestContentException,
    LambdaError,
    ResourceConflictException,
    ResourceNotFoundException,
    ResourceNotReadyException,
    ServiceException,
    TooManyRequestsException,
)
from raylambda.model.function import Alias, FunctionRecord, FunctionVersion, State
from raylambda.queue.attempt import Attempts, outcome_of
from raylambda.queue.rules import AttemptFailed, AttemptRefused, Gone, Outcome, Throttled
from raylambda.store.engine import Database, open_engine
from tests.unit.queue.scripted_queue import ACCOUNT, REGION, ScriptedInvoker, a_call

RESERVED = "ReservedFunctionConcurrentInvocationLimitExceeded"


def a_record(reserved_concurrency: int | None = None) -> FunctionRecord:
    latest = FunctionVersion(ACCOUNT, REGION, "f", "$LATEST", "g", State.ACTIVE, "python3.11", "a.b", "ab" * 32, 1)
    return FunctionRecord(
        ACCOUNT, REGION, "f", {"$LATEST": latest}, {"live": Alias("live", "$LATEST")}, reserved_concurrency
    )


@pytest.mark.parametrize(
    ("error", "record", "qualifier", "outcome"),
    [
        (TooManyRequestsException(reason=RESERVED), a_record(0), None, Throttled(reserved_zero=True)),
        (TooManyRequestsException(reason=RESERVED), a_record(1), None, Throttled()),
        (TooManyRequestsException(reason=RESERVED), None, None, Throttled()),
        (TooManyRequestsException(reason="ConcurrentInvocationLimitExceeded"), a_record(0), None, Throttled()),
        (ResourceNotFoundException("x"), None, None, Gone()),
        (ResourceNotFoundException("x"), a_record(), "deleted", Gone()),
        (ResourceNotFoundException("x"), a_record(), None, AttemptFailed("ResourceNotFoundException")),
        (ResourceNotFoundException("x"), a_record(), "live", AttemptFailed("ResourceNotFoundException")),
        (ResourceNotFoundException("x"), a_record(), "$LATEST", AttemptFailed("ResourceNotFoundException")),
        (ResourceConflictException("Pending"), None, None, AttemptFailed("ResourceConflictException")),
        (ServiceException("x"), None, None, AttemptFailed("ServiceException")),
        (ResourceNotReadyException("no GPU"), None, None, AttemptFailed("ResourceNotReadyException")),
        (InvalidRequestContentException("no JSON"), None, None, AttemptRefused("InvalidRequestContentException")),
    ],
)
def test_an_error_becomes_an_outcome(
    error: LambdaError, record: FunctionRecord | None, qualifier: str | None, outcome: Outcome
) -> None:
    assert outcome_of(error, qualifier, record) == outcome


def test_a_function_is_not_gone_while_the_store_cannot_say_so(tmp_path: Path) -> None:
    unmigrated = Database(open_engine(f"sqlite:///{tmp_path}/store.sqlite"))
    attempts = Attempts(ScriptedInvoker(ResourceNotFoundException("x")), unmigrated)

    outcome, completion = asyncio.run(attempts.make(a_call()))

    assert (outcome, completion) == (AttemptFailed("StoreUnavailable"), None)
