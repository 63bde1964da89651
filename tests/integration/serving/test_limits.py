"""Clients that are slow, endless, too many or too large, at a real server under short limits."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn

from serving.admission import Admission, AdmissionPolicy
from serving.front import Front, Reply, Request
from serving.limits import Guard, Limits
from serving.protocol import GuardedProtocol

LIMITS = Limits(
    connections=20, header_s=0.3, request_s=0.5, reader_s=0.3, header_bytes=2_000, body_bytes=50_000, heavy_bytes=5_000,
    heavy=2,
)  # fmt: skip
REQUEST = b"POST /p HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}"


class World:
    """A server whose one path answers how many bytes came, once it is `open`."""

    def __init__(self, most: int = 100) -> None:
        self.counted: Counter[str] = Counter()
        self.guard = Guard(
            LIMITS, Admission(AdmissionPolicy(least=1, most=most)), lambda one: self.counted.update([one.reason])
        )
        self.open = asyncio.Event()
        self.open.set()
        self.answer = b"x"
        self.writers: list[asyncio.StreamWriter] = []

    async def handle(self, request: Request) -> Reply:
        await self.open.wait()
        return Reply({"bytes": len(request.body)} if request.body else self.answer)

    async def __aenter__(self) -> World:
        front = Front(uvicorn_404, {("POST", "/p"): self.handle})
        config = uvicorn.Config(front, port=0, log_config=None, lifespan="off", ws="none")
        config.http = functools.partial(GuardedProtocol, self.guard)  # type: ignore[assignment]  # uvicorn calls it
        self.server = uvicorn.Server(config)
        config.load()
        self.server.lifespan = config.lifespan_class(config)
        await self.server.startup()
        self.port = self.server.servers[0].sockets[0].getsockname()[1]
        self.beating = asyncio.create_task(self.beat())
        return self

    async def beat(self) -> None:
        while True:
            await asyncio.sleep(0.02)
            self.guard.look(self.server.server_state.connections, asyncio.get_running_loop().time())  # type: ignore[arg-type]

    async def __aexit__(self, *_: object) -> None:
        self.beating.cancel()
        self.open.set()
        self.server.force_exit = True
        for connection in list(self.server.server_state.connections):
            connection.transport.abort()
        await self.server.shutdown()
        for writer in self.writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in self.writers), return_exceptions=True)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers.append(writer)
        return reader, writer

    async def busy(self) -> None:
        """Return once a request is under way."""
        while not self.guard.in_flight:
            await asyncio.sleep(0.005)

    async def send(self, *parts: bytes, pause: float = 0.0) -> bytes:
        """All that comes back on a connection of its own until it is closed; nothing if it was cut while sending."""
        reader, writer = await self.connect()
        reading = asyncio.create_task(reader.read())
        for part in parts:
            if not reading.done():
                writer.write(part)
                await asyncio.sleep(pause)
        with contextlib.suppress(ConnectionError):
            return await asyncio.wait_for(reading, 30)
        return b""


async def uvicorn_404(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def live(play: Callable[[World], Awaitable[None]], most: int = 100) -> None:
    async def once() -> None:
        async with World(most) as world:
            await asyncio.wait_for(play(world), 60)

    asyncio.run(once())


def test_a_good_request_is_answered_and_the_connection_kept() -> None:
    async def play(world: World) -> None:
        reader, writer = await world.connect()
        for _ in range(3):
            writer.write(REQUEST)
            assert b"200 OK" in await reader.readuntil(b"}")
        assert not world.counted
        writer.close()

    live(play)


@pytest.mark.parametrize(
    ("parts", "pause", "status", "reason"),
    [
        ((b"POST /p HTT",), 0.0, b"408", "header_time"),
        ((b"",), 0.0, b"408", "header_time"),
        ((b"POST /p HTTP/1.1\r\nhost: h\r\n", *[b"x"] * 30), 0.03, b"408", "header_time"),
        ((b"\r\n", *[b"\r\n"] * 30), 0.03, b"408", "header_time"),
        ((b"POST /p HTTP/1.1\r\ncontent-length: 9\r\n\r\n", *[b"1"] * 5), 0.01, b"408", "body_time"),
        ((b"POST /p HTTP/1.1\r\n", b"a: " + b"x" * 3_000), 0.0, b"431", "header_size"),
        ((b"POST /p HTTP/1.1\r\ncontent-length: 60000\r\n\r\n", b"x" * 60_000), 0.0, b"413", "body_size"),
        (
            (b"POST /p HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n", *[b"fff0\r\n" + b"x" * 65_520 + b"\r\n"] * 30),
            0.0, b"413", "body_size",
        ),
        ((b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",), 0.0, b"505", "http_2"),
        ((b"\x16\x03\x01\x02\0\1\0",), 0.0, b"400", "not_http"),
        ((b"POST /p HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",), 0.0, b"400", "not_http"),
        ((b"CONNECT h:80 HTTP/1.1\r\n\r\n",), 0.0, b"400", "not_http"),
    ],
)  # fmt: skip
def test_who_takes_too_long_or_too_much_is_told_and_cut(
    parts: tuple[bytes, ...], pause: float, status: bytes, reason: str
) -> None:
    async def play(world: World) -> None:
        replied = await world.send(*parts, pause=pause)
        # A byte that is under way when the server closes makes the system throw the reply away.
        assert replied.startswith(b"HTTP/1.1 " + status) or (pause and not replied)
        assert world.counted == {reason: 1}

    live(play)


def test_a_second_request_on_a_kept_connection_has_its_own_time() -> None:
    async def play(world: World) -> None:
        reader, writer = await world.connect()
        for _ in range(2):
            writer.write(REQUEST)
            await reader.readuntil(b"}")
            await asyncio.sleep(0.4)
        writer.write(REQUEST[:30])
        assert b"408" in await reader.read()

    live(play)


def test_beyond_the_limit_connections_are_turned_away() -> None:
    async def play(world: World) -> None:
        held = [await world.connect() for _ in range(LIMITS.connections)]
        assert (await world.send()).startswith(b"HTTP/1.1 503")
        for _, writer in held:
            writer.close()
        await asyncio.sleep(0.1)
        assert b"200 OK" in await world.send(REQUEST.replace(b"host: h", b"connection: close"))
        assert world.counted == {"connections": 1}

    live(play)


def test_what_cannot_be_answered_in_time_is_shed_and_the_connection_lives_on() -> None:
    async def play(world: World) -> None:
        world.open.clear()
        first, second = await world.connect(), await world.connect()
        first[1].write(REQUEST)
        await asyncio.sleep(0.05)
        second[1].write(REQUEST)
        refused = await second[0].readuntil(b"}")
        assert refused.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 1" in refused
        world.open.set()
        assert b"200 OK" in await first[0].readuntil(b"}")
        second[1].write(REQUEST)
        assert b"200 OK" in await second[0].readuntil(b"}")
        assert world.counted == {"overload": 1}

    live(play, most=1)


def test_batches_are_limited_apart_from_single_rows() -> None:
    async def play(world: World) -> None:
        world.open.clear()
        batch = b"POST /p HTTP/1.1\r\nconnection: close\r\ncontent-length: 6000\r\n\r\n" + b"x" * 6_000
        chunked = b"POST /p HTTP/1.1\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n1770\r\n" + b"x" * 6_000
        under_way = [asyncio.create_task(world.send(batch)) for _ in range(LIMITS.heavy)]
        await asyncio.sleep(0.1)
        for body in (batch, chunked + b"\r\n0\r\n\r\n"):
            assert (await world.send(body)).startswith(b"HTTP/1.1 503")
        single = asyncio.create_task(world.send(REQUEST.replace(b"host: h", b"connection: close")))
        world.open.set()
        assert b"200 OK" in await single
        assert all(b'"bytes":6000' in reply for reply in await asyncio.gather(*under_way))
        assert world.guard.heavy == 0
        assert world.counted == {"batches": 2}

    live(play)


def test_a_kept_connection_gives_its_place_among_the_batches_back() -> None:
    async def play(world: World) -> None:
        reader, writer = await world.connect()
        writer.write(b"POST /p HTTP/1.1\r\ncontent-length: 6000\r\n\r\n" + b"x" * 6_000)
        assert b"200 OK" in await reader.readuntil(b"}")
        assert world.guard.heavy == 0

    live(play)


def test_who_does_not_read_the_reply_is_cut() -> None:
    async def play(world: World) -> None:
        world.answer = b"x" * 30_000_000
        _, writer = await world.connect()
        writer.write(b"POST /p HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n")
        while not world.counted:
            await asyncio.sleep(0.02)
        assert world.counted == {"unread": 1}

    live(play)


def test_while_draining_every_reply_asks_to_come_by_another_connection() -> None:
    async def play(world: World) -> None:
        world.guard.draining = True
        replied = await world.send(REQUEST)
        assert b"200 OK" in replied
        assert b"connection: close" in replied

    live(play)


@pytest.mark.parametrize("parts", [(REQUEST,), (REQUEST[:20], REQUEST[20:]), (REQUEST[:-1], REQUEST[-1:])])
def test_whole_or_in_parts_a_request_is_shed_alike(parts: tuple[bytes, ...]) -> None:
    async def play(world: World) -> None:
        world.open.clear()
        held = await world.connect()
        held[1].write(REQUEST)
        await world.busy()
        reader, writer = await world.connect()
        for _ in range(3):
            for part in parts:
                writer.write(part)
                await asyncio.sleep(0.02)
            assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 503")
        world.open.set()
        await held[0].readuntil(b"}")
        writer.write(REQUEST)
        assert b"200 OK" in await reader.readuntil(b"}")
        assert world.counted == {"overload": 3}

    live(play, most=1)


def test_who_is_shed_and_comes_back_at_once_is_heard_a_moment_later() -> None:
    async def play(world: World) -> None:
        world.open.clear()
        held = await world.connect()
        held[1].write(REQUEST)
        await world.busy()
        reader, writer = await world.connect()
        began = time.monotonic()
        for _ in range(10):
            writer.write(REQUEST)
            await reader.readuntil(b"}")
        assert time.monotonic() - began > 0.1

    live(play, most=1)


def test_who_was_shed_is_still_let_go_when_he_says_nothing_more() -> None:
    async def play(world: World) -> None:
        world.server.config.timeout_keep_alive = 1
        world.open.clear()
        held = await world.connect()
        held[1].write(REQUEST)
        await world.busy()
        reader, writer = await world.connect()
        writer.write(REQUEST)
        await reader.readuntil(b"}")
        assert await asyncio.wait_for(reader.read(), 30) == b""

    live(play, most=1)


def test_while_draining_whoever_is_shed_is_shed_by_the_parser() -> None:
    async def play(world: World) -> None:
        world.open.clear()
        held = await world.connect()
        held[1].write(REQUEST)
        await world.busy()
        world.guard.draining = True
        reader, writer = await world.connect()
        writer.write(REQUEST)
        assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 503")

    live(play, most=1)
