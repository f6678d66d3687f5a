"""The page at ``/``, for a person who opens the address in a browser: what this is, and how to connect.

No operation of Lambda has this path. The page tells nothing that health and OpenAPI do not tell everybody, runs no script,
loads nothing and cannot be put into a frame. ``raylambda env`` has the keys; they are not here.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from html import escape
from string import Template
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from raylambda import __version__
from raylambda.frontdoor.arrival import base_url
from raylambda.frontdoor.front_door import FrontDoorParts
from raylambda.frontdoor.other_services import answer_to_other_service

_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}"
    "pre{padding:.75rem 1rem;overflow-x:auto;border:1px solid;border-radius:.25rem}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS: Final = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_PAGE: Final = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>raylambda</title>
<style>$style</style>
</head>
<body>
<h1>raylambda $version</h1>
<p>This is the address of a raylambda platform: AWS Lambda's programming model and AWS's own API, on a Ray cluster.</p>
<ul>
<li>Address: <code>$address</code></li>
<li>Health: $health (<a href="/_raylambda/health">/_raylambda/health</a>)</li>
<li>Requests: $requests</li>
</ul>

<h2>Connect</h2>
<p>On the machine that runs the platform, this sets address, key and region for everything below:</p>
<pre>eval &quot;$$(raylambda env)&quot;</pre>
<p>The AWS CLI, and other tools of AWS:</p>
<pre>aws lambda list-functions</pre>
<p>boto3:</p>
<pre>import boto3

client = boto3.client(&quot;lambda&quot;, endpoint_url=&quot;$address&quot;, region_name=&quot;$region&quot;)
print(client.list_functions()[&quot;Functions&quot;])</pre>
<p>raylambda's own client:</p>
<pre>import raylambda

with raylambda.Client() as client:
    print(list(client.list_functions()))</pre>
<p>curl:</p>
<pre>curl --aws-sigv4 &quot;aws:amz:$region:lambda&quot; --user &quot;$$AWS_ACCESS_KEY_ID:$$AWS_SECRET_ACCESS_KEY&quot; $address/2015-03-31/functions</pre>
<p>From another machine, set <code>AWS_ENDPOINT_URL_LAMBDA</code> to an address that leads here, and the key and region as
<code>raylambda env</code> prints them here.</p>

<h2>More</h2>
<ul>
<li><a href="/_raylambda/openapi.json">Description of the API</a> (OpenAPI)</li>
<li>$dashboard</li>
<li><code>raylambda status</code> tells of functions, environments and nodes; <code>raylambda --help</code> of everything else</li>
</ul>
</body>
</html>
""")

_DASHBOARD: Final = Template(
    '<a href="$url">Ray\'s dashboard</a> at <code>$url</code>. When it asks for a token: '
    "<code>ray get-auth-token</code> prints it on the machine that runs the platform, where Ray keeps it in "
    "<code>~/.ray/auth_token</code>"
)


@dataclass(frozen=True, slots=True)
class StartPage:
    """``GET /``."""

    parts: FrontDoorParts

    async def show(self, request: Request) -> Response:
        """The same for everybody, whatever ``Accept`` says. Services that have their own operations at ``/`` are told so."""
        return answer_to_other_service(request.scope) or HTMLResponse(self._page(request), headers=HEADERS)

    def _page(self, request: Request) -> str:
        parts = self.parts
        server = (request.scope.get("server") or (None,))[0]
        address = base_url(request, lambda host: parts.own_names.own(host, server))
        url = parts.surroundings.dashboard_url
        dashboard = "Ray's dashboard is not running" if url is None else _DASHBOARD.substitute(url=escape(url))
        asks = parts.authenticator.asks_signature
        return _PAGE.substitute(
            style=_STYLE,
            version=escape(__version__),
            address=escape(address),
            health="healthy, invocations are served" if parts.healthy() else "starting, invocations are not served yet",
            requests="signed (Signature Version 4)" if asks else "not checked (<code>RAYLAMBDA_AUTH=none</code>)",
            region=escape(parts.surroundings.region),
            dashboard=dashboard,
        )
