# The AWS CLI: a function's life.
set -eu
function=tools-aws-cli
aws lambda create-function --function-name $function --runtime python3.11 --handler app.handler \
  --role arn:aws:iam::123456789012:role/tools --zip-file fileb://package.zip >/dev/null
aws lambda wait function-active-v2 --function-name $function
echo '{"number": 7}' > event.json
aws lambda invoke --function-name $function --payload fileb://event.json answer.json >/dev/null
grep -q '"item": 7' answer.json
aws lambda update-function-configuration --function-name $function --timeout 7 >/dev/null
aws lambda wait function-updated-v2 --function-name $function
aws lambda delete-function --function-name $function
