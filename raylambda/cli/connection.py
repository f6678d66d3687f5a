"""Where the platform is and with which key: what the environment says, otherwise what the last `raylambda up` left."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from raylambda.home import read_note
from raylambda.sdk import Client
from raylambda.settings import AccessKey, Settings


@dataclass(frozen=True)
class Connection:
    """An endpoint, a key and a region."""

    endpoint: str
    key: AccessKey
    region: str


def connect() -> Client:
    """A client of the platform that this shell means."""
    found = find_connection(os.environ)
    return Client(found.endpoint, found.key.access_key_id, found.key.secret, found.region)


def find_connection(environ: Mapping[str, str]) -> Connection:
    """The AWS variables first (a remote platform, or what `raylambda env` printed), then this machine's own platform."""
    settings = Settings.from_environ(environ)
    endpoint = environ.get("AWS_ENDPOINT_URL_LAMBDA")
    if endpoint is None:
        return own_connection(environ)
    key_id, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    key = AccessKey(key_id, secret, settings.account_id) if key_id and secret else own_connection(environ).key
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or settings.region
    return Connection(endpoint.rstrip("/"), key, region)


def own_connection(environ: Mapping[str, str]) -> Connection:
    """This machine's own platform, whatever the AWS variables say; raises ``NoPlatform``."""
    settings = Settings.from_environ(environ)
    note = read_note(settings.home)
    key = AccessKey(note.access_key_id, note.secret_access_key, settings.account_id)
    return Connection(note.endpoint, key, note.region)
