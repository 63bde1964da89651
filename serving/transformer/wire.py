"""Keep-alive HTTP/1.1 to one predictor: POST in, status and body out, on httptools, the parser uvicorn stands on.

A general client spends more on a call between two of our processes than all else that a request needs here: measured
in turns, aiohttp's took 113 to 210 µs of processor time and this one 40 to 92 (see docs/evidence/serving.md).
There are no redirects, cookies, proxies, compression or TLS: a predictor needs none of them.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import httptools

from contender.errors import InvalidInput

CONNECTIONS: Final = 256
"""Connections to one predictor that are open at most; further calls wait for one, within their time."""

IDLE_S: Final = 30.0
"""A connection unused for longer is not trusted any more: KServe's servers close theirs after 65 s."""

MAX_REPLY: Final = 64 * 1024**2
"""The most bytes a reply's body may have."""

GRACE_S: Final = 0.02
"""How long an answer may still be read when this process woke up later than that after the time was up."""


class Replied(NamedTuple):
    """A reply: its status and its body."""

    status: int
    content: bytes


class Wire:
    """The connections to the predictor at `url` (``http://host:port``), opened when needed, kept between calls.

    Used inside one event loop.

    Raises:
        InvalidInput: not such a URL.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise InvalidInput("url", f"must be http://host:port, not {url!r}")
        self._host, self._port = parts.hostname, parts.port or 80
        self._authority = parts.netloc.rpartition("@")[2].encode()
        self._idle: list[_Connection] = []
        self._room = asyncio.Semaphore(CONNECTIONS)

    async def post(self, path: bytes, body: bytes, timeout_s: float) -> Replied:
        """The reply to a POST of JSON.

        Raises:
            TimeoutError: none within `timeout_s`.
            OSError: nobody there, or the connection broke.
        """
        request = b"POST %b HTTP/1.1\r\nhost: %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (
            path,
            self._authority,
            len(body),
        )
        end = asyncio.get_running_loop().time() + timeout_s
        if self._room.locked():
            async with asyncio.timeout_at(end):
                await self._room.acquire()
        else:
            await self._room.acquire()
        try:
            return await self._exchange(request + body, end)
        finally:
            self._room.release()

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.pop().abort()

    async def _exchange(self, request: bytes, end: float) -> Replied:
        connection = self._kept()
        if connection is not None:
            try:
                return await self._ask(connection, request, end)
            except _Stale:
                # The predictor hung up while the request was on its way: it never saw it, so it may see it now.
                pass
        async with asyncio.timeout_at(end):
            connection = await self._open()
        return await self._ask(connection, request, end)

    async def _ask(self, connection: _Connection, request: bytes, end: float) -> Replied:
        try:
            replied = await connection.ask(request, end)
        except BaseException:
            # What comes on it now would be taken for the next call's reply.
            connection.abort()
            raise
        if connection.reusable:
            self._idle.append(connection)
        else:
            connection.abort()
        return replied

    def _kept(self) -> _Connection | None:
        """The connection used last, if it is still to be trusted; the others are then fresher than none."""
        while self._idle:
            connection = self._idle.pop()
            if connection.fresh:
                return connection
            connection.abort()
        return None

    async def _open(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: _Connection(loop), self._host, self._port)
        return connection


class _Stale(ConnectionError):
    """A kept connection was closed before the first byte of a reply."""


class _Connection(asyncio.Protocol):
    """One connection, with one call on it at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._parser = httptools.HttpResponseParser(self)
        self._parts: list[bytes] = []
        self._size, self._calls, self._used = 0, 0, loop.time()
        self._waiter: asyncio.Future[Replied] | None = None
        self._timer: asyncio.TimerHandle
        self._transport: Any = None
        self.reusable = False

    @property
    def fresh(self) -> bool:
        """Whether the other side still holds it, as far as is known."""
        return not self._transport.is_closing() and self._loop.time() - self._used < IDLE_S

    async def ask(self, request: bytes, end: float) -> Replied:
        """The reply to `request`, no later than `end` by the loop's clock."""
        self._parts, self._size, self.reusable = [], 0, False
        self._calls += 1
        waiter: asyncio.Future[Replied] = self._loop.create_future()
        self._waiter = waiter
        self._timer = self._loop.call_at(end, self._expire, end)
        try:
            self._transport.write(request)
            return await waiter
        finally:
            self._timer.cancel()
            self._waiter = None

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        unheard = self._calls > 1 and not self._size and not self._parts
        self._fail(_Stale() if unheard else exc or ConnectionResetError("closed before the reply was whole"))

    def data_received(self, data: bytes) -> None:
        if self._waiter is None:
            self.abort()
            return
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionError(f"not HTTP: {type(error).__name__}"))
        if self._size > MAX_REPLY:
            self._fail(ConnectionError("an endless reply"))

    def on_body(self, part: bytes) -> None:
        """A part of the reply's body."""
        self._parts.append(part)

    def on_message_complete(self) -> None:
        """The reply is whole."""
        if self._waiter is None or self._waiter.done():
            self.reusable = False
            return
        self.reusable, self._used = self._parser.should_keep_alive(), self._loop.time()
        self._waiter.set_result(Replied(self._parser.get_status_code(), b"".join(self._parts)))

    def _expire(self, end: float) -> None:
        """The time is up; but do not blame the other side for our own standstill.

        A busy loop runs due timers before it reads its sockets: after a stall every call under way would time out,
        though the answers lie there. Whoever wakes late therefore looks once more.
        """
        now = self._loop.time()
        if now - end > GRACE_S:
            self._timer = self._loop.call_at(now + GRACE_S, self._fail, TimeoutError())
        else:
            self._fail(TimeoutError())

    def _fail(self, error: Exception) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)
