"""May this principal do this? One question, asked once of every request, between its arrival and whoever serves it.

An *action* is ``lambda:`` and the name of the operation (``lambda:InvokeFunction`` for Invoke, as IAM has it), or
``raylambda:`` and the name of what only raylambda has; a *resource* is an ARN. There are no policies yet, so an account may
do everything with what is its own, and nothing with what is another's.
"""

from __future__ import annotations

from collections.abc import Callable

from raylambda.model.arn import account_of
from raylambda.model.errors import AccessDeniedException
from raylambda.model.principal import Principal

Authorize = Callable[[Principal, str, str], None]
"""Takes principal, action and resource; returns when it is allowed, and otherwise raises ``AccessDeniedException``."""


def authorize(principal: Principal, action: str, resource: str) -> None:
    """Implements ``Authorize`` for accounts without policies: whatever the action, only the resource's account counts."""
    if account_of(resource) != principal.account:
        raise AccessDeniedException(
            f"User: {principal.arn} is not authorized to perform this operation on resource: {resource}"
        )
