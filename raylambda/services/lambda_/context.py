"""What Lambda's operations work with beside their rows: the seams to packages, S3 and the limits of the account."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from raylambda.model.addressing import Address
from raylambda.model.clock import Clock, SystemClock
from raylambda.services.protocol.operation import Context
from raylambda.store.changes import ChangeKind, record_change
from raylambda.store.codestore import CodeStore
from raylambda.store.uploads import Uploads


class S3Failure(Exception):
    """S3 did not give the object; ``code`` and the text are S3's own."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class ControlParts:
    """The same for all operations; the front door is given it whole and passes it on.

    ``fetch_s3`` reads (bucket, key, version) or raises ``S3Failure``, and may block; ``code_location`` makes a link below a
    base URL that downloads the package of a hex SHA-256 for ten minutes; ``concurrency_limit`` is the account's in each
    region.
    """

    code_store: CodeStore
    uploads: Uploads
    fetch_s3: Callable[[str, str, str | None], bytes]
    code_location: Callable[[str, str], str]
    concurrency_limit: int
    clock: Clock = field(default_factory=SystemClock)
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())


@dataclass(frozen=True, slots=True)
class LambdaContext(Context):
    """What one of Lambda's operations works in."""

    parts: ControlParts

    def record_change(self, address: Address) -> None:
        """Tell the change feed, in this transaction, that the function is different or gone."""
        record_change(self.session, ChangeKind.FUNCTION, address.account, address.region, address.name)
