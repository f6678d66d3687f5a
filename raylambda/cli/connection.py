"""The platform that this shell means, as the client finds it (``sdk.connection``)."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from raylambda.cli.output import hint, is_terminal

if TYPE_CHECKING:
    from raylambda.sdk import Client
    from raylambda.sdk.connection import Connection

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def connect() -> Client:
    """A client of the platform that this shell means; one on another machine is named. Raises ``NotConnected``."""
    from raylambda.sdk import Client  # noqa: PLC0415  # starts slowly

    found = connection()
    if urlsplit(found.endpoint).hostname not in LOOPBACK and is_terminal(sys.stderr):
        hint(f"at {found.endpoint} ({found.said_by})")
    key = found.credentials
    return Client(found.endpoint, key.access_key_id, key.secret, found.region, key.token)


def connection() -> Connection:
    """Where that platform is, and with which key; raises ``NotConnected``."""
    from raylambda.sdk.connection import Wanted, find_connection  # noqa: PLC0415  # starts slowly

    return find_connection(Wanted(), os.environ)
