"""The page at ``/``: what it says is true, its commands work, and it can do nothing."""

from __future__ import annotations

import base64
import hashlib
import http.client
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from raylambda import __version__
from raylambda.frontdoor.auth.signature import AnyKey
from raylambda.frontdoor.front_door import Surroundings
from tests.builders import a_zip
from tests.plugins.frontdoor import ACCOUNT, KEY, Served, a_front_door, serving

DASHBOARD = "http://127.0.0.1:8265"
PASSIVE = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "ul", "li", "a", "code", "pre"}


class Parsed(HTMLParser):
    """The elements of a page, its text, and the text of each ``pre``."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.commands: list[str] = []
        self.style = ""
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "pre":
            self.commands.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._inside == "pre":
            self.commands[-1] += data
        if self._inside == "style":
            self.style += data


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    surroundings = Surroundings("eu-west-1", DASHBOARD)
    with serving(a_front_door(tmp_path_factory.mktemp("page"), surroundings=surroundings)) as served:
        served.client(region="eu-west-1").create_function(
            FunctionName="on-the-page",
            Runtime="python3.11",
            Role="arn:aws:iam::123456789012:role/any",
            Handler="app.handler",
            Code={"ZipFile": a_zip({"app.py": ""})},
        )
        yield served


def get(served: Served, method: str = "GET", **headers: str) -> tuple[int, http.client.HTTPMessage, str]:
    with closing(http.client.HTTPConnection(served.host, served.port, timeout=30)) as connection:
        connection.request(method, "/", headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()


def page_of(served: Served, **headers: str) -> Parsed:
    status, _, body = get(served, **headers)
    assert status == 200
    return Parsed(body)


def test_a_person_is_told_what_this_is_and_where(served: Served) -> None:
    page = page_of(served, Accept="text/html")

    assert f"raylambda {__version__}" in page.text
    assert f"Address: {served.url}" in page.text
    assert "Health: healthy" in page.text
    assert "Requests: signed" in page.text
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert links == ["/_raylambda/health", "/_raylambda/openapi.json", DASHBOARD]
    assert "ray get-auth-token" in page.text


@pytest.mark.parametrize("accept", ["text/html,*/*;q=0.8", "*/*", "application/json", None])
def test_everybody_gets_the_same_page(served: Served, accept: str | None) -> None:
    status, headers, body = get(served, **({} if accept is None else {"Accept": accept}))

    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert body.startswith("<!DOCTYPE html>")
    assert headers["x-amzn-requestid"]


def test_head_has_the_headers_only(served: Served) -> None:
    status, headers, body = get(served, "HEAD")

    assert (status, body) == (200, "")
    assert headers["content-security-policy"]


def test_the_page_can_do_nothing(served: Served) -> None:
    _, headers, body = get(served)
    page = Parsed(body)

    assert {tag for tag, _ in page.elements} <= PASSIVE
    assert {name for _, attributes in page.elements for name in attributes} <= {
        "lang",
        "charset",
        "name",
        "content",
        "href",
    }
    digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    assert headers["content-security-policy"].split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")
    assert (headers["x-frame-options"], headers["cache-control"]) == ("DENY", "no-store")


def test_no_key_is_on_the_page(served: Served) -> None:
    _, _, body = get(served)

    assert KEY.secret not in body
    assert KEY.access_key_id not in body


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("localhost:9000", "http://localhost:9000"),
        ("[::1]:8470", "http://[::1]:8470"),
        ("h", "http://h"),
        ("evil.example", None),
        ("evil.example:8470", None),
        ('"><script>alert(1)</script>', None),
        ("localhost'><b>", None),
        ("localhost@evil.example", None),
        ("", None),
    ],
)
def test_only_a_name_that_is_its_own_is_shown_as_the_address(served: Served, host: str, shown: str | None) -> None:
    _, _, body = get(served, Host=host)

    assert f"<code>{shown or served.url}</code>" in body
    assert "evil" not in body
    assert "<b>" not in body
    assert "<script" not in body


def test_what_boot_gives_it_is_escaped(tmp_path: Path) -> None:
    surroundings = Surroundings("<script>", "http://x/'\"><script>alert(1)</script>")
    with serving(a_front_door(tmp_path, surroundings=surroundings)) as served:
        page = page_of(served)

    assert {tag for tag, _ in page.elements} <= PASSIVE
    assert surroundings.dashboard_url in [attributes.get("href") for tag, attributes in page.elements if tag == "a"]


def test_it_tells_how_things_stand(tmp_path: Path) -> None:
    door = a_front_door(tmp_path, healthy=lambda: False, authenticator=AnyKey(ACCOUNT, "us-east-1"))
    with serving(door) as served:
        page = page_of(served)
        _, headers, _ = get(served, Host="evil.example")

    assert "Health: starting" in page.text
    assert "Requests: not checked (RAYLAMBDA_AUTH=none)" in page.text
    assert "Ray's dashboard is not running" in page.text
    assert headers["x-amzn-errortype"] == "AccessDeniedException"


def test_its_commands_work(served: Served) -> None:
    """With the variables that `raylambda env` sets; the AWS CLI is tried in the end-to-end tests."""
    env, aws, by_boto3, by_client, curl = page_of(served).commands
    environment = {
        "PATH": "/usr/bin:/bin",
        "AWS_ENDPOINT_URL_LAMBDA": served.url,
        "AWS_ACCESS_KEY_ID": KEY.access_key_id,
        "AWS_SECRET_ACCESS_KEY": KEY.secret,
        "AWS_REGION": "eu-west-1",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }

    assert env == 'eval "$(raylambda env)"'
    assert aws == "aws lambda list-functions"
    for command in ([sys.executable, "-c", by_boto3], [sys.executable, "-c", by_client], ["sh", "-c", curl]):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert "on-the-page" in done.stdout, done.stderr


def test_its_links_lead_somewhere(served: Served) -> None:
    own = [str(attributes["href"]) for tag, attributes in page_of(served).elements if tag == "a"]

    for link in own:
        if not urlsplit(link).netloc:
            with closing(http.client.HTTPConnection(served.host, served.port, timeout=30)) as connection:
                connection.request("GET", link)
                assert connection.getresponse().status == 200
