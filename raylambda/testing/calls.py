"""Where calls and events go, in memory: an invoker that plays a script, and a queue that only remembers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container
from dataclasses import dataclass, field

from raylambda.model.arn import function_arn
from raylambda.model.errors import ResourceNotFoundException
from raylambda.model.function import LATEST
from raylambda.model.invocation import Call, Completion, InvocationResult

Step = Exception | Completion | Callable[[Call], Awaitable[Completion]]


async def echo(call: Call) -> Completion:
    """Answer an event with itself."""
    return Completion(InvocationResult(call.payload), LATEST)


class ScriptedInvoker:
    """An ``Invoker`` that answers each call with the next step of its script; the last step repeats.

    A step is what comes out, an error to raise, or a function of the call. Without a script events come back.
    Functions named in ``absent`` do not exist. ``calls`` are those that ran, ``checked`` all that named a function.
    """

    def __init__(self, *script: Step, absent: Container[str] = ()) -> None:
        self._absent = absent
        self.calls: list[Call] = []
        self.checked: list[Call] = []
        self.running = 0
        self.most_running = 0
        self.play(*script)

    def play(self, *script: Step) -> None:
        """Go on with this script."""
        self._script = list(script) or [echo]

    async def invoke(self, call: Call) -> Completion:
        await self.check(call)
        self.calls.append(call)
        step = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            if isinstance(step, Exception):
                raise step
            return step if isinstance(step, Completion) else await step(call)
        finally:
            self.running -= 1

    async def check(self, call: Call) -> None:
        if call.name in self._absent:
            arn = function_arn(call.region, call.account, call.name, call.qualifier or LATEST)
            raise ResourceNotFoundException(f"Function not found: {arn}")
        self.checked.append(call)


@dataclass
class RecordingQueue:
    """Accepts every event and remembers it."""

    accepted: list[Call] = field(default_factory=list)

    async def accept(self, call: Call) -> None:
        self.accepted.append(call)
