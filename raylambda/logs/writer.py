"""Takes in what functions write: the hosts' log lines, appended to the files of their groups."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock

import structlog

from raylambda.logs.files import LogFolder, LogLine, file_name, group_path
from raylambda.model.clock import Clock
from raylambda.model.environment import LogLines

_log = structlog.get_logger(__name__)


class LogWriter:
    """Writes below ``root`` and tells ``appended`` the group's folder each time; may be called in any thread.

    Files are written at once and not flushed to the disk: a crash of the machine may cost the last lines.
    """

    def __init__(self, root: Path, clock: Clock, appended: Callable[[Path], None]) -> None:
        self._root = root
        self._clock = clock
        self._appended = appended
        self._lock = Lock()
        self._newest_file = ""

    def append(self, lines: LogLines) -> None:
        """Keep lines and wake those who follow their group. Blocks for one write; lines that cannot be written are lost."""
        if not lines.lines:
            return
        path = group_path(self._root, lines.account, lines.region, lines.log_group)
        records = [LogLine(time_ms, lines.log_stream, message) for time_ms, message in lines.lines]
        try:
            LogFolder(path).append(self._file_now(), records)
        except OSError as error:  # the disk is full, say: a function must be able to run on without its log
            _log.error("log_lines_lost", log_group=lines.log_group, count=len(records), reason=error.strerror)
            return
        self._appended(path)

    def _file_now(self) -> str:
        """The file to append to; never an earlier one than before, so that those who follow do not miss a line."""
        with self._lock:
            self._newest_file = max(self._newest_file, file_name(self._clock.now()))
            return self._newest_file
