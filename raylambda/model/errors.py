"""AWS's wire errors, one class each (lambda-reference.md 1, 4; status and code of botocore's model where it has one).

::

    LambdaError
     ├── ServiceException                        500
     ├── InvalidParameterValueException          400
     │    └── UntypedInvalidParameterValue       400  (the same code, no Type)
     ├── ValidationException                     400  (no Type)
     ├── SerializationException                  400  (no Type)
     ├── InvalidRequestContentException          400
     ├── CodeStorageExceededException            400
     ├── ResourceNotFoundException               404
     ├── CodeSigningConfigNotFoundException      404
     ├── ProvisionedConcurrencyConfigNotFoundException   404
     ├── PackageNotUploadedException             404  (raylambda's own)
     ├── UnknownOperationException               404
     ├── RequestTimeoutException                 408
     ├── ResourceConflictException               409
     ├── PreconditionFailedException             412
     ├── RequestTooLargeException                413
     ├── RequestEntityTooLargeException          413
     ├── TooManyRequestsException                429  (Reason, Retry-After)
     ├── ResourceNotReadyException               502
     ├── AccessDeniedException                   403
     ├── MissingAuthenticationTokenException     403
     ├── UnrecognizedClientException             403
     ├── InvalidSignatureException               403
     ├── IncompleteSignatureException            403
     └── NotImplementedYet                       501  (an operation of the NOT_YET list)
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class LambdaError(Exception):
    """The root. ``str(error)`` is the message that the client reads; ``code`` is the wire code, by default the class name."""

    status: ClassVar[int] = 500
    message_member: ClassVar[str] = "message"
    has_type: ClassVar[bool] = True

    @property
    def code(self) -> str:
        return type(self).__name__

    @property
    def fault(self) -> str:
        return "User" if self.status < 500 else "Service"

    def body(self) -> dict[str, str]:
        """The JSON body, members in AWS's order."""
        body = {"Type": self.fault} if self.has_type else {}
        return {**body, self.message_member: str(self)}

    def headers(self) -> dict[str, str]:
        return {"x-amzn-ErrorType": self.code}


class ServiceException(LambdaError):
    """Something on our side failed; a client may try again."""

    message_member = "Message"


class InvalidParameterValueException(LambdaError):
    """A parameter's value is not allowed."""

    status = 400


class UntypedInvalidParameterValue(InvalidParameterValueException):
    """The few refusals that AWS sends under the same code without ``Type`` (lambda-reference.md 6)."""

    has_type = False

    @property
    def code(self) -> str:
        return InvalidParameterValueException.__name__


class ValidationException(LambdaError):
    """A value breaks a constraint of the service model."""

    status = 400
    has_type = False


class SerializationException(LambdaError):
    """The body of a request is not JSON, or a member has another JSON type than the service model says."""

    status = 400
    has_type = False


class InvalidRequestContentException(LambdaError):
    """The payload of an invocation is not JSON."""

    status = 400


class CodeStorageExceededException(LambdaError):
    """All packages of the account and region together are over 75 GB."""

    status = 400


class ResourceNotFoundException(LambdaError):
    """The named resource does not exist."""

    status = 404
    message_member = "Message"


class CodeSigningConfigNotFoundException(LambdaError):
    """The named code signing configuration does not exist."""

    status = 404
    message_member = "Message"


class ProvisionedConcurrencyConfigNotFoundException(LambdaError):
    """The version or alias has no provisioned concurrency."""

    status = 404


class PackageNotUploadedException(LambdaError):
    """A deployment names a package that the account has not sent."""

    status = 404


class UnknownOperationException(LambdaError):
    """No operation of Lambda has this method and path."""

    status = 404


class RequestTimeoutException(LambdaError):
    """The request did not arrive in time."""

    status = 408


class ResourceConflictException(LambdaError):
    """The resource exists already, or is in a state that forbids the operation."""

    status = 409


class PreconditionFailedException(LambdaError):
    """The given RevisionId is not the latest."""

    status = 412


class RequestTooLargeException(LambdaError):
    """The payload of an invocation is over its limit."""

    status = 413


class RequestEntityTooLargeException(LambdaError):
    """A request body or a zip is over its limit."""

    status = 413


class ThrottleReason(StrEnum):
    """Members of AWS's throttle reasons that this platform gives (lambda-reference.md 13)."""

    FUNCTION = "ReservedFunctionConcurrentInvocationLimitExceeded"
    ACCOUNT = "ConcurrentInvocationLimitExceeded"


class TooManyRequestsException(LambdaError):
    """The invocation is throttled, because of ``reason``."""

    status = 429

    def __init__(self, message: str = "Rate Exceeded.", *, reason: ThrottleReason, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after_s = retry_after_s

    def body(self) -> dict[str, str]:
        return {"Reason": self.reason, **super().body()}

    def headers(self) -> dict[str, str]:
        return {**super().headers(), "Retry-After": str(self.retry_after_s)}


class ResourceNotReadyException(LambdaError):
    """The cluster has no place for the function's environments; the message says what is missing."""

    status = 502


class AccessDeniedException(LambdaError):
    """The principal may not do this."""

    status = 403
    message_member = "Message"
    has_type = False


class MissingAuthenticationTokenException(LambdaError):
    """The request is not signed."""

    status = 403
    has_type = False


class UnrecognizedClientException(LambdaError):
    """The access key is not known."""

    status = 403
    has_type = False


class InvalidSignatureException(LambdaError):
    """The signature does not match the request, or its time is off by more than five minutes."""

    status = 403
    has_type = False


class IncompleteSignatureException(LambdaError):
    """The Authorization header or the query lacks a part of the signature, or has one that cannot be read."""

    status = 403
    has_type = False


class NotImplementedYet(LambdaError):
    """AWS has this operation, and raylambda does not have it yet."""

    status = 501
