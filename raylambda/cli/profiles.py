"""A profile of our own in AWS's shared files (``~/.aws/config`` and ``~/.aws/credentials``).

https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html, and for the endpoint of one service
https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Final

_NAME: Final = re.compile(r"[A-Za-z0-9_.@+-]{1,64}")
_HEADER: Final = re.compile(r"\[\s*(.*?)\s*\]\s*(?:[#;].*)?")
_OURS_OR_HARMLESS: Final = {"region", "output", "aws_access_key_id", "aws_secret_access_key"}

Values = Mapping[str, str | Mapping[str, str]]
"""A section: a value is a text, or settings that are nested below their name, as ``services`` sections have them."""


class ProfileUnusable(Exception):
    """A shared file or a profile cannot be read or written; the text says why."""


@dataclass(frozen=True)
class SharedFiles:
    """Where the two files are."""

    config: Path
    credentials: Path

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> SharedFiles:
        folder = Path(environ.get("HOME") or "~").expanduser() / ".aws"
        return cls(
            Path(environ.get("AWS_CONFIG_FILE") or folder / "config").expanduser(),
            Path(environ.get("AWS_SHARED_CREDENTIALS_FILE") or folder / "credentials").expanduser(),
        )

    def write(self, name: str, endpoint: str, region: str, access_key_id: str, secret: str) -> None:
        """Make or renew a profile of a platform; everything else in the files stays. Raises ``ProfileUnusable``.

        Somebody's own profile is left alone (``what_is_not_ours``).
        """
        if not _NAME.fullmatch(name):
            raise ProfileUnusable(f"{name!r} is no name for a profile: use letters, digits and _.@+-, at most 64")
        from raylambda.sdk.profiles import sections  # noqa: PLC0415  # starts slowly

        found, secrets = sections(self.config, _text), sections(self.credentials, _text)
        profile = {**found.get(_section(name), {}), **secrets.get(name, {})}
        theirs = what_is_not_ours(name, profile, found.get(f"services {name}"), endpoint, access_key_id)
        if theirs is not None:
            raise ProfileUnusable(f"the profile {name} has {theirs}, and stays as it is: choose another name")
        settings = {"region": region, "services": name}
        keys = {"aws_access_key_id": access_key_id, "aws_secret_access_key": secret}
        service = {"lambda": {"endpoint_url": endpoint}}
        config = with_section(_text(self.config), _section(name), settings)
        _replace(self.config, with_section(config, f"services {name}", service))
        _replace(self.credentials, with_section(_text(self.credentials), name, keys))


def what_is_not_ours(
    name: str, profile: Mapping[str, str], services: Mapping[str, str] | None, endpoint: str, access_key_id: str
) -> str | None:
    """What somebody else would lose, ``None`` when nothing. Pure.

    A profile is a platform's when its ``services`` are its own and they have this endpoint or it has this key (a platform may
    have moved, or have new keys). Otherwise a region, an output and this key are all that it may have.
    """
    from raylambda.sdk.profiles import lambda_endpoint  # noqa: PLC0415  # starts slowly

    key = profile.get("aws_access_key_id", access_key_id)
    served = None if services is None else lambda_endpoint(services)
    known = served == endpoint or (served is not None and profile.get("aws_access_key_id") == access_key_id)
    if profile.get("services") == name and known:
        return None
    if key != access_key_id:
        return f"another key ({key})"
    if others := profile.keys() - _OURS_OR_HARMLESS:
        return ", ".join(sorted(others))
    return None if services is None or served == endpoint else f"a section [services {name}] of another use"


def with_section(text: str, header: str, values: Values) -> str:
    """The text of an INI file in which these values stand in the section; every line of anything else stays as it is. Pure."""
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    headers = [
        (number, found[1]) for number, line in enumerate(lines) if (found := _HEADER.fullmatch(line.rstrip("\n")))
    ]
    start = next((number for number, name in headers if _same_header(name, header)), None)
    if start is None:
        return "".join([*lines, "\n" * bool(lines), f"[{header}]\n", *map(_lines_of, values, values.values())])
    end = next((number for number, _ in headers if number > start), len(lines))
    while end > start + 1 and _says_nothing(lines[end - 1]):  # it may belong to the next section
        end -= 1
    kept = _without(lines[start + 1 : end], values)
    return "".join([*lines[: start + 1], *kept, *map(_lines_of, values, values.values()), *lines[end:]])


def _says_nothing(line: str) -> bool:
    return not line.strip() or line.lstrip()[0] in "#;"


def _without(body: list[str], values: Values) -> list[str]:
    """The lines of a section but those of these names, which may go on in indented lines."""
    kept, dropping = [], False
    for line in body:
        if not line[0].isspace() and line[0] not in "#;":
            dropping = re.split(r"[=:]", line, maxsplit=1)[0].strip().lower() in values
        if not dropping or line.lstrip().startswith(("#", ";")):
            kept.append(line)
    return kept


def _lines_of(name: str, value: str | Mapping[str, str]) -> str:
    if isinstance(value, str):
        return f"{name} = {value}\n"
    return f"{name} =\n" + "".join(f"  {nested} = {text}\n" for nested, text in value.items())


def _section(profile: str) -> str:
    return profile if profile == "default" else f"profile {profile}"


def _same_header(one: str, other: str) -> bool:
    """Spaces and quotes do not tell names apart: ``[profile "mine"]``."""
    return one.replace('"', "").split() == other.split()


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")  # line ends stay what they are
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileUnusable(f"{path} cannot be read: {error}") from None


def _replace(path: Path, text: str) -> None:
    """The file with another text, or with the old one, whatever happens meanwhile; mode 0600. A link stays a link."""
    target = path.resolve()
    draft = target.with_name(f".{target.name}.{token_hex(8)}")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
            file.write(text.encode())
        draft.replace(target)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise ProfileUnusable(f"{path} cannot be written: {error}") from None
