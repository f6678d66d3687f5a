"""Packages that nobody needs any more are removed from the code store.

A package is needed while a version refers to it. A version may be written a moment after its package, and what was read of a
version that is gone may still be used: links to a package are good for ten minutes, and a start may be under way. So a package
is removed when every look of the collector during ``GRACE_S`` found it without a version.

The last look and the removal are one exclusive unit of work. Whoever writes a version asks in the same unit as well whether the
package is there (``CodeStore.holds``), and puts it again if not: a version never refers to a package that was removed.
"""

from __future__ import annotations

from typing import Final

import structlog
from sqlmodel import col, select

from raylambda.model.clock import Clock
from raylambda.store.codestore import CodeStore
from raylambda.store.engine import Database
from raylambda.store.tables import FunctionVersionRow
from raylambda.store.uploads import Uploads

GRACE_S: Final = 900.0
EVERY_S: Final = 300.0
"""How often ``boot`` has it look."""

_log = structlog.get_logger(__name__)


class PackageCollector:
    """Remembers since when a package was without a version. One thread at a time."""

    def __init__(self, database: Database, code_store: CodeStore, uploads: Uploads, clock: Clock) -> None:
        self._database = database
        self._code_store = code_store
        self._uploads = uploads
        self._clock = clock
        self._unneeded_since: dict[str, float] = {}

    def collect(self) -> None:
        """Look once; remove what has been without a version for long enough, and uploads that expired. Raises ``StoreUnavailable``."""
        self._uploads.expire()
        now = self._clock.monotonic()
        kept = set(self._code_store.digests())  # before the rows: a package comes before the version that needs it
        with self._database.reading() as session:
            needed = set(session.exec(select(FunctionVersionRow.code_sha256).distinct()))
        self._unneeded_since = {sha256: self._unneeded_since.get(sha256, now) for sha256 in kept - needed}
        for sha256 in [sha256 for sha256, since in self._unneeded_since.items() if now - since >= GRACE_S]:
            self._remove(sha256)
            del self._unneeded_since[sha256]  # put again, it waits anew

    def _remove(self, sha256: str) -> None:
        with self._database.session() as session:
            versions = select(FunctionVersionRow.version).where(col(FunctionVersionRow.code_sha256) == sha256)
            if session.exec(versions.limit(1)).first() is None:
                self._code_store.remove(sha256)
                _log.info("package_removed", sha256=sha256)
