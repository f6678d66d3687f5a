"""boto3: a function's life, with the waiters and paginators."""

import json
from pathlib import Path

import boto3

client = boto3.client("lambda")
package = Path("package.zip").read_bytes()
role = "arn:aws:iam::123456789012:role/tools"
name = "tools-boto3"
client.create_function(
    FunctionName=name, Runtime="python3.11", Handler="app.handler", Role=role, Code={"ZipFile": package}
)
client.get_waiter("function_active_v2").wait(FunctionName=name)
answer = client.invoke(FunctionName=name, Payload=json.dumps({"number": 7}), LogType="Tail")
assert json.loads(answer["Payload"].read()) == {"item": 7}
client.update_function_code(FunctionName=name, ZipFile=package, Publish=True)
client.get_waiter("function_updated_v2").wait(FunctionName=name)
client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
assert client.invoke(FunctionName=name, Qualifier="live")["ExecutedVersion"] == "1"
pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=name, PaginationConfig={"PageSize": 1})
assert [version["Version"] for page in pages for version in page["Versions"]] == ["$LATEST", "1"]
try:
    client.get_function(FunctionName="nobody")
except client.exceptions.ResourceNotFoundException:
    client.delete_function(FunctionName=name)
