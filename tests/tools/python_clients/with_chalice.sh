# Chalice builds the package itself; boto3 or the AWS CLI registers it.
set -eu
mkdir -p shop/.chalice && cd shop
echo '{"version": "2.0", "app_name": "shop", "stages": {"dev": {}}}' > .chalice/config.json
touch requirements.txt
cat > app.py <<'APP'
from chalice import Chalice

app = Chalice(app_name="shop")


@app.route("/items/{number}")
def item(number):
    return {"item": int(number)}


@app.lambda_function(name="work")
def work(event, context):
    return {"item": event["number"]}
APP
chalice package out >/dev/null
python - <<'DEPLOY'
import json
from pathlib import Path

import boto3

client = boto3.client("lambda")
role, package = "arn:aws:iam::123456789012:role/tools", Path("out/deployment.zip").read_bytes()
request = {
    "resource": "/items/{number}", "path": "/items/7", "httpMethod": "GET", "headers": {}, "multiValueHeaders": {},
    "queryStringParameters": None, "multiValueQueryStringParameters": None, "pathParameters": {"number": "7"},
    "stageVariables": None, "body": None, "isBase64Encoded": False,
    "requestContext": {"resourcePath": "/items/{number}", "httpMethod": "GET", "identity": {"sourceIp": "127.0.0.1"}},
}
for name, handler, event in (("shop-api", "app.app", request), ("shop-work", "app.work", {"number": 7})):
    client.create_function(FunctionName=name, Runtime="python3.11", Handler=handler, Role=role, Code={"ZipFile": package})
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    answer = json.loads(client.invoke(FunctionName=name, Payload=json.dumps(event))["Payload"].read())
    client.delete_function(FunctionName=name)
    assert json.loads(answer.get("body", json.dumps(answer))) == {"item": 7}, answer
DEPLOY
