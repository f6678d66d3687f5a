"""Everything that the front door stands on; ``boot`` puts it together, tests put fakes in."""

from __future__ import annotations

import os
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from raylambda.frontdoor.auth.signature import Authenticator
from raylambda.frontdoor.code_links import CodeLinks
from raylambda.frontdoor.invoke import Queue
from raylambda.logs.reader import LogReader
from raylambda.model.clock import Clock, SystemClock
from raylambda.model.invocation import Invoker
from raylambda.store.codestore import CodeStore
from raylambda.store.engine import Database


def _new_id() -> str:
    return str(uuid.uuid4())


@dataclass(frozen=True)
class FrontDoor:
    """``status`` describes the platform to an account (JSON); ``healthy`` says whether invocations can be served now.

    ``fetch_s3`` reads (bucket, key, version) and may block; ``concurrency_limit`` is the account's in each region.
    """

    database: Database
    code_store: CodeStore
    invoker: Invoker
    queue: Queue
    authenticator: Authenticator
    links: CodeLinks
    logs: LogReader
    status: Callable[[str], Awaitable[Mapping[str, Any]]]
    healthy: Callable[[], bool]
    fetch_s3: Callable[[str, str, str | None], bytes]
    concurrency_limit: int
    clock: Clock = field(default_factory=SystemClock)
    new_id: Callable[[], str] = _new_id
    random_bytes: Callable[[int], bytes] = os.urandom
