"""Links to packages: ours, for ten minutes, for one package."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from raylambda.frontdoor.code_links import CodeLinks
from raylambda.model.errors import AccessDeniedException
from raylambda.testing.clock import ManualClock

DIGEST = "ab" * 32


def parts_of(location: str) -> tuple[str, str, str]:
    parts = urlsplit(location)
    query = parse_qs(parts.query)
    return parts.path.rpartition("/")[2], query["Expires"][0], query["Signature"][0]


def test_a_link_works_for_ten_minutes() -> None:
    clock = ManualClock(1000.0)
    links = CodeLinks(b"secret", clock)

    location = links.location("http://host:1", DIGEST)

    assert location.startswith(f"http://host:1/_raylambda/code/{DIGEST}?Expires=1600&Signature=")
    clock.advance(600)
    links.check(*parts_of(location))
    clock.advance(1)
    with pytest.raises(AccessDeniedException, match="expired"):
        links.check(*parts_of(location))


@pytest.mark.parametrize(
    "change", [(0, "cd" * 32), (1, "1601"), (1, "x"), (1, ""), (2, "0" * 64), (2, ""), (2, "\u20ac\ud800")]
)
def test_a_link_that_was_changed_is_refused(change: tuple[int, str]) -> None:
    links = CodeLinks(b"secret", ManualClock(1000.0))
    parts = list(parts_of(links.location("http://host", DIGEST)))

    parts[change[0]] = change[1]

    with pytest.raises(AccessDeniedException, match="Access Denied"):
        links.check(*parts)


def test_a_link_of_another_installation_is_refused() -> None:
    clock = ManualClock(1000.0)
    location = CodeLinks(b"other", clock).location("http://host", DIGEST)

    with pytest.raises(AccessDeniedException):
        CodeLinks(b"secret", clock).check(*parts_of(location))
