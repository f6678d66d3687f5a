"""The data directory: one platform at a time has it, keeps its secrets in it, and says in it where it listens."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

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
def locked(home: Path) -> Iterator[None]:
    """Make the directory if need be, and have it alone: two platforms would start environments for the same functions.

    The lock ends with this process, however it ends. Raises ``HomeUnusable``.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise HomeUnusable(f"RAYLAMBDA_HOME cannot be used: {error}") from None
    try:
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HomeUnusable(f"a platform runs in {home} already; set RAYLAMBDA_HOME to run another one") from None
        yield
    finally:
        os.close(directory)


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


def keep_secret(path: Path, make: Callable[[], str]) -> str:
    """Read a secret; the first caller, also among several processes, makes it. The file is complete or absent, mode 0600."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(make())
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):  # a name that another process took meanwhile stays that process's
                path.hardlink_to(draft)
        finally:
            draft.unlink()
    return path.read_text("utf-8")
