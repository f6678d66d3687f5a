"""A front door for tests: real HTTP on loopback, real SQLite, and a scripted invoker instead of a cluster.

To the invoker the function ``nobody`` does not exist. The front door's name, beside those of loopback, is ``h``.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from raylambda.frontdoor.app import create_app
from raylambda.frontdoor.auth.keys import KeyRing
from raylambda.frontdoor.auth.signature import SignatureCheck
from raylambda.frontdoor.browser_guard import OwnNames
from raylambda.frontdoor.code_links import CodeLinks
from raylambda.frontdoor.front_door import FrontDoorParts, Surroundings
from raylambda.frontdoor.server import make_server
from raylambda.logs.reader import LogReader
from raylambda.model.clock import SystemClock
from raylambda.model.principal import Principal
from raylambda.services.lambda_.context import ControlParts, S3Failure
from raylambda.settings import AccessKey
from raylambda.store.changes import changes_since
from raylambda.store.codestore import LocalCodeStore
from raylambda.store.engine import Database
from raylambda.store.functions import activate
from raylambda.store.uploads import Uploads
from raylambda.testing.calls import RecordingQueue, ScriptedInvoker
from tests.plugins.databases import migrated

ACCOUNT = "123456789012"
KEY = AccessKey("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ACCOUNT)
OTHER_KEY = AccessKey("AKIDOTHER", "another-secret", "210987654321")


class ActiveAtOnce:
    """Does for control-plane tests what the data plane does: a function that changed becomes Active."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen = 0

    def __call__(self, number: int) -> None:
        with self._database.session() as session:
            for change in changes_since(session, self._seen):
                activate(session, change.account, change.region, change.name)
        self._seen = number


def no_s3(bucket: str, key: str, version: str | None) -> bytes:
    """An S3 in which nothing exists."""
    raise S3Failure("NoSuchBucket", "The specified bucket does not exist")


async def settled_at_once(_change: int) -> None:
    """Whoever follows the changes here (``ActiveAtOnce``) has done so when they are committed."""


async def a_status(_principal: Principal, _detail: bool, _function: str | None) -> dict[str, Any]:
    return {"nodes": 1}


def a_front_door(home: Path, **changes: Any) -> FrontDoorParts:
    """Parts with defaults; each may be replaced, those of the control plane too."""
    database = migrated(f"sqlite:///{home}/raylambda.db")
    database.on_commit(ActiveAtOnce(database))
    clock = SystemClock()
    links = CodeLinks(b"link secret", clock)
    control = ControlParts(
        LocalCodeStore(home / "code"), Uploads(home / "uploads", clock), no_s3, links.location, concurrency_limit=1000
    )
    own = {name: changes.pop(name) for name in changes.keys() & ControlParts.__dataclass_fields__.keys()}
    parts = FrontDoorParts(
        database=database,
        control=replace(control, **own),
        settled=settled_at_once,
        invoker=ScriptedInvoker(absent={"nobody"}),
        queue=RecordingQueue(),
        authenticator=SignatureCheck(KeyRing([KEY, OTHER_KEY]), clock),
        own_names=OwnNames(frozenset({"h"})),
        surroundings=Surroundings("us-east-1"),
        links=links,
        logs=LogReader(home / "logs"),
        status=a_status,
        healthy=lambda: True,
    )
    return replace(parts, **changes)


@dataclass(frozen=True)
class Served:
    """A front door that listens."""

    door: FrontDoorParts
    host: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def client(self, key: AccessKey = KEY, region: str = "us-east-1", **config: Any) -> Any:
        """A boto3 client that neither retries nor looks for settings elsewhere."""
        return boto3.client(
            "lambda",
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id=key.access_key_id,
            aws_secret_access_key=key.secret,
            config=Config(retries={"total_max_attempts": 1}, **config),
        )


@contextmanager
def serving(door: FrontDoorParts) -> Iterator[Served]:
    """Listen on a free loopback port in a thread until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))  # clients may connect from here on
    server = make_server(create_app(door), door.logs.close)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        yield Served(door, *listener.getsockname())
    finally:
        server.should_exit = True
        thread.join(30)
        door.database.close()


@asynccontextmanager
async def serving_here(door: FrontDoorParts) -> AsyncIterator[Served]:
    """The same in the event loop of the test, for parts that live in it; clients that block must work in threads."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = make_server(create_app(door), door.logs.close)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield Served(door, *listener.getsockname())
    finally:
        server.should_exit = True
        await task


@pytest.fixture
def front_door(tmp_path: Path) -> Iterator[Served]:
    """A front door of one's own."""
    with serving(a_front_door(tmp_path)) as served:
        yield served


@pytest.fixture(scope="module")
def shared_front_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A front door that the tests of a module share: for those that leave nothing behind."""
    with serving(a_front_door(tmp_path_factory.mktemp("frontdoor"))) as served:
        yield served
