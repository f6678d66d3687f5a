"""The states of ``$LATEST`` as operations see and set them; ``store.activation`` ends Pending and InProgress.

::

    CreateFunction            -> Pending                        -> Active, Successful
    an update of an Active    -> Active, InProgress             -> Active, Successful
    an update of any other    -> 409 ResourceConflictException
"""

from __future__ import annotations

from typing import Final

from raylambda.model.arn import function_arn
from raylambda.model.errors import PreconditionFailedException, ResourceConflictException
from raylambda.model.function import State, UpdateStatus
from raylambda.services.lambda_.configuration import format_time
from raylambda.services.protocol.operation import Context
from raylambda.store.tables import FunctionVersionRow

CREATING_REASON: Final = "The function is being created."
CREATING_CODE: Final = "Creating"


def refuse_stale(current: str, given: str | None) -> None:
    """Raise ``PreconditionFailedException`` if the client gave a RevisionId and it is not ``current``."""
    if given is not None and given != current:
        raise PreconditionFailedException(
            "The Revision Id provided does not match the latest Revision Id. "
            "Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
        )


def refuse_unsettled(latest: FunctionVersionRow) -> None:
    """Raise ``ResourceConflictException`` while the function is being created or updated."""
    if latest.state == State.PENDING:
        raise ResourceConflictException(
            "The operation cannot be performed at this time. "
            f"The function is currently in the following state: {latest.state}"
        )
    if latest.last_update_status == UpdateStatus.IN_PROGRESS:
        arn = function_arn(latest.region, latest.account, latest.name)
        raise ResourceConflictException(
            f"The operation cannot be performed at this time. An update is in progress for resource: {arn}"
        )


def begin_update(context: Context, latest: FunctionVersionRow) -> None:
    """A new generation, so that environments of the old one are retired; a new revision, even if nothing is different."""
    latest.generation = context.new_id()
    latest.revision_id = context.new_id()
    latest.last_modified = format_time(context.clock.now())
    latest.last_update_status = UpdateStatus.IN_PROGRESS
    latest.last_update_status_reason = CREATING_REASON
    latest.last_update_status_reason_code = CREATING_CODE
