"""Request bodies with a content encoding, at a real server under short limits."""

from __future__ import annotations

import asyncio
import gzip
import zlib

import pytest

from tests.integration.serving.test_limits import LIMITS, World, live

BODY = b'{"instances": [1, 2, 3]}'


def request(body: bytes, *headers: bytes) -> bytes:
    lines = [b"POST /p HTTP/1.1", b"connection: close", b"content-length: %d" % len(body), *headers]
    return b"\r\n".join([*lines, b"", b""]) + body


@pytest.mark.parametrize("encoding", [b"gzip", b"GZip", b"x-gzip", b"identity, gzip"])
@pytest.mark.parametrize(
    "body",
    [gzip.compress(BODY), gzip.compress(BODY[:9]) + gzip.compress(BODY[9:])],
    ids=["one member", "two members"],
)
@pytest.mark.parametrize("piece", [1, 7, 10_000])
def test_a_body_of_gzip_is_read_plain(encoding: bytes, body: bytes, piece: int) -> None:
    async def play(world: World) -> None:
        sent = request(body, b"content-encoding: " + encoding)
        replied = await world.send(*(sent[at : at + piece] for at in range(0, len(sent), piece)))
        assert b"200 OK" in replied
        assert b'{"bytes":%d}' % len(BODY) in replied
        assert not world.counted

    live(play)


@pytest.mark.parametrize("encoding", [b"identity", b""])
def test_a_plain_body_may_say_so(encoding: bytes) -> None:
    async def play(world: World) -> None:
        assert b'{"bytes":%d}' % len(BODY) in await world.send(request(BODY, b"content-encoding: " + encoding))

    live(play)


@pytest.mark.parametrize(
    ("encoding", "body", "status", "reason"),
    [
        (b"br", BODY, b"415", "encoding"),
        (b"deflate", zlib.compress(BODY), b"415", "encoding"),
        (b"gzip, gzip", gzip.compress(gzip.compress(BODY)), b"415", "encoding"),
        (b"gzip", BODY, b"400", "not_gzip"),
        (b"gzip", gzip.compress(BODY)[:-4], b"400", "not_gzip"),
        (b"gzip", gzip.compress(BODY) + b"more", b"400", "not_gzip"),
        (b"gzip", gzip.compress(b"0" * (LIMITS.body_bytes + 1)), b"413", "body_size"),
        (b"gzip", gzip.compress(b"0" * 500_000_000, 1)[:40_000], b"413", "body_size"),
    ],
    ids=["brotli", "deflate", "twice", "plain", "torn", "trailing", "too large", "bomb"],
)
def test_what_is_no_such_body_is_refused_by_name(encoding: bytes, body: bytes, status: bytes, reason: str) -> None:
    async def play(world: World) -> None:
        replied = await world.send(request(body, b"content-encoding: " + encoding))
        assert replied.startswith(b"HTTP/1.1 " + status)
        assert (b"accept-encoding: gzip\r\n" in replied) == (status == b"415")
        assert world.counted == {reason: 1}

    live(play)


def test_a_small_body_that_is_a_batch_when_plain_counts_as_one() -> None:
    async def play(world: World) -> None:
        world.open.clear()
        sent = request(gzip.compress(b"0" * (LIMITS.heavy_bytes + 1)), b"content-encoding: gzip")
        under_way = [asyncio.create_task(world.send(sent)) for _ in range(LIMITS.heavy)]
        while world.guard.heavy < LIMITS.heavy:
            await asyncio.sleep(0.005)
        assert (await world.send(sent)).startswith(b"HTTP/1.1 503")
        world.open.set()
        assert all(b"200 OK" in reply for reply in await asyncio.gather(*under_way))
        assert world.guard.heavy == 0

    live(play)


def test_the_next_request_of_a_kept_connection_is_plain_again() -> None:
    async def play(world: World) -> None:
        reader, writer = await world.connect()
        encoded = request(gzip.compress(BODY), b"content-encoding: gzip").replace(b"connection: close\r\n", b"")
        for sent in (encoded, request(BODY).replace(b"connection: close\r\n", b""), encoded):
            writer.write(sent)
            assert b"200 OK" in await reader.readuntil(b'{"bytes":%d}' % len(BODY))

    live(play)
