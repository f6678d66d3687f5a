"""Which failures are expected, and the line that says each; imported when something failed only."""

from __future__ import annotations

from raylambda.cli.invoke import PayloadUnreadable
from raylambda.cli.profiles import ProfileUnusable
from raylambda.cli.up import CannotStart
from raylambda.home import HomeUnusable, NoPlatform
from raylambda.sdk import ClientError, PlatformUnreachable
from raylambda.settings import SettingsError

_EXPECTED = (
    CannotStart,
    ClientError,
    HomeUnusable,
    NoPlatform,
    PayloadUnreadable,
    ProfileUnusable,
    SettingsError,
)


def one_line(error: Exception) -> str | None:
    """What to tell the user; ``None`` for what is our mistake."""
    if isinstance(error, PlatformUnreachable):
        return f"{error}; is a platform running? `raylambda up` starts one"
    if isinstance(error, _EXPECTED):
        return str(error)
    if isinstance(error, OSError):
        return str(error)
    return None
