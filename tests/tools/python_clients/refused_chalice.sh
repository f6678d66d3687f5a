# Chalice's own deployment begins with a role.
set -eu
mkdir -p shop/.chalice && cd shop
echo '{"version": "2.0", "app_name": "shop", "stages": {"dev": {}}}' > .chalice/config.json
touch requirements.txt
printf 'from chalice import Chalice\n\napp = Chalice(app_name="shop")\n\n\n@app.lambda_function()\ndef work(event, context):\n    return event\n' > app.py
AWS_MAX_ATTEMPTS=1 AWS_ENDPOINT_URL="$AWS_ENDPOINT_URL_LAMBDA" chalice deploy
