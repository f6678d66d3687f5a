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
from raylambda.model.function import Alias, FunctionRecord
from raylambda.queue.attempt import Attempts, outcome_of
from raylambda.queue.rules import AttemptFailed, AttemptRefused, Gone, Outcome, Throttled
from raylambda.store.engine import Database, open_engine
from raylambda.testing.calls import ScriptedInvoker
from tests.builders import a_call, a_record

LIVE = {"live": Alias("live", "$LATEST")}
RESERVED = "ReservedFunctionConcurrentInvocationLimitExceeded"


@pytest.mark.parametrize(
    ("error", "record", "qualifier", "outcome"),
    [
        (
            TooManyRequestsException(reason=RESERVED),
            a_record(reserved_concurrency=0),
            None,
            Throttled(reserved_zero=True),
        ),
        (TooManyRequestsException(reason=RESERVED), a_record(reserved_concurrency=1), None, Throttled()),
        (TooManyRequestsException(reason=RESERVED), None, None, Throttled()),
        (
            TooManyRequestsException(reason="ConcurrentInvocationLimitExceeded"),
            a_record(reserved_concurrency=0),
            None,
            Throttled(),
        ),
        (ResourceNotFoundException("x"), None, None, Gone()),
        (ResourceNotFoundException("x"), a_record(aliases=LIVE), "deleted", Gone()),
        (ResourceNotFoundException("x"), a_record(), None, AttemptFailed("ResourceNotFoundException")),
        (ResourceNotFoundException("x"), a_record(aliases=LIVE), "live", AttemptFailed("ResourceNotFoundException")),
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
