"""The data directory: one platform at a time has it, and says in it where it listens and which key it takes."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from raylambda.frontdoor.auth.keys import keep_secret

_NOTE = "platform.json"


class HomeUnusable(Exception):
    """The directory cannot be made or is in use; the text says what to do."""


class NoPlatform(Exception):
    """Nobody runs a platform in this home; the text says what to do."""


@dataclass(frozen=True, slots=True)
class PlatformNote:
    """What the commands of this machine need to know of its platform."""

    endpoint: str
    region: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    ray_address: str
    ray_auth_mode: str
    pid: int = field(default_factory=os.getpid)


@contextmanager
def claimed(home: Path) -> Iterator[None]:
    """Make the directory if need be, and have it alone: two platforms would start environments for the same functions.

    The claim ends with this process, however it ends. Raises ``HomeUnusable``.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise HomeUnusable(f"RAYLAMBDA_HOME cannot be used: {error}") from None
    try:
        _lock(directory, home)
        yield
    finally:
        os.close(directory)


def _lock(directory: int, home: Path) -> None:
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise HomeUnusable(f"a platform runs in {home} already; set RAYLAMBDA_HOME to run another one") from None


@contextmanager
def noted(home: Path, note: PlatformNote) -> Iterator[None]:
    """Leave the note for the commands of this machine while the platform runs; mode 0600, for it holds a key."""
    path = home / _NOTE
    path.unlink(missing_ok=True)
    keep_secret(path, lambda: json.dumps(asdict(note)))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def read_note(home: Path) -> PlatformNote:
    """The note of the platform that runs in ``home``, or was killed there; raises ``NoPlatform``."""
    try:
        return PlatformNote(**json.loads((home / _NOTE).read_text("utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        raise NoPlatform(f"no platform runs in {home}; `raylambda up` starts one") from None
    except OSError as error:
        raise NoPlatform(f"the platform in {home} is not yours: {error}") from None
    except (ValueError, TypeError):
        raise NoPlatform(f"{home / _NOTE} is not understood; start the platform again") from None
