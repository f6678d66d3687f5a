"""Links to packages: ours, for ten minutes, for one package."""

from __future__ import annotations

import io
from urllib.parse import parse_qs, urlsplit

import anyio
import pytest
from starlette.requests import Request
from starlette.types import Message, Scope

from raylambda.frontdoor.code_links import CHUNK_BYTES, CodeDownload, CodeLinks
from raylambda.model.errors import AccessDeniedException
from raylambda.testing.clock import ManualClock

DIGEST = "ab" * 32


class Watched(io.BytesIO):
    """A file that tells how far it was read."""

    most_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.most_read = max(self.most_read, self.tell())
        return data


def a_download(file: Watched) -> tuple[Scope, CodeDownload]:
    """Of a link to this file: the request, and the endpoint that is to answer it."""
    links = CodeLinks(b"secret", ManualClock(1000.0))
    link = urlsplit(links.location("http://host", DIGEST))
    query, labels = link.query.encode(), {"Sha256": DIGEST}
    scope = {"type": "http", "method": "GET", "headers": [], "query_string": query, "path_params": labels}
    return scope, CodeDownload(links, {DIGEST: file}.__getitem__)


async def nothing_more() -> Message:
    await anyio.sleep_forever()
    raise AssertionError


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


@pytest.mark.anyio
async def test_of_a_package_that_nobody_takes_only_a_chunk_is_read() -> None:
    file = Watched(bytes(20 * CHUNK_BYTES))
    scope, code = a_download(file)
    offered = anyio.Event()

    async def takes_the_head_alone(message: Message) -> None:
        if message["type"] == "http.response.body":
            offered.set()
            await anyio.sleep_forever()

    async with anyio.create_task_group() as reading:
        answer = await code.download(Request(scope))
        reading.start_soon(answer, scope, nothing_more, takes_the_head_alone)
        await offered.wait()
        assert 0 < file.most_read <= CHUNK_BYTES
        reading.cancel_scope.cancel()

    assert file.closed, "a reader that went away leaves no open file"


@pytest.mark.anyio
@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, 2 * CHUNK_BYTES + 1])
async def test_a_download_says_how_long_it_is_and_is_that(size: int) -> None:
    file = Watched(b"x" * size)
    scope, code = a_download(file)
    sent: list[Message] = []

    async def take(message: Message) -> None:
        sent.append(message)

    await (await code.download(Request(scope)))(scope, nothing_more, take)

    assert (b"content-length", str(size).encode()) in sent[0]["headers"]
    assert b"".join(message["body"] for message in sent[1:]) == b"x" * size
    assert max(len(message["body"]) for message in sent[1:]) <= CHUNK_BYTES
    assert file.closed
