"""Which host and port a text means, and what is no authority at all."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from raylambda.model.host_name import Authority, own_form, read_authority

READ = [
    ("localhost", "localhost", None),
    ("LocalHost.:8470", "localhost", 8470),
    ("localhost:", "localhost", None),
    ("a-b.Example.org:0", "a-b.example.org", 0),
    ("under_score.local", "under_score.local", None),
    ("xn--bcher-kva.example", "xn--bcher-kva.example", None),
    ("127.0.0.1:65535", "127.0.0.1", 65535),
    ("127.0.0.1.", "127.0.0.1", None),
    ("[::1]", "::1", None),
    ("[0:0::0001]:8470", "::1", 8470),
    ("[::ffff:127.0.0.1]", "127.0.0.1", None),
    ("[::FFFF:7f00:1]", "127.0.0.1", None),
    ("[FE80::A]", "fe80::a", None),
]

NONE_AT_ALL = [
    "",
    " ",
    " localhost",
    "localhost ",
    "local host",
    "localhost\t",
    ".",
    "..",
    "localhost..",
    ".localhost",
    "a..localhost",
    "-a.localhost",
    "a-.localhost",
    "localhost:65536",
    "localhost:-1",
    "localhost:+1",
    "localhost:80:80",
    "localhost:\uff18\uff14\uff17\uff10",
    "localhost:http",
    "localhost,evil.example",
    "localhost/evil",
    "localhost\\evil",
    "localhost?",
    "localhost#",
    "localhost%00",
    "localhost%2eevil.example",
    "localhost\x00",
    "user@localhost",
    "user:password@localhost",
    "evil.example#@localhost",
    "http://localhost",
    "\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54",
    "127.0.0.1\n",
    "127.1",
    "127.0.0.01",
    "0177.0.0.1",
    "0x7f.0.0.1",
    "0x7f000001",
    "0x",
    "2130706433",
    "127.0.0.256",
    "127.0.0.1.1",
    "a.1",
    "::1",
    "[::1",
    "::1]",
    "[::1]]",
    "[127.0.0.1]",
    "[localhost]",
    "[::1%25lo]",
    "[::1%lo]",
    "[::1%lo]:8470",
    "[fe80::1%eth0]",
    "[]",
    "[:]",
    "[1::2::3]",
    "[v1.a]",
    "a" * 64,
    "a." * 200 + "a",
]


@pytest.mark.parametrize(("text", "name", "port"), READ)
def test_a_name_has_one_form(text: str, name: str, port: int | None) -> None:
    assert read_authority(text) == Authority(name, port)


@pytest.mark.parametrize("text", NONE_AT_ALL)
def test_what_is_no_authority_is_none(text: str) -> None:
    assert read_authority(text) is None


@pytest.mark.parametrize(
    "name", ["localhost", "a.localhost", "a.b.LOCALHOST.", "127.0.0.1", "127.255.255.254", "[::1]"]
)
def test_loopback(name: str) -> None:
    found = read_authority(name)

    assert found is not None
    assert found.is_loopback


@pytest.mark.parametrize(
    "name",
    ["localhost.example", "notlocalhost", "localhosts", "0.0.0.0", "[::]", "[::2]", "128.0.0.1", "10.0.0.1", "h"],
)
def test_not_loopback(name: str) -> None:
    found = read_authority(name)

    assert found is not None
    assert not found.is_loopback


@pytest.mark.parametrize(
    ("address", "form"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("FE80::1%eth0", "fe80::1"),
    ],
)
def test_an_address_of_a_socket_has_the_same_form(address: str, form: str) -> None:
    assert own_form(address) == form


_PIECES = st.sampled_from(
    [
        "localhost",
        "evil.example",
        "127.0.0.1",
        "127.1",
        "::1",
        "0x7f",
        "[",
        "]",
        ":",
        "@",
        "%",
        ".",
        "/",
        "\\",
        "#",
        ",",
        " ",
    ]
)
_TEXTS = st.one_of(st.lists(_PIECES, max_size=6).map("".join), st.text(max_size=20))


@given(_TEXTS)
@example("localhost:80@evil.example")
@example("[::1].evil.example")
def test_whatever_is_read_is_what_a_url_parser_reads(text: str) -> None:
    found = read_authority(text)

    if found is None:
        return
    parts = urlsplit(f"http://{text}/")
    assert parts.username is parts.password is None
    assert (parts.path, parts.port) == ("/", found.port)
    host = (parts.hostname or "").removesuffix(".")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        assert host == found.name
    else:
        assert str(getattr(address, "ipv4_mapped", None) or address) == found.name


@given(_TEXTS)
def test_the_one_form_is_read_as_itself(text: str) -> None:
    found = read_authority(text)

    if found is not None:
        shown = f"[{found.name}]" if ":" in found.name else found.name
        assert read_authority(shown if found.port is None else f"{shown}:{found.port}") == found
