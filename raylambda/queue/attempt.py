"""One attempt: invoke, and say what came out in the words of ``rules``."""

from __future__ import annotations

import asyncio

import structlog

from raylambda.model.errors import (
    LambdaError,
    ResourceConflictException,
    ResourceNotFoundException,
    ThrottleReason,
    TooManyRequestsException,
)
from raylambda.model.function import FunctionRecord
from raylambda.model.invocation import Call, Completion, Invoker
from raylambda.queue.rules import AttemptFailed, AttemptRefused, Gone, Outcome, Ran, Throttled
from raylambda.store.engine import Database
from raylambda.store.errors import StoreUnavailable
from raylambda.store.functions import load_function

log = structlog.get_logger(__name__)


class Attempts:
    """Makes attempts. Asks the store before it believes that a function is gone: what the invoker knows may be behind."""

    def __init__(self, invoker: Invoker, database: Database) -> None:
        self._invoker = invoker
        self._database = database

    async def make(self, call: Call) -> tuple[Outcome, Completion | None]:
        """Run ``call`` once. Never raises but for cancellation: whatever fails is an outcome."""
        try:
            completion = await self._invoker.invoke(call)
        except LambdaError as error:
            return await self._refusal(call, error), None
        except Exception as error:
            log.exception("event_attempt_failed", request_id=call.request_id)
            return AttemptFailed(type(error).__name__), None
        return Ran(failed=completion.result.function_error is not None), completion

    async def _refusal(self, call: Call, error: LambdaError) -> Outcome:
        record: FunctionRecord | None = None
        if isinstance(error, ResourceNotFoundException | TooManyRequestsException):
            try:
                record = await asyncio.to_thread(self._load, call)
            except StoreUnavailable:
                return AttemptFailed("StoreUnavailable")
        return outcome_of(error, call.qualifier, record)

    def _load(self, call: Call) -> FunctionRecord | None:
        with self._database.reading() as session:
            return load_function(session, call.account, call.region, call.name)


def outcome_of(error: LambdaError, qualifier: str | None, record: FunctionRecord | None) -> Outcome:
    """What an error of the invoker means for the event; ``record`` is the function as the store has it now."""
    match error:
        case TooManyRequestsException(reason=reason):
            reserved = None if record is None else record.reserved_concurrency
            return Throttled(reserved_zero=reason == ThrottleReason.FUNCTION and reserved == 0)
        case ResourceNotFoundException():
            return AttemptFailed(error.code) if _has(record, qualifier) else Gone()
        case ResourceConflictException():
            # The function is being created or updated; it will be usable later (lambda-reference.md 5).
            return AttemptFailed(error.code)
    return AttemptFailed(error.code) if error.status >= 500 else AttemptRefused(error.code)


def _has(record: FunctionRecord | None, qualifier: str | None) -> bool:
    if record is None:
        return False
    return qualifier is None or qualifier in record.versions or qualifier in record.aliases
