"""The ``context`` of a handler, with every attribute that AWS's has (there it is ``awslambdaric.lambda_context``)."""

from __future__ import annotations

import json
import sys
import time

from python_runtime_errors import Fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from python_runtime_api import Invocation

_W3C_FIELDS = ("traceparent", "tracestate", "baggage")
_SHOWN = (
    "aws_request_id",
    "log_group_name",
    "log_stream_name",
    "function_name",
    "memory_limit_in_mb",
    "function_version",
    "invoked_function_arn",
    "client_context",
    "identity",
    "tenant_id",
)


class _Record:
    """Takes its members from a JSON object; those that it lacks are ``None``."""

    MEMBERS: tuple[str, ...] = ()

    def __init__(self, values: Mapping[str, Any]) -> None:
        for name in self.MEMBERS:
            setattr(self, name, values.get(name))

    def __repr__(self) -> str:
        return _show(self, self.MEMBERS)


class CognitoIdentity(_Record):
    MEMBERS = ("cognito_identity_id", "cognito_identity_pool_id")


class Client(_Record):
    MEMBERS = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")


class ClientContext(_Record):
    MEMBERS = ("custom", "env", "client")

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        client = values.get("client")
        self.client = None if client is None else Client(client)


class LambdaContext:
    """What a handler may ask about its invocation."""

    @classmethod
    def of(cls, invocation: Invocation, environ: Mapping[str, str]) -> LambdaContext:
        """Raises ``Fault`` when a header that should carry JSON does not."""
        client_context = _parse(invocation.client_context, "Client Context")
        identity = _parse(invocation.cognito_identity, "Cognito Identity")
        return cls(invocation, environ, client_context, identity)

    def __init__(self, invocation: Invocation, environ: Mapping[str, str], client_context: Any, identity: Any) -> None:
        self.aws_request_id = invocation.request_id
        self.log_group_name = environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = invocation.function_arn
        self.tenant_id = invocation.tenant_id
        self._w3c_fields = _take_w3c(client_context)
        self.client_context = None if client_context is None else ClientContext(client_context)
        names = {} if identity is None else identity
        pair = {"cognito_identity_id": "cognitoIdentityId", "cognito_identity_pool_id": "cognitoIdentityPoolId"}
        self.identity = CognitoIdentity({member: names.get(name) for member, name in pair.items()})
        self._epoch_deadline_time_in_ms: int = invocation.deadline_ms

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self._epoch_deadline_time_in_ms - int(time.time() * 1000))

    def w3c(self) -> dict[str, str]:
        """The W3C trace context of the caller, when it sent one in the client context."""
        return dict(self._w3c_fields)

    def log(self, message: object) -> None:
        """Write the text as it is, without the line end and the fields that ``logging`` adds."""
        sys.stdout.write(str(message))

    def __repr__(self) -> str:
        return _show(self, _SHOWN)


def _show(value: object, names: tuple[str, ...]) -> str:
    return f"{type(value).__name__}([{','.join(f'{name}={getattr(value, name)}' for name in names)}])"


def _parse(header: str | None, name: str) -> Any:
    if not header:
        return None
    try:
        return json.loads(header)
    except Exception as error:
        raise Fault("Runtime.LambdaContextUnmarshalError", f"Unable to parse {name} JSON: {error}") from None


def _take_w3c(client_context: Any) -> dict[str, str]:
    """Move the trace context out of the client context, where AWS does not show it."""
    if not isinstance(client_context, dict):
        return {}
    fields = client_context.pop("w3c", None)
    if not isinstance(fields, dict):
        return {}
    return {name: fields[name] for name in _W3C_FIELDS if isinstance(fields.get(name), str)}
