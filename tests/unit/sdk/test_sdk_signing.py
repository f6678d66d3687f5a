"""Our own signer makes what botocore's verification accepts."""

from __future__ import annotations

import hashlib

import httpx
import pytest

from raylambda.frontdoor.auth.credential import ReceivedRequest
from raylambda.frontdoor.auth.keys import KeyRing
from raylambda.frontdoor.auth.signature import SignatureCheck
from raylambda.frontdoor.routing import parse_query
from raylambda.sdk.signing import Credentials, SignatureV4
from raylambda.settings import AccessKey
from raylambda.testing.clock import ManualClock


def signed(request: httpx.Request, token: str | None = None) -> tuple[ReceivedRequest, str]:
    auth = SignatureV4(Credentials("AKID", "s/ecret", token), "eu-west-1", lambda: 1_800_000_000.0)
    next(auth.sync_auth_flow(request))
    path, _, query = request.url.raw_path.decode().partition("?")
    received = ReceivedRequest(request.method, path, list(request.headers.items()), parse_query(query.encode()))
    return received, hashlib.sha256(request.read()).hexdigest()


@pytest.mark.parametrize(
    "request_",
    [
        httpx.Request("GET", "http://h/2015-03-31/functions"),
        httpx.Request("GET", "http://h:8470/2015-03-31/functions/arn%3Aaws%3Alambda?Qualifier=%24LATEST&a=b+c&a=%7E"),
        httpx.Request("PUT", "http://h/x/y~z", json={"a": 1}),
        httpx.Request("POST", "http://h/2015/a%20b", content=b"\x00\xff", headers={"X-Amz-Log-Type": " Tail  now "}),
        httpx.Request("POST", "http://h/x", params={"MaxItems": "5", "Marker": "a/b=c&"}),
    ],
)
@pytest.mark.parametrize("token", [None, "session"])
def test_botocores_verification_accepts_our_signatures(request_: httpx.Request, token: str | None) -> None:
    check = SignatureCheck(KeyRing([AccessKey("AKID", "s/ecret", "123456789012")]), ManualClock(1_800_000_000.0))

    received, body_sha256 = signed(request_, token)

    assert check.examine(received)(body_sha256).region == "eu-west-1"


def test_secrets_are_not_printed() -> None:
    assert "s/ecret" not in repr(Credentials("AKID", "s/ecret", "s/ecret"))
