"""How a client names a function, and what AWS prints back (lambda-reference.md 5, names, ARNs, qualifiers)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_REFERENCE = re.compile(
    r"(?:arn:(?P<partition>aws[a-zA-Z-]*)?:lambda:)?"
    r"(?:(?P<region>(?:eusc-)?[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-\d):)?"
    r"(?:(?P<account>\d{12}):)?"
    r"(?:function:)?"
    r"(?P<name>[a-zA-Z0-9-_.]+)"
    r"(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class FunctionReference:
    """A parsed ``FunctionName``: ``account`` and ``region`` are ``None`` when the client left them out."""

    name: str
    qualifier: str | None = None
    account: str | None = None
    region: str | None = None


def parse_function_reference(text: str) -> FunctionReference | None:
    """Read ``name``, ``name:qualifier``, ``account:function:name[:q]`` or a full ARN; ``None`` when it is none of them."""
    match = _REFERENCE.fullmatch(text)
    if match is None:
        return None
    return FunctionReference(match["name"], match["qualifier"], match["account"], match["region"])


def function_arn(region: str, account: str, name: str, qualifier: str | None = None) -> str:
    """``arn:aws:lambda:<region>:<account>:function:<name>[:<qualifier>]``."""
    arn = f"arn:aws:lambda:{region}:{account}:function:{name}"
    return arn if qualifier is None else f"{arn}:{qualifier}"


def layer_arn(region: str, account: str, name: str) -> str:
    """``arn:aws:lambda:<region>:<account>:layer:<name>``; a version of it ends with ``:<number>``."""
    return f"arn:aws:lambda:{region}:{account}:layer:{name}"


def event_source_mapping_arn(region: str, account: str, uuid: str) -> str:
    """``arn:aws:lambda:<region>:<account>:event-source-mapping:<uuid>``."""
    return f"arn:aws:lambda:{region}:{account}:event-source-mapping:{uuid}"


def account_arn(region: str, account: str) -> str:
    """All of Lambda's that an account has in a region: ``arn:aws:lambda:<region>:<account>:*``."""
    return f"arn:aws:lambda:{region}:{account}:*"


def identity_arn(account: str, kind: str) -> str:
    """Who asks, in IAM's words: ``arn:aws:iam::<account>:<kind>``."""
    return f"arn:aws:iam::{account}:{kind}"


def region_of(arn: str) -> str:
    """The region that an ARN names; empty where it names none."""
    return arn.split(":", 4)[3]


def account_of(arn: str) -> str:
    """The account that an ARN names; empty where it names none."""
    return arn.split(":", 5)[4]


def runtime_version_arn(region: str, runtime: str) -> str:
    """``arn:aws:lambda:<region>::runtime:<64 hex>``; the same runtime always has the same one."""
    return f"arn:aws:lambda:{region}::runtime:{hashlib.sha256(runtime.encode()).hexdigest()}"
