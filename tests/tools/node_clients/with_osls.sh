# osls (the maintained Serverless Framework 3): its functions are invoked by their stage's name.
set -eu
mkdir -p shop && cd shop
cat > serverless.yml <<'YML'
service: shop
provider:
  name: aws
  runtime: python3.11
  region: us-east-1
functions:
  work:
    handler: app.handler
YML
cp ../app.py .
osls package >/dev/null
test -s .serverless/shop.zip
aws lambda create-function --function-name shop-dev-work --runtime python3.11 --handler app.handler \
  --role arn:aws:iam::123456789012:role/tools --zip-file fileb://.serverless/shop.zip >/dev/null
aws lambda wait function-active-v2 --function-name shop-dev-work
osls invoke -f work -d '{"number": 7}' | grep -q '"item": 7'
aws lambda delete-function --function-name shop-dev-work
