"""Where the platform is and with which key: what AWS's variables and files say, otherwise what the last `raylambda up` left."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from raylambda.cli.output import hint, is_terminal
from raylambda.cli.profiles import Profile, ProfileUnusable, SharedFiles
from raylambda.home import NoPlatform, read_note
from raylambda.settings import AccessKey, Settings

if TYPE_CHECKING:
    from raylambda.sdk import Client

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class NoKey(Exception):
    """There is an endpoint and no key for it; the text says what to do."""


@dataclass(frozen=True)
class Connection:
    """An endpoint, a key and a region. ``said_by`` is what named the endpoint: a variable, a profile or a home."""

    endpoint: str
    key: AccessKey
    region: str
    session_token: str | None = None
    said_by: str = ""


def connect() -> Client:
    """A client of the platform that this shell means; one on another machine is named."""
    from raylambda.sdk import Client  # noqa: PLC0415  # httpx starts slowly

    found = find_connection(os.environ)
    if urlsplit(found.endpoint).hostname not in LOOPBACK and is_terminal(sys.stderr):
        hint(f"at {found.endpoint} ({found.said_by})")
    return Client(found.endpoint, found.key.access_key_id, found.key.secret, found.region, found.session_token)


def find_connection(environ: Mapping[str, str]) -> Connection:
    """As AWS's SDKs look: variables, then the profile; and this machine's own platform where those name no endpoint.

    Raises ``NoKey``, ``NoPlatform`` and ``ProfileUnusable``.
    """
    settings = Settings.from_environ(environ)
    profile = _profile(environ)
    named = _endpoint(environ, profile)
    if named is None:
        return own_connection(environ)
    endpoint, said_by = named
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or profile.region or settings.region
    if (key_id := environ.get("AWS_ACCESS_KEY_ID")) and (secret := environ.get("AWS_SECRET_ACCESS_KEY")):
        token = environ.get("AWS_SESSION_TOKEN")
    elif (key_id := profile.access_key_id) and (secret := profile.secret):
        token = profile.session_token
    else:
        return _with_own_key(environ, endpoint, said_by)
    return Connection(endpoint, AccessKey(key_id, secret, settings.account_id), region, token or None, said_by)


def own_connection(environ: Mapping[str, str]) -> Connection:
    """This machine's own platform, whatever the AWS variables say; raises ``NoPlatform``."""
    settings = Settings.from_environ(environ)
    note = read_note(settings.home)
    key = AccessKey(note.access_key_id, note.secret_access_key, settings.account_id)
    return Connection(note.endpoint, key, note.region, said_by=str(settings.home))


def _with_own_key(environ: Mapping[str, str], endpoint: str, said_by: str) -> Connection:
    """The key of this machine's platform is for this machine's platform: nobody else knows it."""
    try:
        own = own_connection(environ)
    except NoPlatform:
        own = None
    if own is None or own.endpoint != endpoint:
        raise NoKey(
            f"{said_by} names {endpoint} and there is no key for it: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "or AWS_PROFILE (`raylambda env` on the platform's machine prints them)"
        )
    return own


def _profile(environ: Mapping[str, str]) -> Profile:
    name = environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE")
    found = SharedFiles.of(environ).read(name or "default")
    if found is None and name is not None:
        raise ProfileUnusable(
            f"there is no profile {name} (AWS_PROFILE); `raylambda env --profile {name}` makes one for this machine's platform"
        )
    return found or Profile()


def _endpoint(environ: Mapping[str, str], profile: Profile) -> tuple[str, str] | None:
    """The endpoint for Lambda, and who says so, in the order of AWS's SDKs
    (https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html).
    """
    ignored = environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower()
    if ignored == "true" or (profile.ignores_endpoints and ignored != "false"):
        return None
    places = (
        ("AWS_ENDPOINT_URL_LAMBDA", environ.get("AWS_ENDPOINT_URL_LAMBDA")),
        ("AWS_ENDPOINT_URL", environ.get("AWS_ENDPOINT_URL")),
        ("the profile's services section", profile.lambda_endpoint),
        ("the profile's endpoint_url", profile.endpoint),
    )
    return next(((url.rstrip("/"), said_by) for said_by, url in places if url), None)
