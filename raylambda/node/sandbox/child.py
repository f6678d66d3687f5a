"""A program of ours and its end, in the event loop, without threads: started by vfork, watched by a pidfd."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Mapping, Sequence


class Child:
    """One running program. It must be started in the loop's own thread: the kernel ends it when that thread ends."""

    def __init__(self, argv: Sequence[str], output: int, pass_fds: Sequence[int], env: Mapping[str, str]) -> None:
        """Start ``argv``; raises ``OSError``. ``output`` takes its stdout and stderr."""
        self._loop = asyncio.get_running_loop()
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=pass_fds,
            env=env,
            cwd="/",
            start_new_session=True,
        )
        self.ended: asyncio.Future[int] = self._loop.create_future()
        self._watch = os.pidfd_open(self._process.pid)
        self._loop.add_reader(self._watch, self._on_end)

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """End it if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    def _on_end(self) -> None:
        self._loop.remove_reader(self._watch)
        os.close(self._watch)
        status = self._process.wait()
        if not self.ended.done():
            self.ended.set_result(status)
