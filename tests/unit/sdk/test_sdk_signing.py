"""Our own signer makes what botocore's verification accepts."""

from __future__ import annotations

import hashlib

import pytest

from raylambda.frontdoor.auth.credential import ReceivedRequest
from raylambda.frontdoor.auth.keys import KeyRing
from raylambda.frontdoor.auth.signature import SignatureCheck
from raylambda.frontdoor.routing import parse_query
from raylambda.sdk.signing import ApiRequest, Credentials, HttpRequest, Signer
from raylambda.settings import AccessKey
from raylambda.testing.clock import ManualClock

NOW_S = 1_800_000_000.0


def received(request: HttpRequest) -> ReceivedRequest:
    path, _, query = request.target.partition("?")
    return ReceivedRequest(request.method, path, list(request.headers.items()), parse_query(query.encode()))


@pytest.mark.parametrize(
    "request_",
    [
        ApiRequest("GET", "/2015-03-31/functions"),
        ApiRequest("GET", "/2015-03-31/functions/arn%3Aaws%3Alambda", {"Qualifier": "$LATEST", "a": "b c", "z": "~"}),
        ApiRequest("PUT", "/x/y~z", headers={"Content-Type": "application/json"}, body=b'{"a": 1}'),
        ApiRequest("POST", "/2015/a%20b", headers={"X-Amz-Log-Type": " Tail  now "}, body=b"\x00\xff"),
        ApiRequest("POST", "/x", {"MaxItems": "5", "Marker": "a/b=c&"}),
    ],
)
@pytest.mark.parametrize("token", [None, "session"])
@pytest.mark.parametrize("prefix", ["", "/behind/a%20proxy"])
def test_botocores_verification_accepts_our_signatures(request_: ApiRequest, token: str | None, prefix: str) -> None:
    check = SignatureCheck(KeyRing([AccessKey("AKID", "s/ecret", "123456789012")]), ManualClock(NOW_S))

    signed = Signer(Credentials("AKID", "s/ecret", token), "eu-west-1", "h:8470", prefix).http_request(request_, NOW_S)

    assert check.examine(received(signed))(hashlib.sha256(signed.body).hexdigest()).region == "eu-west-1"


def test_what_anybody_may_ask_carries_no_key() -> None:
    signer = Signer(Credentials("AKID", "s/ecret", "session"), "eu-west-1", "h:8470")

    request = signer.http_request(ApiRequest("GET", "/_raylambda/health", signed=False), NOW_S)

    assert request.headers == {"host": "h:8470", "content-length": "0"}


def test_secrets_are_not_printed() -> None:
    signer = Signer(Credentials("AKID", "s/ecret", "t/oken"), "eu-west-1", "h:8470")

    shown = f"{signer!r} {signer.http_request(ApiRequest('GET', '/'), NOW_S)!r}"

    assert "s/ecret" not in shown
    assert "t/oken" not in shown
