"""What a request says of its signer, before anything of it is believed: the two forms of Signature Version 4.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import re
from calendar import timegm
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import mktime_tz, parsedate_tz
from time import gmtime, strftime, strptime

from raylambda.model.errors import IncompleteSignatureException, InvalidSignatureException

ALGORITHM = "AWS4-HMAC-SHA256"
TIMESTAMP = "%Y%m%dT%H%M%SZ"
LONGEST_PRESIGNED_S = 604_800

_REGION = re.compile(r"[a-z0-9-]{1,32}")
_SECONDS = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A request as it arrived, but for its body. Header names are in lower case; one that came twice is there twice."""

    method: str
    raw_path: str
    headers: Sequence[tuple[str, str]]
    query: Mapping[str, Sequence[str]]

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass(frozen=True, slots=True)
class Credential:
    """Whose signature this is said to be. ``expires_s`` is set for a presigned request only; ``time`` is epoch seconds."""

    access_key_id: str
    date: str
    region: str
    service: str
    terminator: str
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str
    time: int
    expires_s: int | None = None


def read_credential(request: ReceivedRequest) -> Credential | None:
    """The credential of a signed request, ``None`` when it is not signed at all; raises ``IncompleteSignatureException``."""
    authorization = request.header("authorization")
    if authorization is not None:
        return _of_header(request, authorization)
    if "X-Amz-Signature" in request.query or "X-Amz-Credential" in request.query:
        return _of_query(request)
    return None


def _of_header(request: ReceivedRequest, authorization: str) -> Credential:
    parts = _authorization_parts(authorization)
    timestamp = request.header("x-amz-date") or _timestamp_of_date(request.header("date"))
    missing = [
        f"Authorization header requires '{name}' parameter."
        for name in ("Credential", "Signature", "SignedHeaders")
        if not parts.get(name)
    ]
    if timestamp is None:
        missing.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if missing or timestamp is None:
        raise IncompleteSignatureException(" ".join(missing))
    return _credential(parts["Credential"], parts["SignedHeaders"], parts["Signature"], timestamp, None)


def _authorization_parts(authorization: str) -> dict[str, str]:
    algorithm, _, rest = authorization.partition(" ")
    if algorithm != ALGORITHM:
        raise IncompleteSignatureException(f"Unsupported AWS 'algorithm': '{algorithm[:64]}'.")
    pairs = (part.strip().partition("=") for part in rest.split(","))
    return {name: value for name, _, value in pairs}


def _timestamp_of_date(date: str | None) -> str | None:
    parts = None if date is None else parsedate_tz(date)
    if parts is None:
        return date
    try:
        return strftime(TIMESTAMP, gmtime(mktime_tz(parts)))
    except (ValueError, OverflowError, OSError):
        return date


def _of_query(request: ReceivedRequest) -> Credential:
    names = ("Algorithm", "Credential", "SignedHeaders", "Signature", "Date", "Expires")
    values = {name: request.query.get(f"X-Amz-{name}", [""])[0] for name in names}
    missing = [name for name, value in values.items() if not value]
    if missing:
        raise IncompleteSignatureException(f"AWS query-string parameters must include 'X-Amz-{missing[0]}'.")
    if values["Algorithm"] != ALGORITHM:
        raise IncompleteSignatureException(f"Unsupported AWS 'algorithm': '{values['Algorithm'][:64]}'.")
    expires = values["Expires"]
    if _SECONDS.fullmatch(expires) is None or not 1 <= int(expires) <= LONGEST_PRESIGNED_S:
        raise IncompleteSignatureException(f"X-Amz-Expires must be from 1 to {LONGEST_PRESIGNED_S} seconds.")
    return _credential(values["Credential"], values["SignedHeaders"], values["Signature"], values["Date"], int(expires))


def _credential(
    scope_text: str, signed_headers: str, signature: str, timestamp: str, expires_s: int | None
) -> Credential:
    # An access key id may hold slashes, the rest of the scope may not.
    scope = scope_text.rsplit("/", 4)
    if len(scope) != 5:
        raise IncompleteSignatureException(
            f"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{scope_text[:128]}'."
        )
    key_id, date, region, service, terminator = scope
    if _REGION.fullmatch(region) is None:
        raise InvalidSignatureException("Credential should be scoped to a valid region.")
    signed = tuple(signed_headers.split(";"))
    return Credential(
        key_id, date, region, service, terminator, signed, signature, timestamp, _epoch(timestamp), expires_s
    )


def _epoch(timestamp: str) -> int:
    try:
        return timegm(strptime(timestamp, TIMESTAMP))
    except ValueError:
        raise IncompleteSignatureException(
            f"Date must be in ISO-8601 'basic format'. Got '{timestamp[:64]}'. See http://en.wikipedia.org/wiki/ISO_8601"
        ) from None
