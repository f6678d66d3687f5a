"""Signatures: what botocore makes is accepted, and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import botocore.auth
import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from raylambda.frontdoor.auth.credential import ReceivedRequest
from raylambda.frontdoor.auth.keys import KeyRing
from raylambda.frontdoor.auth.signature import AnyKey, Authenticator, SignatureCheck
from raylambda.frontdoor.routing import parse_query
from raylambda.model.errors import (
    IncompleteSignatureException,
    InvalidSignatureException,
    LambdaError,
    MissingAuthenticationTokenException,
    UnrecognizedClientException,
)
from raylambda.model.principal import Principal
from raylambda.settings import AccessKey
from raylambda.testing.clock import ManualClock

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z
KEY = AccessKey("AKIDEXAMPLE", "the/secret+", "123456789012")
URL = "http://127.0.0.1:8470/2015-03-31/functions/arn%3Aaws%3Alambda/invocations?Qualifier=%24LATEST&b=x%20y&a="
PRINCIPAL = Principal("123456789012", "eu-west-1", "AKIDEXAMPLE")


@dataclass(frozen=True)
class Signed(ReceivedRequest):
    """A request with the hash of its body."""

    body_sha256: str


def principal_of(authenticator: Authenticator, request: Signed) -> Principal:
    return authenticator.examine(request)(request.body_sha256)


@dataclass
class Signer:
    """botocore, at a time of one's choice."""

    monkeypatch: pytest.MonkeyPatch

    def __call__(
        self,
        *,
        url: str = URL,
        method: str = "POST",
        body: bytes = b'{"a": 1}',
        headers: dict[str, str] | None = None,
        time: float = NOW,
        service: str = "lambda",
        token: str | None = None,
        presigned_s: int | None = None,
        key: AccessKey = KEY,
    ) -> Signed:
        moment = datetime.fromtimestamp(time, UTC)
        self.monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: moment)
        given = {"Host": "127.0.0.1:8470", "X-Amz-Log-Type": "Tail", **(headers or {})}
        request = AWSRequest(method, url, given, body)
        credentials = Credentials(key.access_key_id, key.secret, token)
        if presigned_s is None:
            SigV4Auth(credentials, service, "eu-west-1").add_auth(request)
        else:
            SigV4QueryAuth(credentials, service, "eu-west-1", presigned_s).add_auth(request)
        return received(request, body)


def received(request: Any, body: bytes) -> Signed:
    parts = urlsplit(request.url)
    headers = [(name.lower(), value) for name, value in request.headers.items()]
    query = parse_query(parts.query.encode())
    return Signed(request.method, parts.path, headers, query, hashlib.sha256(body).hexdigest())


def with_header(request: Signed, name: str, change: Callable[[str], str]) -> Signed:
    headers = [(key, change(value) if key == name else value) for key, value in request.headers]
    assert headers != list(request.headers)
    return replace(request, headers=headers)


@pytest.fixture
def sign(monkeypatch: pytest.MonkeyPatch) -> Signer:
    return Signer(monkeypatch)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def check(clock: ManualClock) -> SignatureCheck:
    return SignatureCheck(KeyRing([KEY]), clock)


@pytest.mark.parametrize(
    "request_of",
    [
        lambda sign: sign(),
        lambda sign: sign(method="GET", body=b"", url="http://127.0.0.1:8470/2015-03-31/functions"),
        lambda sign: sign(token="session"),
        lambda sign: sign(url="http://127.0.0.1:8470/2017-03-31/tags/arn%3Aaws?tagKeys=a&tagKeys=b%2Fc"),
        lambda sign: sign(url="http://127.0.0.1:8470/a/%E2%82%AC/~x"),
        lambda sign: sign(headers={"X-Amz-Client-Context": "  two   words "}),
        lambda sign: sign(headers={"Date": "Fri, 15 Jan 2027 08:00:00 GMT"}),
        lambda sign: sign(headers={"X-Amz-Content-SHA256": hashlib.sha256(b'{"a": 1}').hexdigest()}),
        lambda sign: sign(presigned_s=900, body=b""),
        lambda sign: sign(presigned_s=900, body=b"", token="session"),
    ],
)
def test_what_botocore_signs_is_accepted(
    sign: Signer, check: SignatureCheck, request_of: Callable[[Signer], Signed]
) -> None:
    assert principal_of(check, request_of(sign)) == PRINCIPAL


@pytest.mark.parametrize(
    "tamper",
    [
        lambda request: replace(request, method="PUT"),
        lambda request: replace(request, raw_path=request.raw_path + "x"),
        lambda request: replace(request, raw_path=request.raw_path + "#x"),
        lambda request: replace(request, raw_path=request.raw_path.replace("%3A", ":")),
        lambda request: replace(request, query={**request.query, "Qualifier": ["7"]}),
        lambda request: replace(request, query={**request.query, "new": [""]}),
        lambda request: replace(request, query={}),
        lambda request: replace(request, body_sha256=hashlib.sha256(b"other").hexdigest()),
        lambda request: with_header(request, "host", lambda value: "elsewhere"),
        lambda request: with_header(request, "x-amz-log-type", lambda value: "None"),
        lambda request: with_header(request, "x-amz-date", lambda value: value.replace("T080000", "T080001")),
        lambda request: with_header(request, "authorization", lambda value: value.replace("eu-west-1", "us-east-1")),
        lambda request: with_header(request, "authorization", lambda value: value[:-1] + ("0" if value[-1] != "0" else "1")),
        lambda request: with_header(request, "authorization", lambda value: value.replace(";x-amz-log-type", "")),
        lambda request: replace(request, headers=[*request.headers, ("x-amz-invocation-type", "Event")]),
        lambda request: replace(request, headers=[*request.headers, ("x-amz-log-type", "None")]),
    ],
)  # fmt: skip
def test_nothing_signed_can_be_changed(sign: Signer, check: SignatureCheck, tamper: Callable[[Signed], Signed]) -> None:
    with pytest.raises(InvalidSignatureException):
        principal_of(check, tamper(sign()))


def test_a_mismatch_is_said_in_the_words_of_aws(sign: Signer, check: SignatureCheck) -> None:
    with pytest.raises(InvalidSignatureException) as refused:
        principal_of(check, replace(sign(), method="PUT"))

    assert str(refused.value).startswith(
        "The request signature we calculated does not match the signature you provided."
    )


def test_the_payload_is_always_hashed_here(sign: Signer, check: SignatureCheck) -> None:
    unsigned = sign(headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
    lying = sign(headers={"X-Amz-Content-SHA256": hashlib.sha256(b"other").hexdigest()})

    for request in (unsigned, lying):
        with pytest.raises(InvalidSignatureException):
            principal_of(check, request)


@pytest.mark.parametrize("off", [-300, -299, 0, 299, 300])
def test_five_minutes_of_skew_are_fine(sign: Signer, check: SignatureCheck, off: float) -> None:
    assert principal_of(check, sign(time=NOW + off)) == PRINCIPAL


def test_beyond_five_minutes_the_signature_is_expired_or_not_yet_current(sign: Signer, check: SignatureCheck) -> None:
    with pytest.raises(InvalidSignatureException) as old:
        principal_of(check, sign(time=NOW - 301))
    with pytest.raises(InvalidSignatureException) as new:
        principal_of(check, sign(time=NOW + 301))

    assert str(old.value) == (
        "Signature expired: 20270115T075459Z is now earlier than 20270115T075500Z (20270115T080000Z - 5 min.)"
    )
    assert str(new.value) == (
        "Signature not yet current: 20270115T080501Z is still later than 20270115T080500Z (20270115T080000Z + 5 min.)"
    )


def test_a_presigned_request_lives_as_long_as_it_says(sign: Signer, check: SignatureCheck, clock: ManualClock) -> None:
    request = sign(presigned_s=900, body=b"")

    clock.advance(900)
    assert principal_of(check, request) == PRINCIPAL
    clock.advance(1)
    with pytest.raises(InvalidSignatureException, match="Signature expired"):
        principal_of(check, request)
    with pytest.raises(InvalidSignatureException):
        principal_of(check, replace(request, query={**request.query, "X-Amz-Expires": ["5000"]}))


@pytest.mark.parametrize(
    ("request_of", "error", "part"),
    [
        (lambda sign: sign(service="s3"), InvalidSignatureException, "correct service: 'lambda'"),
        (lambda sign: sign(key=replace(KEY, access_key_id="NOBODY")), UnrecognizedClientException, "security token"),
        (lambda sign: sign(key=replace(KEY, secret="wrong")), InvalidSignatureException, "does not match"),
        (lambda sign: sign(presigned_s=604_801, body=b""), IncompleteSignatureException, "X-Amz-Expires"),
        (
            lambda sign: with_header(sign(), "authorization", lambda value: value.replace("/20270115/", "/20270114/")),
            InvalidSignatureException,
            "Date in Credential scope does not match",
        ),
        (
            lambda sign: with_header(sign(), "authorization", lambda value: value.replace("aws4_request", "aws3")),
            InvalidSignatureException,
            "valid terminator",
        ),
    ],
)
def test_a_scope_or_key_that_is_not_ours_is_refused(
    sign: Signer,
    check: SignatureCheck,
    request_of: Callable[[Signer], Signed],
    error: type[LambdaError],
    part: str,
) -> None:
    with pytest.raises(error, match=part) as refused:
        principal_of(check, request_of(sign))

    assert refused.value.status == 403


def an_unsigned_request(*headers: tuple[str, str], query: dict[str, list[str]] | None = None) -> Signed:
    return Signed("GET", "/2015-03-31/functions", headers, query or {}, hashlib.sha256(b"").hexdigest())


def test_an_unsigned_request_is_refused(check: SignatureCheck) -> None:
    with pytest.raises(MissingAuthenticationTokenException, match="Missing Authentication Token"):
        principal_of(check, an_unsigned_request())


CREDENTIAL = "Credential=AKIDEXAMPLE/20270115/eu-west-1/lambda/aws4_request"


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer token",
        "Basic dTpw",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA1 " + CREDENTIAL,
        "AWS4-HMAC-SHA256 " + CREDENTIAL,
        f"AWS4-HMAC-SHA256 {CREDENTIAL}, SignedHeaders=host",
        "AWS4-HMAC-SHA256 Credential=AKID, SignedHeaders=host, Signature=00",
        "AWS4-HMAC-SHA256 Credential=AKID/20270115/Ä\n/lambda/aws4_request, SignedHeaders=host, Signature=00",
        f"AWS4-HMAC-SHA256 {CREDENTIAL}, SignedHeaders=host;;;host;ghost, Signature=\u20ac",
        "AWS4-HMAC-SHA256 " + "," * 10_000,
    ],
)
@pytest.mark.parametrize(
    "date", ["20270115T080000Z", "", "yesterday", "99999999T999999Z", "Fri, 99 Jan 99999 08:00:00 GMT"]
)
def test_garbage_in_the_header_is_refused(check: SignatureCheck, authorization: str, date: str) -> None:
    for name in ("x-amz-date", "date"):
        request = an_unsigned_request(("host", "h"), ("authorization", authorization), (name, date))
        with pytest.raises(LambdaError) as refused:
            principal_of(check, request)

        assert refused.value.status == 403


@pytest.mark.parametrize("expires", ["", "0", "-1", "x", "9999999", "\u0663"])
def test_garbage_in_the_query_is_refused(check: SignatureCheck, expires: str) -> None:
    query = {
        "X-Amz-Algorithm": ["AWS4-HMAC-SHA256"],
        "X-Amz-Credential": ["AKIDEXAMPLE/20270115/eu-west-1/lambda/aws4_request"],
        "X-Amz-SignedHeaders": ["host"],
        "X-Amz-Signature": ["00"],
        "X-Amz-Date": ["20270115T080000Z"],
        "X-Amz-Expires": [expires],
    }

    with pytest.raises(IncompleteSignatureException):
        principal_of(check, an_unsigned_request(("host", "h"), query=query))


class TestAnyKey:
    """``RAYLAMBDA_AUTH=none``."""

    def test_takes_every_key(self, sign: Signer) -> None:
        anyone = AnyKey("123456789012", "us-east-1")

        principal = principal_of(anyone, sign(key=AccessKey("whoever", "whatever", "")))

        assert principal == Principal("123456789012", "eu-west-1", "whoever")

    def test_a_key_of_twelve_digits_is_an_account(self, sign: Signer) -> None:
        anyone = AnyKey("123456789012", "us-east-1")

        assert principal_of(anyone, sign(key=AccessKey("555555555555", "x", ""))).account == "555555555555"

    @pytest.mark.parametrize("authorization", [None, "Bearer x", "AWS4-HMAC-SHA256 Credential=x"])
    def test_everybody_else_gets_the_defaults(self, authorization: str | None) -> None:
        headers = [] if authorization is None else [("authorization", authorization)]

        principal = principal_of(AnyKey("123456789012", "us-east-1"), an_unsigned_request(*headers))

        assert (principal.account, principal.region) == ("123456789012", "us-east-1")
