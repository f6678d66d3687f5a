"""The root of every request and response model."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_pascal

_IRREGULAR = {"kms_key_arn": "KMSKeyArn", "source_kms_key_arn": "SourceKMSKeyArn", "uuid": "UUID"}


def to_member(name: str) -> str:
    """AWS's member name of a field: ``code_sha256`` -> ``CodeSha256``."""
    return _IRREGULAR.get(name) or to_pascal(name)


class Wire(BaseModel):
    """AWS's member names outside, Python's inside; JSON types are not converted, members that AWS does not know are ignored.

    ``regex_engine`` is Python's because Pydantic's own refuses the look-around in AWS's patterns.
    """

    model_config = ConfigDict(
        alias_generator=to_member,
        populate_by_name=True,
        extra="ignore",
        strict=True,
        frozen=True,
        regex_engine="python-re",
    )


def render(answer: Wire) -> bytes:
    """The JSON body; absent members are absent."""
    return answer.model_dump_json(by_alias=True, exclude_none=True).encode()
