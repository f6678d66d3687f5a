"""What other services of AWS are told that come here by mistake: in their own protocol, where they are to be sent.

``AWS_ENDPOINT_URL`` sends every service of an SDK to one address, and this one serves Lambda alone. Only a request that no
path of Lambda's takes is looked at, and one that is signed for Lambda is never another service's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final
from xml.sax.saxutils import escape

from starlette.responses import Response
from starlette.types import Scope

from raylambda.frontdoor.answers import REQUEST_ID
from raylambda.frontdoor.endpoint_variables import endpoint_variables
from raylambda.frontdoor.routing import parse_query

_SCOPE: Final = re.compile(r"/([A-Za-z0-9._-]{1,64})/aws4_request\b")
_CODE: Final = "UnknownOperationException"
_STATUS: Final = 400  # an SDK would try again after a 5xx, and take a 404 for an answer about the bucket


class Protocol(Enum):
    """How an error is written (https://smithy.io/2.0/aws/protocols/)."""

    JSON_1_0 = "application/x-amz-json-1.0"
    JSON_1_1 = "application/x-amz-json-1.1"
    REST_JSON = "application/json"
    CBOR = "application/cbor"
    QUERY = "query"
    EC2 = "ec2"
    S3 = "s3"


SERVICE_OF_TARGET: Final[Mapping[str, str]] = {
    "AWSEvents": "events",
    "AWSStepFunctions": "states",
    "AmazonEC2ContainerRegistry_V20150921": "ecr",
    "AmazonSQS": "sqs",
    "AmazonSSM": "ssm",
    "DynamoDB_20120810": "dynamodb",
    "DynamoDBStreams_20120810": "dynamodb-streams",
    "Kinesis_20131202": "kinesis",
    "Logs_20140328": "logs",
    "secretsmanager": "secretsmanager",
}
"""What ``X-Amz-Target`` begins with; it knows better than the signature, which two services may share."""

PROTOCOL_OF: Final[Mapping[str, Protocol]] = {
    "cloudfront": Protocol.QUERY,  # REST in XML, with the errors of query
    "ec2": Protocol.EC2,
    "iam": Protocol.QUERY,
    "route53": Protocol.QUERY,
    "s3": Protocol.S3,
    "s3express": Protocol.S3,
    "sns": Protocol.QUERY,
    "sts": Protocol.QUERY,
}
"""What no header tells: whose errors are in XML, and in which."""


@dataclass(frozen=True, slots=True)
class OtherService:
    """Whose request it is, as far as it says so (a signing name), and how the answer is to be written."""

    name: str | None
    protocol: Protocol

    @property
    def message(self) -> str:
        asked = "another service of AWS" if self.name is None else self.name
        variable, *others = ["AWS_ENDPOINT_URL_<SERVICE>"] if self.name is None else endpoint_variables(self.name)
        other = "".join(f" ({one} for the other service of this name)" for one in others)
        return (
            f"This address serves AWS Lambda alone, and the request is for {asked}: set {variable} to where that is "
            f"served{other}, or AWS_ENDPOINT_URL_LAMBDA instead of AWS_ENDPOINT_URL to this address."
        )


def other_service(headers: Mapping[str, str], query: Mapping[str, Sequence[str]]) -> OtherService | None:
    """Whose request this is; ``None`` when it is signed for Lambda, or nothing says that it is for anybody else."""
    signed = _SCOPE.search(headers.get("authorization") or query.get("X-Amz-Credential", ("",))[0])
    service = None if signed is None else signed[1].lower()
    if service == "lambda":
        return None
    target = headers.get("x-amz-target", "").partition(".")[0]
    service = SERVICE_OF_TARGET.get(target, service)
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if headers.get("smithy-protocol") == "rpc-v2-cbor" or content_type.startswith("application/x-amz-cbor"):
        return OtherService(service, Protocol.CBOR)
    if target:
        return OtherService(
            service, Protocol.JSON_1_0 if content_type == Protocol.JSON_1_0.value else Protocol.JSON_1_1
        )
    if content_type == "application/x-www-form-urlencoded" or "Action" in query:
        return OtherService(service, PROTOCOL_OF.get(service or "", Protocol.QUERY))
    return None if service is None else OtherService(service, PROTOCOL_OF.get(service, Protocol.REST_JSON))


def answer_to_other_service(scope: Scope) -> Response | None:
    """The whole answer to an HTTP request, if it is another service's."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}
    found = other_service(headers, parse_query(scope["query_string"]))
    return None if found is None else _written(found, scope[REQUEST_ID])


def _written(found: OtherService, request_id: str) -> Response:
    message, text = found.message, escape(found.message)
    headers = {"x-amz-request-id": request_id, "x-amzn-ErrorType": _CODE}
    error = f"<Error><Type>Sender</Type><Code>{_CODE}</Code><Message>{text}</Message>"
    match found.protocol:
        case Protocol.QUERY:
            body = f"<ErrorResponse>{error}</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
            return Response(body, _STATUS, headers, "text/xml")
        case Protocol.EC2:
            body = f"<Response><Errors>{error}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
            return Response(body, _STATUS, headers, "text/xml")
        case Protocol.S3:
            return Response(f"{error}<RequestId>{request_id}</RequestId></Error>", _STATUS, headers, "application/xml")
        case Protocol.CBOR:
            headers["smithy-protocol"] = "rpc-v2-cbor"
            return Response(_cbor({"__type": _CODE, "message": message}), _STATUS, headers, found.protocol.value)
        case _:
            body = json.dumps({"__type": _CODE, "message": message})
            return Response(body, _STATUS, headers, found.protocol.value)


def _cbor(texts: Mapping[str, str]) -> bytes:
    """A map of texts (RFC 8949: major types 5 and 3, lengths of two bytes)."""
    encoded = [part.encode() for pair in texts.items() for part in pair]
    return bytes([0xA0 + len(texts)]) + b"".join(b"\x79" + len(part).to_bytes(2, "big") + part for part in encoded)
