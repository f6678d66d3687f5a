"""Where the platform is and with which key: what the environment says, otherwise what the last `raylambda up` left."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from raylambda.frontdoor.keys import root_key
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
    endpoint = environ.get("AWS_ENDPOINT_URL_LAMBDA") or own_endpoint(settings)
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or settings.region
    if "AWS_ENDPOINT_URL_LAMBDA" in environ and "AWS_SECRET_ACCESS_KEY" in environ:
        key = AccessKey(environ.get("AWS_ACCESS_KEY_ID", ""), environ["AWS_SECRET_ACCESS_KEY"], settings.account_id)
    else:
        key = own_key(settings)
    return Connection(endpoint.rstrip("/"), key, region)


def own_connection(environ: Mapping[str, str]) -> Connection:
    """This machine's own platform, whatever the AWS variables say."""
    settings = Settings.from_environ(environ)
    return Connection(own_endpoint(settings), own_key(settings), settings.region)


def own_endpoint(settings: Settings) -> str:
    """What the running platform wrote into its home, otherwise where one would listen."""
    note = endpoint_note(settings.home)
    if note.is_file():
        endpoint: str = json.loads(note.read_text())["endpoint"]
        return endpoint
    return f"http://{settings.host}:{settings.port}"


def own_key(settings: Settings) -> AccessKey:
    """The first configured key, or the root key, which is made if there is none yet."""
    return settings.access_keys[0] if settings.access_keys else root_key(settings.home, settings.account_id)


def endpoint_note(home: Path) -> Path:
    """The file in which a running platform says where it listens."""
    return home / "platform.json"
