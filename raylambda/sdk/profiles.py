"""What a profile in AWS's shared files says (``~/.aws/config`` and ``~/.aws/credentials``).

https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html, and for the endpoint of one service
https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from configparser import Error, RawConfigParser
from dataclasses import dataclass, field
from pathlib import Path

from raylambda.sdk.errors import NotConnected

ReadFile = Callable[[Path], str | None]
"""The text of a file, ``None`` when it is not there; raises ``OSError`` and ``UnicodeDecodeError``."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What matters here; ``lambda_endpoint`` is that of the profile's ``services`` section."""

    access_key_id: str | None = None
    secret: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    region: str | None = None
    endpoint: str | None = None
    lambda_endpoint: str | None = None
    ignores_endpoints: bool = False


def read_profile(name: str, environ: Mapping[str, str], read: ReadFile) -> Profile | None:
    """The profile, ``None`` when neither file has it; raises ``NotConnected`` for a file that cannot be understood."""
    folder = home_folder(environ) / ".aws"
    config = sections(Path(environ.get("AWS_CONFIG_FILE") or folder / "config").expanduser(), read)
    credentials = sections(
        Path(environ.get("AWS_SHARED_CREDENTIALS_FILE") or folder / "credentials").expanduser(), read
    )
    found, secrets = config.get(name if name == "default" else f"profile {name}"), credentials.get(name)
    if found is None and secrets is None:
        return None
    settings, keys = found or {}, {**(found or {}), **(secrets or {})}
    services = config.get(f"services {settings.get('services')}", {})
    return Profile(
        access_key_id=keys.get("aws_access_key_id"),
        secret=keys.get("aws_secret_access_key"),
        session_token=keys.get("aws_session_token"),
        region=settings.get("region"),
        endpoint=settings.get("endpoint_url"),
        lambda_endpoint=lambda_endpoint(services),
        ignores_endpoints=settings.get("ignore_configured_endpoint_urls", "").lower() == "true",
    )


def home_folder(environ: Mapping[str, str]) -> Path:
    """The folder that ``~`` means to this environment."""
    return Path(environ.get("HOME") or "~").expanduser()


def lambda_endpoint(services: Mapping[str, str]) -> str | None:
    """The one that a ``services`` section names."""
    pairs = (line.partition("=") for line in services.get("lambda", "").splitlines() if "=" in line)
    return {name.strip(): text.strip() for name, _, text in pairs}.get("endpoint_url")


def sections(path: Path, read: ReadFile) -> dict[str, dict[str, str]]:
    """The sections of a shared file, without quotes in their names; raises ``NotConnected``."""
    parser = RawConfigParser(default_section="", strict=False)
    try:
        parser.read_string(read(path) or "")
    except Error as error:
        raise NotConnected(f"{path} is not understood: {str(error).splitlines()[0]}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise NotConnected(f"{path} cannot be read: {error}") from None
    return {" ".join(name.replace('"', "").split()): dict(parser[name]) for name in parser.sections()}
