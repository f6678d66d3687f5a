"""Who sent this request: Signature Version 4, checked by signing the received request again with botocore's own code."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from time import gmtime, strftime
from typing import Final, Protocol

from botocore.auth import SigV4Auth

from raylambda.frontdoor.auth.credential import TIMESTAMP, Credential, ReceivedRequest, read_credential
from raylambda.frontdoor.auth.keys import KeyRing
from raylambda.model.clock import Clock
from raylambda.model.errors import (
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    UnrecognizedClientException,
)
from raylambda.model.principal import Principal
from raylambda.settings import AccessKey

SERVICE = "lambda"
SKEW_S = 300

_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
)

SigningKeys = Callable[[str, str, str], bytes]


Confirm = Callable[[str], Principal]
"""Takes the body's SHA-256 in hex and names the principal; raises ``InvalidSignatureException``."""


class Authenticator(Protocol):
    """Finds whose request it is, or raises AWS's 403.

    Where it asks for no signature, the browser guard must stand before everything.
    """

    @property
    def asks_signature(self) -> bool: ...

    def examine(self, request: ReceivedRequest) -> Confirm:
        """Refuse at once what can be refused without the body, so that strangers cannot make us read 70 MB."""
        ...


class SignatureCheck:
    """Only requests that a key of the ring has signed within the last five minutes."""

    asks_signature: Final = True

    def __init__(self, keys: KeyRing, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock
        # Deriving a key takes four HMACs and is the same for a whole day.
        self._signing_keys = lru_cache(maxsize=1024)(derive_signing_key)

    def examine(self, request: ReceivedRequest) -> Confirm:
        credential = read_credential(request)
        if credential is None:
            raise MissingAuthenticationTokenException("Missing Authentication Token")
        _check_scope(credential)
        key = self._keys.find(credential.access_key_id)
        if key is None:
            raise UnrecognizedClientException("The security token included in the request is invalid.")
        _check_time(credential, self._clock.now())
        _check_signed_headers(request, credential)
        return partial(self._confirm, request, credential, key)

    def _confirm(self, request: ReceivedRequest, credential: Credential, key: AccessKey, body_sha256: str) -> Principal:
        expected = _Resigner(key, credential, self._signing_keys).sign(request, body_sha256)
        if not hmac.compare_digest(expected.encode(), credential.signature.encode()):
            raise InvalidSignatureException(_MISMATCH)
        return Principal(key.account, credential.region, credential.access_key_id)


class AnyKey:
    """``RAYLAMBDA_AUTH=none``: nothing is checked. A key id of 12 digits is its own account; an unsigned request gets the defaults."""

    asks_signature: Final = False

    def __init__(self, account: str, region: str) -> None:
        self._default = Principal(account, region, "")

    def examine(self, request: ReceivedRequest) -> Confirm:
        principal = self._principal(request)
        return lambda _body_sha256: principal

    def _principal(self, request: ReceivedRequest) -> Principal:
        try:
            credential = read_credential(request)
        except (IncompleteSignatureException, InvalidSignatureException):
            return self._default
        if credential is None:
            return self._default
        key_id = credential.access_key_id
        own_account = len(key_id) == 12 and key_id.isascii() and key_id.isdecimal()
        return Principal(key_id if own_account else self._default.account, credential.region, key_id)


def derive_signing_key(secret: str, date: str, region: str) -> bytes:
    """The key that signs one day's requests of one secret to Lambda in one region."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, SERVICE, "aws4_request"):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    return key


def _check_time(credential: Credential, now: float) -> None:
    """A header signature is good for five minutes to both sides, a presigned request from its time until it expires."""
    age = now - credential.time
    allowed = SKEW_S if credential.expires_s is None else credential.expires_s
    if age > allowed:
        raise InvalidSignatureException(
            f"Signature expired: {credential.timestamp} is now earlier than {_iso(now - allowed)} ({_iso(now)} - {_span(allowed)})"
        )
    if age < -SKEW_S:
        raise InvalidSignatureException(
            f"Signature not yet current: {credential.timestamp} is still later than {_iso(now + SKEW_S)} ({_iso(now)} + {_span(SKEW_S)})"
        )


def _iso(time: float) -> str:
    return strftime(TIMESTAMP, gmtime(time))


def _span(seconds: int) -> str:
    return f"{seconds // 60} min." if seconds % 60 == 0 else f"{seconds} s."


def _check_scope(credential: Credential) -> None:
    if credential.service != SERVICE:
        raise InvalidSignatureException(f"Credential should be scoped to correct service: '{SERVICE}'.")
    if credential.terminator != "aws4_request":
        raise InvalidSignatureException("Credential should be scoped with a valid terminator: 'aws4_request'.")
    if credential.date != credential.timestamp[:8]:
        raise InvalidSignatureException(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{credential.date[:16]}' != '{credential.timestamp[:8]}', from '{credential.timestamp}'."
        )


def _check_signed_headers(request: ReceivedRequest, credential: Credential) -> None:
    """The host and every ``x-amz-`` header that is there must be signed: they choose what the request does."""
    signed = set(credential.signed_headers)
    if "host" not in signed:
        raise InvalidSignatureException("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    for name, _ in request.headers:
        if name.startswith("x-amz-") and name not in signed:
            raise InvalidSignatureException(f"'{name[:64]}' must be a 'SignedHeader' in the AWS Authorization.")


class _SignedHeaders(dict[str, list[str]]):
    """The signed headers in the form that botocore reads them in."""

    def get_all(self, name: str) -> list[str]:
        return self[name]


@dataclass(frozen=True, slots=True)
class _BotocoreRequest:
    """The parts of ``AWSRequest`` that making a signature reads."""

    received: ReceivedRequest
    body_sha256: str
    method: str
    url: str
    params: list[tuple[str, str]]
    context: dict[str, str]
    headers: dict[str, str] = field(default_factory=dict)


class _Resigner(SigV4Auth):  # type: ignore[misc]
    """botocore's signer, told which headers the client signed and what the body's hash is."""

    def __init__(self, key: AccessKey, credential: Credential, signing_keys: SigningKeys) -> None:
        super().__init__(key, SERVICE, credential.region)
        self._credential = credential
        self._signing_keys = signing_keys

    def sign(self, received: ReceivedRequest, body_sha256: str) -> str:
        """The signature in hex that the client must have computed."""
        # A raw "#" would end the path for botocore's URL parser, not for our router.
        url = "http://host" + received.raw_path.replace("#", "%23")
        params = [(name, value) for name, values in received.query.items() for value in values]
        if self._credential.expires_s is not None:
            params = [(name, value) for name, value in params if name != "X-Amz-Signature"]
        context = {"timestamp": self._credential.timestamp}
        request = _BotocoreRequest(received, body_sha256, received.method, url, params, context)
        signature: str = self.signature(self.string_to_sign(request, self.canonical_request(request)), request)
        return signature

    def headers_to_sign(self, request: _BotocoreRequest) -> _SignedHeaders:
        headers = _SignedHeaders((name, []) for name in self._credential.signed_headers)
        for name, value in request.received.headers:
            if name in headers:
                headers[name].append(value)
        return headers

    def payload(self, request: _BotocoreRequest) -> str:
        # Never the client's own x-amz-content-sha256: the hash is that of the body that arrived.
        return request.body_sha256

    def signature(self, string_to_sign: str, _request: _BotocoreRequest) -> str:
        key = self._signing_keys(self.credentials.secret, self._credential.date, self._credential.region)
        return hmac.digest(key, string_to_sign.encode(), hashlib.sha256).hex()
