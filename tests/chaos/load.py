"""A constant load of synchronous calls and of events, and what became of each."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from tests.cluster.world import World

CALLERS = 4
_EVENT_EVERY_S = 0.1
_LONGEST_S = 0.3


@dataclass
class Load:
    """``answers`` counts what calls came to, ``events`` are those that were accepted, ``broken`` what must not happen."""

    world: World
    called: str
    sent_to: str
    answers: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    events: list[str] = field(default_factory=list)
    broken: list[BaseException] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def running(self, seed: int) -> Iterator[None]:
        """``CALLERS`` callers without a pause, and one sender of events. At the end all have got their last answer."""
        works = [self._call_on] * CALLERS + [self._send_on]
        threads = [
            threading.Thread(target=self._guarded, args=(work, Random(seed + number)))
            for number, work in enumerate(works)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _guarded(self, work: object, chance: Random) -> None:
        assert callable(work)
        try:
            work(chance)
        except Exception as error:
            self.broken.append(error)

    def _call_on(self, chance: Random) -> None:
        while not self._over.is_set():
            with self._lock:
                self.calls += 1
            answer = self.world.call(self.called, _event(chance)).result()
            with self._lock:
                self.answers[answer] += 1

    def _send_on(self, chance: Random) -> None:
        while not self._over.wait(chance.expovariate(1 / _EVENT_EVERY_S)):
            event = _event(chance)
            self.world.send(self.sent_to, event)
            self.events.append(event["id"])


def _event(chance: Random) -> dict[str, str]:
    return {"id": uuid.uuid4().hex, "takes_s": f"{chance.uniform(0.0, _LONGEST_S):.3f}"}
