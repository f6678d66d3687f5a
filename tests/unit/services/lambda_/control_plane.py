"""The control plane without HTTP: one database, seams that tests can see, and calls as botocore would send them."""

from __future__ import annotations

import json
import string
from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from raylambda.frontdoor.auth.authorization import authorize
from raylambda.model.errors import LambdaError
from raylambda.model.function import FunctionRecord
from raylambda.model.principal import Principal
from raylambda.services.lambda_.context import ControlParts, LambdaContext, S3Failure
from raylambda.services.lambda_.table import OPERATIONS, OWN_OPERATIONS, action
from raylambda.services.protocol.dispatch import Answer, answer
from raylambda.services.protocol.operation import Operation
from raylambda.store.changes import Change, changes_since
from raylambda.store.engine import Database
from raylambda.store.functions import activate, load_function
from raylambda.store.uploads import Uploads
from raylambda.testing.clock import ManualClock
from raylambda.testing.codestore import MemoryCodeStore
from tests.builders import a_zip

ACCOUNT = "123456789012"
REGION = "eu-central-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/lambda"
ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"


def a_package(source: str = "def handler(event, context): return event\n") -> bytes:
    """A zip with one module; equal sources make equal bytes."""
    return a_zip({"app.py": source})


def zip_member(source: str = "def handler(event, context): return event\n") -> str:
    """The same as a JSON member."""
    return b64encode(a_package(source)).decode()


class CountedIds:
    """Ids that look like random ones, in order."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self) -> str:
        self._count += 1
        return str(UUID(int=self._count))


class ControlPlane:
    """Calls operations by name with AWS's member names, each in a unit of work of its own, as the front door does."""

    def __init__(self, database: Database, concurrency_limit: int = 1000, uploads: Path = Path("/nonexistent")) -> None:
        self.database = database
        self.clock = ManualClock()
        self.code_store = MemoryCodeStore()
        self.uploads = Uploads(uploads, self.clock)
        self.buckets: dict[tuple[str, str, str | None], bytes] = {}
        self.account, self.region = ACCOUNT, REGION
        self.concurrency_limit = concurrency_limit
        self._new_id = CountedIds()

    def call(self, name: str, **members: Any) -> dict[str, Any]:
        """The JSON answer; ``{}`` when the body is empty. Raises ``LambdaError``."""
        body = self.answer(name, **members).body
        return json.loads(body) if body else {}

    def answer(self, name: str, **members: Any) -> Answer:
        operation = OPERATIONS.get(name) or OWN_OPERATIONS[name]
        labels = {label: str(members.pop(label)) for label in labels_of(operation)}
        query = {key: _texts(members.pop(_member(key))) for key in operation.query if _member(key) in members}
        return self.send(operation, labels, query, json.dumps(members).encode())

    def send(
        self, operation: Operation, labels: Mapping[str, str], query: Mapping[str, list[str]], body: bytes
    ) -> Answer:
        """As the front door does: commit an answer, roll an error back."""
        with self.database.session() as session:
            principal = Principal(self.account, self.region, "AKIDEXAMPLE")
            context = LambdaContext(
                session=session,
                principal=principal,
                authorize=partial(authorize, principal, action(operation)),
                base_url="https://code.example",
                parts=ControlParts(
                    code_store=self.code_store,
                    uploads=self.uploads,
                    fetch_s3=self._fetch_s3,
                    code_location=lambda base_url, sha256: f"{base_url}/{sha256}",
                    concurrency_limit=self.concurrency_limit,
                    clock=self.clock,
                    new_id=self._new_id,
                ),
            )
            return answer(operation, context, labels, query, body)

    def refusal(self, name: str, **members: Any) -> LambdaError:
        """The error of a call that must fail; nothing of it may be kept."""
        before = self.changes()
        try:
            self.answer(name, **members)
        except LambdaError as error:
            assert self.changes() == before
            return error
        raise AssertionError(f"{name} was not refused")

    def create(self, name: str = "fn", **members: Any) -> dict[str, Any]:
        """CreateFunction with what it needs, not activated."""
        return self.call("CreateFunction", **a_function(name, **members))

    def active(self, name: str = "fn", **members: Any) -> str:
        """A function that is Active; its name."""
        self.create(name, **members)
        self.settle(name)
        return name

    def settle(self, name: str = "fn") -> None:
        """What the data plane does after an operation."""
        with self.database.session() as session:
            activate(session, self.account, self.region, name)

    def record(self, name: str = "fn") -> FunctionRecord | None:
        """The function as the data plane sees it."""
        with self.database.reading() as session:
            return load_function(session, self.account, self.region, name)

    def changes(self) -> list[Change]:
        with self.database.reading() as session:
            return changes_since(session, 0)

    def _fetch_s3(self, bucket: str, key: str, version: str | None) -> bytes:
        if bucket not in {stored for stored, _, _ in self.buckets}:
            raise S3Failure("NoSuchBucket", "The specified bucket does not exist")
        if (bucket, key, version) not in self.buckets:
            raise S3Failure("NoSuchKey", "The specified key does not exist.")
        return self.buckets[bucket, key, version]


def a_function(name: str = "fn", **members: Any) -> dict[str, Any]:
    """The members of a CreateFunction that succeeds."""
    needed = {
        "FunctionName": name,
        "Runtime": "python3.11",
        "Handler": "app.handler",
        "Role": ROLE,
        "Code": {"ZipFile": zip_member()},
    }
    return {key: value for key, value in {**needed, **members}.items() if value is not None}


def labels_of(operation: Operation) -> list[str]:
    """The names between braces in the path."""
    return [label for _, label, _, _ in string.Formatter().parse(operation.path) if label]


def the_refusal_of(act: Callable[[], object]) -> LambdaError:
    """The error that ``act`` raises."""
    try:
        act()
    except LambdaError as error:
        return error
    raise AssertionError("nothing was refused")


def _member(query_name: str) -> str:
    return query_name[:1].upper() + query_name[1:]


def _texts(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]
