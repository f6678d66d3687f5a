"""Access keys, and the secrets of this installation that live in its home directory."""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Iterable
from pathlib import Path

from raylambda.home import keep_secret
from raylambda.settings import AccessKey

_KEY_ID_ALPHABET = string.ascii_uppercase + "234567"  # AWS's: base 32


class KeyRing:
    """The access keys that this front door accepts."""

    def __init__(self, keys: Iterable[AccessKey]) -> None:
        self._keys = {key.access_key_id: key for key in keys}

    def find(self, access_key_id: str) -> AccessKey | None:
        return self._keys.get(access_key_id)


def root_key(home: Path, account: str) -> AccessKey:
    """The root key of this installation, of ``account``; made at the first call and kept in ``home/root_key.json``."""
    text = keep_secret(home / "root_key.json", _make_root_key)
    document = json.loads(text)
    return AccessKey(document["access_key_id"], document["secret_access_key"], account)


def link_secret(home: Path) -> bytes:
    """The secret that signs links to code packages; kept in ``home/link_secret``."""
    return bytes.fromhex(keep_secret(home / "link_secret", lambda: secrets.token_hex(32)))


def _make_root_key() -> str:
    key_id = "AKIA" + "".join(secrets.choice(_KEY_ID_ALPHABET) for _ in range(16))
    return json.dumps({"access_key_id": key_id, "secret_access_key": secrets.token_urlsafe(30)})
