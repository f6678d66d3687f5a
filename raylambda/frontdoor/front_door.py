"""Everything that the front door stands on; ``boot`` puts it together, tests put fakes in."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from raylambda.frontdoor.auth.authorization import Authorize, authorize
from raylambda.frontdoor.auth.signature import Authenticator
from raylambda.frontdoor.browser_guard import OwnNames
from raylambda.frontdoor.code_links import CodeLinks
from raylambda.frontdoor.invoke import Queue
from raylambda.logs.reader import LogReader
from raylambda.model.invocation import Invoker
from raylambda.model.principal import Principal
from raylambda.services.lambda_.context import ControlParts
from raylambda.store.engine import Database

Status = Callable[[Principal, bool, str | None], Awaitable[Mapping[str, Any]]]
"""Takes principal, whether all details are wanted, and the name of the one function that they are wanted of."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the page at ``/`` tells of: the region of this machine's own commands, and where Ray's dashboard is, if anywhere."""

    region: str
    dashboard_url: str | None = None


@dataclass(frozen=True)
class FrontDoorParts:
    """``settled`` returns once this front door serves by the change of a number; it may take for ever, and raises nothing.

    ``status`` describes the platform to a principal (JSON); ``healthy`` says whether invocations can be served now.
    ``control`` goes to the operations as it is; its clock and ids are those of requests too. ``links`` checks what
    ``control.code_location`` has made.
    """

    database: Database
    control: ControlParts
    settled: Callable[[int], Awaitable[None]]
    invoker: Invoker
    queue: Queue
    authenticator: Authenticator
    own_names: OwnNames
    surroundings: Surroundings
    links: CodeLinks
    logs: LogReader
    status: Status
    healthy: Callable[[], bool]
    authorize: Authorize = authorize
    random_bytes: Callable[[int], bytes] = os.urandom
