"""The tools: what is run of each, and what the page says of it. Every row is a test, so the page is true or a test fails."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]


@dataclass(frozen=True)
class Client:
    """A tool that talks to the endpoint: ``script`` ends with 0, or is refused after it printed ``refusal``."""

    name: str
    group: str
    script: str
    says: str
    refusal: str = ""


@dataclass(frozen=True)
class Library:
    """A tool that runs inside of a function: ``handler`` makes ``answer`` of ``event``, and ``log`` is in the log."""

    name: str
    group: str
    handler: str
    event: Any
    answer: Any
    says: str
    log: str = ""


NUMBER = {"number": 7}
ITEM = {"item": 7}
JSON_BODY = {
    "body": '{"number": 6}',
    "headers": {"content-type": "application/json", "Content-Type": "application/json"},
}
HTTP = {
    "version": "2.0",
    "routeKey": "$default",
    "rawPath": "/items/7",
    "rawQueryString": "",
    "headers": {"host": "h", "accept": "*/*"},
    "requestContext": {
        "accountId": "1",
        "apiId": "a",
        "domainName": "h",
        "http": {
            "method": "GET",
            "path": "/items/7",
            "protocol": "HTTP/1.1",
            "sourceIp": "127.0.0.1",
            "userAgent": "t",
        },
        "requestId": "r",
        "stage": "$default",
        "timeEpoch": 1583348638390,
    },
    "isBase64Encoded": False,
}
REST = {
    "resource": "/items/{number}",
    "path": "/items/7",
    "httpMethod": "GET",
    "headers": {"Host": "h"},
    "multiValueHeaders": {"Host": ["h"]},
    "queryStringParameters": None,
    "multiValueQueryStringParameters": None,
    "pathParameters": None,
    "stageVariables": None,
    "requestContext": {"httpMethod": "GET", "path": "/items/7", "stage": "s", "identity": {"sourceIp": "127.0.0.1"}},
    "body": None,
    "isBase64Encoded": False,
}
WEB = "answers an event of API Gateway"

CLIENTS = (
    Client("boto3", "python_clients", "with_boto3.py", "a function's life, waiters, paginators, typed errors"),
    Client("aioboto3", "python_clients", "with_aioboto3.py", "invocations beside each other"),
    Client("aiobotocore", "python_clients", "with_aiobotocore.py", "invocations, paginators"),
    Client("chalice", "python_clients", "with_chalice.sh", "`chalice package`, registered with boto3: routes and functions"),
    Client(
        "chalice", "python_clients", "refused_chalice.sh", "`chalice deploy` does not work: it makes a role (IAM) first",
        refusal="Creating deployment package.",
    ),
    Client("awscli", "machine_clients", "with_aws_cli.sh", "a function's life, waiters"),
    Client("curl", "machine_clients", "with_curl.sh", "an invocation, signed by `--aws-sigv4`"),
    Client("@aws-sdk/client-lambda", "node_clients", "with_sdk_v3.mjs", "a function's life, waiters, typed errors"),
    Client("aws-sdk", "node_clients", "with_sdk_v2.cjs", "an invocation; version 2 takes its endpoint as an argument only"),
    Client("@aws-lite/lambda", "node_clients", "with_aws_lite.mjs", "an invocation"),
    Client("aws4", "node_clients", "with_aws4.mjs", "an invocation that it signed"),
    Client("aws4fetch", "node_clients", "with_aws4fetch.mjs", "an invocation that it signed"),
    Client("osls", "node_clients", "with_osls.sh", "`osls package`, registered with the AWS CLI, and `osls invoke`"),
)  # fmt: skip

PYTHON, NODE = "python_functions", "node_functions"
LIBRARIES = (
    Library("aws-lambda-powertools", PYTHON, "handlers.powertools", REST, {"item": "7"}, "event handler, logger, metrics", '"_aws":'),
    Library("mangum", PYTHON, "handlers.mangum", HTTP, ITEM, f"FastAPI {WEB}"),
    Library("apig-wsgi", PYTHON, "handlers.apig_wsgi", REST, ITEM, f"Flask {WEB}"),
    Library("aws-xray-sdk", PYTHON, "handlers.xray", NUMBER, {"trace": True}, "continues the invocation's trace; no daemon takes it"),
    Library("aws-embedded-metrics", PYTHON, "handlers.embedded_metrics", NUMBER, ITEM, "metrics in the log", '"Namespace": "tools"'),
    Library("lambda-multiprocessing", PYTHON, "handlers.multiprocessing", [1, 2, 3], [1, 4, 9], "processes in a function"),
    Library("lambda-decorators", PYTHON, "handlers.decorated", JSON_BODY, 7, "JSON bodies"),
    Library("sentry-sdk", PYTHON, "handlers.sentry", NUMBER, {"kept": 1, "active": True}, "reports, with its Lambda integration"),
    Library("datadog-lambda", PYTHON, "handlers.datadog", NUMBER, ITEM, "wraps a handler; traces go to the log", "aws.lambda.import"),
    Library(
        "opentelemetry-instrumentation-aws-lambda", PYTHON, "telemetry.handler", NUMBER, ITEM, "a span for each invocation",
        "span python_functions",
    ),
    Library("@aws-lambda-powertools/logger", NODE, "handlers.powertoolsLogger", NUMBER, ITEM, "logs with the context", '"function_request_id":'),
    Library("@aws-lambda-powertools/metrics", NODE, "handlers.powertoolsMetrics", NUMBER, ITEM, "metrics in the log", '"_aws":'),
    Library("@middy/core", NODE, "handlers.middy", JSON_BODY, 7, "a handler with middlewares"),
    Library("serverless-http", NODE, "handlers.serverlessHttp", HTTP, ITEM, f"Express {WEB}"),
    Library("@codegenie/serverless-express", NODE, "handlers.serverlessExpress", HTTP, ITEM, f"Express {WEB}"),
    Library("lambda-api", NODE, "handlers.lambdaApi", HTTP, ITEM, WEB),
    Library("hono", NODE, "handlers.hono", HTTP, ITEM, WEB),
    Library("@fastify/aws-lambda", NODE, "handlers.fastify", HTTP, ITEM, f"Fastify {WEB}"),
    Library("@trpc/server", NODE, "handlers.trpc", {**HTTP, "rawPath": "/item"}, {"result": {"data": 7}}, f"a router {WEB}"),
    Library("aws-embedded-metrics", NODE, "handlers.embeddedMetrics", NUMBER, ITEM, "metrics in the log", '"Namespace":"tools"'),
    Library("aws-xray-sdk-core", NODE, "handlers.xray", NUMBER, {"trace": True}, "continues the invocation's trace; no daemon takes it"),
    Library("pino-lambda", NODE, "handlers.pino", NUMBER, ITEM, "logs with the context", '"awsRequestId":'),
)  # fmt: skip

HEAD = """# Tools that work unchanged

Each line is a test (`tests/tools/`): the tool comes from its registry, pinned, and is run against a platform with nothing but
an endpoint, a key and a region. Its script or handler there is the example. This page is made from the same table
(`RAYLAMBDA_WRITE_GOLDENS=1 pytest tests/tools -k page`).
"""


def page() -> str:
    """The page."""
    talk = [(one.name, _version(one.group, one.name), _registry(one.group, one.name), one.says) for one in CLIENTS]
    inside = [(one.name, _version(one.group, one.name), _registry(one.group, one.name), one.says) for one in LIBRARIES]
    return (
        f"{HEAD}\n## What talks to the platform\n\n{_table(talk)}\n## What runs in functions\n\n{_table(inside)}\n"
        "## What needs more than Lambda\n\n"
        "A tool that makes roles, stacks, buckets or web addresses itself asks AWS's other services for them, and those are not "
        "here: let it build the package, and register that with one of the tools above or with `raylambda deploy`.\n"
    )


def _table(rows: list[tuple[str, str, str, str]]) -> str:
    head = ("tool", "version", "from", "what is tested")
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ("---",) * 4, *rows))


def _registry(group: str, name: str) -> str:
    if name == "awscli":
        return "PyPI"  # `make test` installs it beside everything else
    return {"python": "PyPI", "node": "npm", "machine": "the machine"}[group.partition("_")[0]]


def _version(group: str, name: str) -> str:
    """The pinned one; a program of the machine is what the machine has."""
    if group.startswith("node_"):
        lock: Mapping[str, Any] = json.loads((HERE / group / "package-lock.json").read_text("utf-8"))
        version: str = lock["packages"][f"node_modules/{name}"]["version"]
        return version
    path = (
        REPOSITORY / "requirements" / "awscli.lock"
        if group == "machine_clients"
        else HERE / group / "requirements.lock"
    )
    found = re.search(rf"^{re.escape(name)}==(\S+)", path.read_text("utf-8"), re.MULTILINE)
    return found[1] if found else "any"
