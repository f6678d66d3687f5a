"""Access keys, and the secrets of this installation that live in its home directory."""

from __future__ import annotations

import json
import os
import secrets
import string
from collections.abc import Callable, Iterable
from pathlib import Path

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


def keep_secret(path: Path, make: Callable[[], str]) -> str:
    """Read a secret; the first caller, also among several processes, makes it. The file is complete or absent, mode 0600."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _create(path, make())
    return path.read_text("utf-8")


def _create(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        _publish(draft, path)
    finally:
        draft.unlink()


def _publish(draft: Path, path: Path) -> None:
    """Give the finished file its name; a name that another process took meanwhile stays that process's."""
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        return


def _make_root_key() -> str:
    key_id = "AKIA" + "".join(secrets.choice(_KEY_ID_ALPHABET) for _ in range(16))
    return json.dumps({"access_key_id": key_id, "secret_access_key": secrets.token_urlsafe(30)})
