# curl signs by itself.
set -eu
curl --silent --fail --aws-sigv4 "aws:amz:$AWS_REGION:lambda" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
  --header 'Content-Type: application/json' --data '{"number": 7}' \
  "$AWS_ENDPOINT_URL_LAMBDA/2015-03-31/functions/tools/invocations" | grep -q '"item": 7'
