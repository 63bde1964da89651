"""Requests that offer another protocol, which Java clients and `curl --http2` send, at a real server."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.serving.test_limits import World, live

OFFER = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n"
BODY = b'{"instances": [1]}'
LENGTH = b"content-length: %d\r\n" % len(BODY)
CHUNKS = b"5\r\n" + BODY[:5] + b"\r\n%x\r\n" % (len(BODY) - 5) + BODY[5:] + b"\r\n0\r\n\r\n"


def request(headers: bytes, body: bytes) -> bytes:
    return b"POST /p HTTP/1.1\r\nhost: h\r\n" + headers + b"\r\n" + body


@pytest.mark.parametrize(
    "sent",
    [
        request(OFFER + LENGTH, BODY),
        request(LENGTH + OFFER, BODY),
        request(OFFER + b"transfer-encoding: chunked\r\n", CHUNKS),
        request(LENGTH + b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n", BODY),
        request(OFFER + LENGTH, BODY).replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
    ids=["before", "behind", "chunked", "websocket", "old"],
)
@pytest.mark.parametrize("pieces", [1, 2, 7, 500])
def test_an_upgrade_that_is_offered_leaves_the_body_alone(sent: bytes, pieces: int) -> None:
    async def play(world: World) -> None:
        reader, writer = await world.connect()
        size = -(-len(sent) // pieces)
        for at in range(0, len(sent), size):
            writer.write(sent[at : at + size])
            await asyncio.sleep(0)
        assert b"200 OK" in await reader.readuntil(b'{"bytes":%d}' % len(BODY))
        assert not world.counted

    live(play)


def test_on_a_kept_connection_every_request_may_offer_it() -> None:
    async def play(world: World) -> None:
        reader, writer = await world.connect()
        plain = request(LENGTH, BODY)
        writer.write(plain + 3 * request(OFFER + LENGTH, BODY) + plain)
        for _ in range(5):
            assert b"200 OK" in await reader.readuntil(b'{"bytes":%d}' % len(BODY))
        assert not world.counted

    live(play)


def test_an_offer_is_under_the_same_limits() -> None:
    async def play(world: World) -> None:
        large = request(OFFER + b"content-length: 60000\r\n", b"x" * 60_000)
        assert (await world.send(large)).startswith(b"HTTP/1.1 413")
        assert world.counted == {"body_size": 1}

    live(play)


def test_thousands_of_offers_at_once_are_a_queue_as_any_other() -> None:
    async def play(world: World) -> None:
        many = b"GET /none HTTP/1.1\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n" * 2_000
        reader, writer = await world.connect()
        writer.write(many)
        for _ in range(2_000):
            assert b"404" in await reader.readuntil(b"\r\n\r\n")
        writer.close()

    live(play)
