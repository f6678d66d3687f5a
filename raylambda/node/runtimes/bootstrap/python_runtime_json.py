"""Events and results as JSON, the way AWS's client does it (it uses ``simplejson``).

The standard library's encoder gives the same text for plain values and is used for them. The rest, which it refuses or
writes differently (named tuples and whatever has ``_asdict``, ``Decimal``, ``bytes``), goes through an encoder of our own.
"""

from __future__ import annotations

import json
import sys

from python_runtime_errors import Fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_UNICODE_RUNTIMES = tuple(f"AWS_Lambda_python3.{minor}" for minor in range(12, 16))
_SCALARS = frozenset((str, int, float, bool, type(None)))
_ESCAPING = json.JSONEncoder()
_UNICODE = json.JSONEncoder(ensure_ascii=False)


class Marshaller:
    """Turns bodies into events and results into bodies. ``execution_env`` decides, as on AWS, whether text keeps its
    characters outside ASCII (Python 3.12 and later) or escapes them.
    """

    def __init__(self, execution_env: str | None) -> None:
        self._encoder = _UNICODE if execution_env in _UNICODE_RUNTIMES else _ESCAPING

    def event(self, body: bytes, content_type: str | None) -> Any:
        """The value of a JSON body; any other body as it is. Raises ``Fault``."""
        if content_type != "application/json":
            return body
        try:
            return json.loads(body.decode("utf-8"))
        except Exception as error:
            raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from None

    def response(self, value: Any) -> tuple[bytes, str]:
        """The body and its content type; raises ``Fault`` when the value has no JSON form."""
        if isinstance(value, bytes):
            return value, "application/unknown"
        try:
            text = self.text(value)
        except Exception as error:
            raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from None
        return text.encode("utf-8"), "application/json"

    def text(self, value: Any) -> str:
        """JSON with AWS's separators; raises ``TypeError`` or ``ValueError``."""
        return self._encoder.encode(value) if _is_plain(value) else _Encoding(self._encoder).of(value)


def _is_plain(value: Any) -> bool:
    """Whether the value is made of exactly JSON's own types, down to its leaves."""
    waiting = [value]
    seen: set[int] = set()
    while waiting:
        item = waiting.pop()
        kind = type(item)
        if kind in _SCALARS or id(item) in seen:
            continue
        seen.add(id(item))
        if kind is dict:
            if not all(type(key) in _SCALARS for key in item):
                return False
            waiting.extend([child for child in item.values() if type(child) not in _SCALARS])
        elif kind is list or kind is tuple:
            waiting.extend([child for child in item if type(child) not in _SCALARS])
        else:
            return False
    return True


class _Encoding:
    """One value on its way to text; the order of the cases is simplejson's."""

    def __init__(self, encoder: json.JSONEncoder) -> None:
        self._leaf = encoder.encode
        self._open: set[int] = set()

    def of(self, value: Any) -> str:
        if isinstance(value, bytes):
            return self._leaf(value.decode("utf-8"))
        if value is None or isinstance(value, (str, int, float)):
            return self._leaf(value)
        if id(value) in self._open:
            raise ValueError("Circular reference detected")
        self._open.add(id(value))
        try:
            return self._of_container(value)
        finally:
            self._open.discard(id(value))

    def _of_container(self, value: Any) -> str:
        members = _as_dict(value)
        if members is not None:
            return self._of_members(members)
        if isinstance(value, (list, tuple)):
            return "[" + ", ".join([self.of(item) for item in value]) + "]"
        if isinstance(value, dict):
            return self._of_members(value)
        return self._of_other(value)

    def _of_members(self, members: dict[Any, Any]) -> str:
        pairs = [self._leaf(_key(key, self._leaf)) + ": " + self.of(item) for key, item in members.items()]
        return "{" + ", ".join(pairs) + "}"

    def _of_other(self, value: Any) -> str:
        decimal = sys.modules.get("decimal")
        if decimal is not None and isinstance(value, decimal.Decimal):
            return "NaN" if value.is_nan() else str(value)
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _as_dict(value: Any) -> dict[Any, Any] | None:
    method = getattr(value, "_asdict", None)
    if not callable(method):
        return None
    try:
        members = method()
    except TypeError:
        return None
    if not isinstance(members, dict):
        raise TypeError(f"_asdict() must return a dict, not {type(members).__name__}")
    return members


def _key(key: Any, leaf: Callable[[Any], str]) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, bytes):
        return key.decode("utf-8")
    if key is None or isinstance(key, (int, float)):
        return leaf(key)
    raise TypeError(f"keys must be str, int, float, bool or None, not {type(key).__name__}")
