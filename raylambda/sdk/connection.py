"""Where the platform is, and with which key: arguments, AWS's variables and profiles, or this machine's own platform.

The order is that of AWS's SDKs (https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html); what is ours is the
last step. AWS itself is never meant: without an endpoint the platform that runs in ``RAYLAMBDA_HOME`` is asked, with the key in
its note, whatever key of AWS the shell has. The other way round that key is used for that platform only.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from raylambda.sdk.errors import NotConnected
from raylambda.sdk.profiles import Profile, ReadFile, home_folder, read_profile
from raylambda.sdk.signing import Credentials

_REGION: Final = "us-east-1"
_NOTE: Final = "platform.json"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the caller says; ``None`` leaves it to the environment."""

    endpoint: str | None = None
    access_key_id: str | None = None
    secret: str | None = None
    region: str | None = None
    session_token: str | None = None
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """``endpoint`` has no slash at its end; ``said_by`` is who named it: an argument, a variable, a profile or a home."""

    endpoint: str
    credentials: Credentials
    region: str
    said_by: str


def own_file(path: Path) -> str | None:
    """The text of a file that belongs to this user and that nobody else may read or write, ``None`` when it is not there.

    Whoever can write it chooses where payloads go, and who can read it has the key. Root may look into the home of somebody
    else, whose file it is then. Raises ``OSError``.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    with open(descriptor, encoding="utf-8") as file:  # noqa: PTH123  # a descriptor, not a path
        found = os.fstat(file.fileno())
        owner = path.parent.stat().st_uid if os.geteuid() == 0 else os.geteuid()
        if not stat.S_ISREG(found.st_mode) or found.st_uid not in {owner, os.geteuid()} or found.st_mode & 0o077:
            raise PermissionError(
                f"{path} must belong to you alone (owner {found.st_uid}, mode {found.st_mode & 0o777:o})"
            )
        return file.read()


def any_file(path: Path) -> str | None:
    """The text of a file, ``None`` when it is not there; raises ``OSError`` and ``UnicodeDecodeError``."""
    try:
        return path.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None


def find_connection(
    wanted: Wanted, environ: Mapping[str, str], read: ReadFile = any_file, read_own: ReadFile = own_file
) -> Connection:
    """Decide; ``read`` reads AWS's shared files, ``read_own`` the platform's note. Raises ``NotConnected``."""
    profile = _profile(wanted, environ, read)
    named = _endpoint(wanted, environ, profile)
    if named is None:
        return _own_platform(wanted, environ, read_own)
    endpoint, said_by = _checked(*named), named[1]
    region = (
        wanted.region
        or environ.get("AWS_REGION")
        or environ.get("AWS_DEFAULT_REGION")
        or profile.region
        or environ.get("RAYLAMBDA_REGION", _REGION)
    )
    credentials = _credentials(wanted, environ, profile)
    if credentials is not None:
        return Connection(endpoint, credentials, region, said_by)
    note = _note(environ, read_own)
    if note is None or note["endpoint"] != endpoint:
        raise NotConnected(
            f"{said_by} names {endpoint} and there is no key for it: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
            "AWS_PROFILE (`raylambda env` on the platform's machine prints them)"
        )
    return Connection(endpoint, Credentials(note["access_key_id"], note["secret_access_key"]), region, said_by)


def _profile(wanted: Wanted, environ: Mapping[str, str], read: ReadFile) -> Profile:
    name = wanted.profile or environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE")
    if name is None and wanted.endpoint is not None and wanted.access_key_id is not None and wanted.region is not None:
        return Profile()  # everything is said: no file is opened
    found = read_profile(name or "default", environ, read)
    if found is None and name is not None:
        raise NotConnected(
            f"there is no profile {name} in AWS's shared files; `raylambda env --profile {name}` makes one"
        )
    return found or Profile()


def _endpoint(wanted: Wanted, environ: Mapping[str, str], profile: Profile) -> tuple[str, str] | None:
    """The address, and who says so."""
    if wanted.endpoint is not None:
        return wanted.endpoint, "the argument endpoint"
    ignored = environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower()
    if ignored == "true" or (profile.ignores_endpoints and ignored != "false"):
        return None
    in_profile = (
        ("the profile's services section", profile.lambda_endpoint),
        ("the profile's endpoint_url", profile.endpoint),
    )
    variables = tuple((name, environ.get(name)) for name in ("AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL"))
    # As in botocore, a profile that is an argument stands before the variables where keys are concerned, not for endpoints.
    return next(((address, said_by) for said_by, address in variables + in_profile if address), None)


def _credentials(wanted: Wanted, environ: Mapping[str, str], profile: Profile) -> Credentials | None:
    if wanted.access_key_id is not None or wanted.secret is not None:
        if wanted.access_key_id is None or wanted.secret is None:
            raise NotConnected("access_key_id and secret belong together: give both or neither")
        return Credentials(wanted.access_key_id, wanted.secret, wanted.session_token)
    variables = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    said = [
        tuple(environ.get(name) or None for name in variables) if wanted.profile is None else (None, None, None),
        (profile.access_key_id, profile.secret, profile.session_token),
    ]
    pairs = (Credentials(key_id, secret, token) for key_id, secret, token in said if key_id and secret)
    return next(pairs, None)


def _own_platform(wanted: Wanted, environ: Mapping[str, str], read_own: ReadFile) -> Connection:
    """The platform of this machine and user, in the region that it prints for others."""
    note = _note(environ, read_own)
    if note is None:
        raise NotConnected(
            f"no endpoint is set and no platform runs in {platform_home(environ)}: `raylambda up` starts one, and "
            "AWS_ENDPOINT_URL_LAMBDA names one elsewhere"
        )
    credentials = _credentials(wanted, {}, Profile()) or Credentials(note["access_key_id"], note["secret_access_key"])
    return Connection(
        _checked(note["endpoint"], _NOTE), credentials, wanted.region or note["region"], str(platform_home(environ))
    )


def platform_home(environ: Mapping[str, str]) -> Path:
    """The home of this machine's platform, as ``RAYLAMBDA_HOME`` has it."""
    home = environ.get("RAYLAMBDA_HOME")
    return Path(home).expanduser() if home else home_folder(environ) / ".raylambda"


def _note(environ: Mapping[str, str], read_own: ReadFile) -> dict[str, Any] | None:
    """What ``raylambda.home`` left; ``None`` when no platform runs there."""
    path = platform_home(environ) / _NOTE
    try:
        text = read_own(path)
        if text is None:
            return None
        note: dict[str, Any] = json.loads(text)
        return {name: str(note[name]) for name in ("endpoint", "region", "access_key_id", "secret_access_key")}
    except OSError as error:
        raise NotConnected(f"the platform's note cannot be used: {error}") from None
    except (ValueError, TypeError, KeyError):
        raise NotConnected(f"{path} is not understood; start the platform again") from None


def _checked(address: str, said_by: str) -> str:
    """The address without a slash at its end, or ``NotConnected``."""
    try:
        parts = urlsplit(address.strip())
        usable = parts.scheme in {"http", "https"} and parts.hostname is not None and _port(parts) > 0
    except ValueError:
        usable = False
    if not usable or parts.username is not None or parts.query or parts.fragment or not address.isascii():
        raise NotConnected(f"{said_by} is {address!r}: an address looks like http://127.0.0.1:8470")
    return address.strip().rstrip("/")


def _port(parts: SplitResult) -> int:
    return parts.port if parts.port is not None else {"http": 80, "https": 443}[parts.scheme]
