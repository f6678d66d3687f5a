"""The wording of AWS's validation messages (lambda-reference.md 1, validation message grammar). Pure.

``1 validation error detected: Value 'x' at 'functionName' failed to satisfy constraint: Member must ...``; several
complaints stand in one message, with ``; `` between them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from raylambda.model.errors import ValidationException
from raylambda.model.names import Text


def complaint(path: str, value: object, rule: str) -> str:
    """One broken rule of one member; ``path`` is in AWS's form (``functionName``, ``fileSystemConfigs.1.member.arn``)."""
    shown = "null" if value is None else f"'{_as_java(value)}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {rule}"


def detected(complaints: Sequence[str]) -> str:
    """The message that says them all."""
    count = len(complaints)
    return f"{count} validation error{'s' if count > 1 else ''} detected: {'; '.join(complaints)}"


def check_members(*members: tuple[str, str | None, Text]) -> None:
    """Name, value (``None`` when absent) and rules of members that are not in a JSON body; raises ``ValidationException``."""
    complaints = [
        complaint(member, value, rule)
        for member, value, rules in members
        if value is not None
        for rule in rules.broken(value)
    ]
    if complaints:
        raise ValidationException(detected(complaints))


def _as_java(value: object) -> str:
    """A value as AWS's own programs print it."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}={_as_java(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_as_java(item) for item in value) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)
