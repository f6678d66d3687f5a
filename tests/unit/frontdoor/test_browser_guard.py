"""Which requests a front door without signatures takes: those of programs, and those of its own page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raylambda.frontdoor.browser_guard import OwnNames, RequestHead, refusal

NAMES = OwnNames(frozenset({"lambda.example.org", "10.0.0.7"}))


def told(
    *headers: tuple[str, str],
    method: str = "POST",
    path: str = "/2015-03-31/functions",
    server: str | None = "127.0.0.1",
) -> str | None:
    """The refusal of a request with these headers."""
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return refusal(RequestHead(method, path, encoded, server), NAMES)


HOST = ("host", "localhost:8470")


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8470",
        "localhost:1",
        "localhost.:8470",
        "LOCALHOST",
        "bucket.localhost:8470",
        "127.0.0.1:8470",
        "127.9.9.9",
        "[::1]:8470",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "lambda.example.org",
        "Lambda.Example.Org.:443",
        "10.0.0.7:80",
    ],
)
def test_its_own_names_pass_whatever_the_port(host: str) -> None:
    assert told(("host", host)) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8470",
        "localhost.evil.example",
        "evil-localhost",
        "127.0.0.1.nip.io",
        "127.0.0.1.evil.example",
        "lambda.example.org.evil.example",
        "x.lambda.example.org",
        "10.0.0.70",
        "0.0.0.0:8470",
        "[::]:8470",
        "192.168.1.5",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "localhost@evil.example",
        "evil.example@localhost",
        "localhost evil.example",
        "localhost,evil.example",
        "localhost, localhost",
        "localhost:8470:8470",
        "localhost:99999",
        "[::1%25evil]",
        "[::1",
        "::1",
        "[localhost]",
        "localhost..",
        "",
        " ",
        ".",
        "\xe9vil",
        "localhost\x1b[31m",
    ],
)
def test_other_names_do_not(host: str) -> None:
    reason = told(("host", host))

    assert reason is not None
    assert "RAYLAMBDA_HOST_NAMES" in reason
    assert reason.isascii()
    assert reason.isprintable()


def test_no_host_and_several_are_refused_even_if_they_agree() -> None:
    assert "has no Host" in str(told())
    assert "'localhost', 'localhost'" in str(told(("host", "localhost"), ("host", "localhost")))


@pytest.mark.parametrize(
    ("server", "host", "passes"),
    [
        ("192.168.1.5", "192.168.1.5:8470", True),
        ("192.168.1.5", "192.168.1.6:8470", False),
        ("2001:db8::5", "[2001:DB8:0::5]:8470", True),
        ("fe80::5%eth0", "[fe80::5]", True),
        ("/run/raylambda.sock", "localhost", True),
        ("/run/raylambda.sock", "evil.example", False),
        (None, "localhost", True),
        (None, "192.168.1.5", False),
    ],
)
def test_the_address_that_a_connection_came_to_is_its_own(server: str | None, host: str, passes: bool) -> None:
    assert (told(("host", host), server=server) is None) is passes


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8470", "http://localhost:8470"),
        ("LOCALHOST:8470", "http://localhost:8470"),
        ("localhost.:8470", "http://localhost:8470"),
        ("localhost", "http://localhost"),
        ("localhost:80", "http://localhost"),
        ("[::1]:8470", "http://[::1]:8470"),
        ("lambda.example.org", "https://lambda.example.org"),
        ("lambda.example.org", "https://lambda.example.org:443"),
    ],
)
def test_its_own_origin_passes(host: str, origin: str) -> None:
    assert told(("host", host), ("origin", origin)) is None


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://evil.example:8470",
        "http://localhost",
        "http://localhost:3000",
        "https://localhost:3000",
        "http://127.0.0.1:8470",
        "http://evil.localhost:8470",
        "http://localhost:8470.evil.example",
        "http://localhost:8470@evil.example",
        "http://localhost:8470/",
        "http://localhost:8470 http://evil.example",
        "http://localhost:8470, http://evil.example",
        "http:localhost:8470",
        "//localhost:8470",
        "localhost:8470",
        "file://localhost:8470",
        "chrome-extension://localhost:8470",
        "ftp://localhost:8470",
        "null",
        "NULL",
        "",
        "*",
        "http://",
        "http://[::1",
        "\xff",
    ],
)
def test_a_foreign_origin_is_refused(origin: str) -> None:
    reason = told(HOST, ("origin", origin))

    assert reason is not None
    assert "RAYLAMBDA_AUTH=sigv4" in reason


def test_several_origins_are_refused_even_if_they_are_its_own() -> None:
    own = ("origin", "http://localhost:8470")

    assert told(HOST, own, own) is not None


@pytest.mark.parametrize(
    ("site", "passes"),
    [
        ("none", True),
        ("same-origin", True),
        ("Same-Origin", True),
        ("same-site", False),
        ("cross-site", False),
        ("CROSS-SITE", False),
        ("", False),
        ("same-origin, cross-site", False),
        ("something-new", False),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_only_its_own_pages_and_the_person_are_near_enough(site: str, passes: bool, method: str) -> None:
    assert (told(HOST, ("sec-fetch-site", site), method=method) is None) is passes


def test_one_far_site_among_several_is_enough() -> None:
    assert told(HOST, ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")) is not None


_LINK = (("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"))


@pytest.mark.parametrize(
    ("changes", "passes"),
    [
        ({}, True),
        ({"method": "POST"}, False),
        ({"path": "/2015-03-31/functions"}, False),
        ({"path": "//"}, False),
    ],
)
def test_a_link_to_the_page_may_be_followed_and_no_other(changes: dict[str, str], passes: bool) -> None:
    assert (told(HOST, *_LINK, **{"method": "GET", "path": "/", **changes}) is None) is passes


@pytest.mark.parametrize("dest", ["iframe", "frame", "embed", "object", "empty", "image", ""])
def test_the_page_is_not_opened_inside_of_another(dest: str) -> None:
    assert told(HOST, *_LINK[:2], ("sec-fetch-dest", dest), method="GET", path="/") is not None


def test_a_link_under_a_foreign_name_is_refused() -> None:
    assert told(("host", "evil.example"), *_LINK, method="GET", path="/") is not None


def test_what_came_is_quoted_short() -> None:
    assert len(str(told(*[("host", "\x1b" * 60_000)] * 100))) < 2000


_LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)


@given(st.lists(_LABELS, min_size=1, max_size=4).map(".".join), st.integers(0, 65_535))
def test_no_name_of_the_internet_passes(name: str, port: int) -> None:
    """Whoever owns a name may make it lead here: but for ``*.localhost``, which nobody can own, no name is ours by itself."""
    assert told(("host", f"{name}.example:{port}")) is not None
    assert told(("host", f"localhost.{name}.com")) is not None


@given(st.text(st.characters(max_codepoint=255), max_size=40))
def test_any_text_is_refused_as_an_origin_but_its_own(origin: str) -> None:
    assert (told(HOST, ("origin", origin)) is None) is (
        origin.lower() in {"http://localhost:8470", "https://localhost:8470"}
    )


@given(st.text(st.characters(max_codepoint=255), max_size=40))
def test_a_refusal_is_one_line_that_can_be_printed(host: str) -> None:
    reason = told(("host", host))

    assert reason is None or (reason.isascii() and reason.isprintable())
