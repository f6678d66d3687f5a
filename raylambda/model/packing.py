"""How an invocation travels between front door and host: as bytes, because Ray carries bytes faster than objects.

Both ends are ours, on one cluster; nothing that a guest or a client wrote is unpickled, only carried inside as bytes and text.
"""

from __future__ import annotations

import pickle

from raylambda.model.invocation import Invocation, InvocationResult


def pack_invocation(environment_id: str, invocation: Invocation) -> bytes:
    """The event and the environment it is for."""
    return pickle.dumps((environment_id, invocation), pickle.HIGHEST_PROTOCOL)


def unpack_invocation(packed: bytes) -> tuple[str, Invocation]:
    """The inverse of ``pack_invocation``."""
    environment_id, invocation = pickle.loads(packed)  # noqa: S301  # see above
    return environment_id, invocation


def pack_result(result: InvocationResult) -> bytes:
    """What came out."""
    return pickle.dumps(result, pickle.HIGHEST_PROTOCOL)


def unpack_result(packed: bytes) -> InvocationResult:
    """The inverse of ``pack_result``."""
    result: InvocationResult = pickle.loads(packed)  # noqa: S301  # see above
    return result
