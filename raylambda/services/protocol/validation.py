"""Pydantic's errors in AWS's words (the words themselves are ``model.validation_text``'s).

A JSON value of the wrong type is a ``SerializationException``, as AWS's own deserialiser says it; a value that breaks a rule
of the service model is a ``ValidationException`` that lists every broken rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from raylambda.model.errors import (
    InvalidParameterValueException,
    LambdaError,
    SerializationException,
    ValidationException,
)
from raylambda.model.names import CONSTRAINT, NOT_NULL
from raylambda.model.validation_text import complaint, detected
from raylambda.services.protocol.wire import Wire

_Request = TypeVar("_Request", bound=Wire)

_WANTED = {
    "string": "a String",
    "int": "an Integer",
    "float": "a Double",
    "bool": "a Boolean",
    "bytes": "a Blob",
}


def bind(model: type[_Request], document: Mapping[str, Any]) -> _Request:
    """Make the request; raises ``SerializationException``, ``ValidationException`` or ``InvalidParameterValueException``."""
    try:
        return model.model_validate(document, by_alias=True, by_name=False)
    except ValidationError as failure:
        raise _translated(failure.errors(include_url=False)) from None


def _translated(errors: Sequence[ErrorDetails]) -> LambdaError:
    complaints: list[str] = []
    for error in errors:
        if error["type"] == "missing":
            complaints.append(complaint(_path(error["loc"]), None, NOT_NULL))
        elif error["type"] == CONSTRAINT:
            context = error["ctx"]
            complaints += [complaint(_path(error["loc"]), context["value"], rule) for rule in context["broken"]]
        elif error["type"] == "value_error":
            return InvalidParameterValueException(str(error["ctx"]["error"]))
        elif error["type"] == "extra_forbidden":
            member = ".".join(str(part) for part in error["loc"])
            return InvalidParameterValueException(f"{member} is not a member of this request.")
        elif error["input"] is None:
            complaints.append(complaint(_path(error["loc"]), None, NOT_NULL))
        else:
            return SerializationException(_unconvertible(error))
    return ValidationException(detected(complaints))


def _path(location: Sequence[str | int]) -> str:
    """``('VpcConfig', 'SubnetIds')`` -> ``vpcConfig.subnetIds``; an element of a list is ``fileSystemConfigs.1.member``."""
    parts = (f"{part + 1}.member" if isinstance(part, int) else part[:1].lower() + part[1:] for part in location)
    return ".".join(parts)


def _unconvertible(error: ErrorDetails) -> str:
    """The text of AWS's deserialiser for a JSON value of the wrong type."""
    value, wanted = error["input"], _WANTED.get(error["type"].partition("_")[0])
    if isinstance(value, Mapping):
        return "Start of structure or map found where not expected."
    if isinstance(value, list):
        return "Start of list found where not expected"
    if wanted is None:
        return "Expected list or null" if error["type"].startswith("list") else "Expected null"
    return f"{_token(value)} can not be converted to {wanted}"


def _token(value: object) -> str:
    if isinstance(value, bool):
        return f"{value}_VALUE".upper()
    if isinstance(value, float):
        return "DECIMAL_VALUE"
    return "NUMBER_VALUE" if isinstance(value, int) else "STRING_VALUE"
