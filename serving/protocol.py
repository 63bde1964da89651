"""uvicorn's HTTP protocol under our limits: the one place that sees a connection from its first byte.

Refusing here costs little of what answering costs: no task, no application, one write of bytes made beforehand; and
for want of time, when it matters most, not even a parse.
"""

from __future__ import annotations

import asyncio
import math
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from serving.encoding import HEADER, Gunzip, NotGzip, encoding_of
from serving.glance import is_one_post
from serving.limits import (
    BATCHES,
    BODY_SIZE,
    BODY_TIME,
    CONNECTIONS,
    ENCODING,
    HEADER_SIZE,
    HEADER_TIME,
    HTTP_2,
    NOT_GZIP,
    NOT_HTTP,
    OVERLOAD,
    REPLIES,
    UNREAD,
    Guard,
    Refusal,
)
from serving.upgrade import PREFACE, offers_upgrade, without_offer

_IDLE, _HEADERS, _BODY = range(3)
_POST: Final = b"POST"
_OF_THE_WIRE: Final = frozenset({HEADER, b"content-length"})
"""Headers about the body as it comes; whoever reads it plain must not believe them."""
_DEAF_S: Final = 0.025
"""Who was refused for want of time and comes again sooner is not read for so long, lest refusing takes all the time."""
_BUSY: Final = REPLIES[OVERLOAD]
_LINGER_S: Final = 2.0
"""For how long a refused body is read on and thrown away: whose bytes are refused unread never sees the reply."""


class GuardedProtocol(HttpToolsProtocol):
    """One connection, watched by `guard`."""

    cycle: Any  # uvicorn's request and response; None before the first request

    def __init__(self, guard: Guard, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._guard, self._limits = guard, guard.limits
        # One set for all connections of the server.
        guard.requests = self.tasks
        self._phase, self._since, self._unread_since = _HEADERS, self.loop.time(), 0.0
        self._header_bytes = self._body_bytes = 0
        self._heavy = self._refused = self._closing = False
        self._turned_away = -math.inf
        self._gunzip: Gunzip | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take the connection if there is room."""
        super().connection_made(transport)
        if len(self.connections) > self._limits.connections:
            self._refuse(CONNECTIONS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give back what the connection held."""
        self._release()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; headers may not go on for ever."""
        if self._has_no_time() and is_one_post(data):
            self._turn_away()
            return
        self._begin()
        self._unset_keepalive_if_required()
        self._parse(data)
        if self._phase == _HEADERS:
            self._header_bytes += len(data)
            if self._header_bytes > self._limits.header_bytes:
                self._refuse(HEADER_SIZE)

    def on_message_begin(self) -> None:
        """A request begins, perhaps in the bytes that ended the one before."""
        self._begin()
        self._refused, self._body_bytes, self._gunzip = False, 0, None
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Take the request on, or turn it away before anything is spent on it."""
        if self._is_offer():
            return
        self._phase, self._header_bytes = _BODY, 0
        refusal = self._refusal() if self.parser.get_method() == _POST else None
        if refusal is not None:
            self._refuse(refusal)
            return
        super().on_headers_complete()
        if self._guard.draining and self.cycle is not None:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        if self._refused:
            return
        try:
            body = self._plain(body)
        except NotGzip:
            self._refuse(NOT_GZIP)
            return
        self._body_bytes += len(body)
        if self._body_bytes > self._limits.body_bytes:
            self._refuse(BODY_SIZE)
        elif self._body_bytes > self._limits.heavy_bytes and not self._take_heavy():
            self._refuse(BATCHES)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self._is_offer():
            return
        if self._gunzip is not None and not self._gunzip.is_whole and not self._refused:
            self._refuse(NOT_GZIP)
        self._phase = _IDLE
        if not self._refused:
            super().on_message_complete()
        elif self._closing:
            self.transport.close()
        else:
            self._keep()

    def on_response_complete(self) -> None:
        """The reply is on its way."""
        self._release()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The client does not read as fast as it is answered."""
        self._unread_since = self.loop.time()
        super().pause_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection unless its client was turned away since it was answered last."""
        idle_since = self._turned_away + self.timeout_keep_alive
        if self.loop.time() < idle_since:
            self.timeout_keep_alive_task = self.loop.call_at(idle_since, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    def look(self, now: float) -> bool:
        """Cut the connection if its client takes too long, and say so."""
        late = None if self.transport.is_closing() else self._lateness(now)
        if late is UNREAD:
            self._guard.count(UNREAD)
            self.transport.abort()
        elif late is not None:
            self._refuse(late)
        return late is not None

    def _lateness(self, now: float) -> Refusal | None:
        if self.flow.write_paused and now - self._unread_since > self._limits.reader_s:
            return UNREAD
        if self._phase == _HEADERS and now - self._since > self._limits.header_s:
            return HEADER_TIME
        return BODY_TIME if self._phase == _BODY and now - self._since > self._limits.request_s else None

    def _parse(self, data: bytes) -> None:
        """Have `data` parsed; a request that offers another protocol is parsed again as if it did not."""
        rest = memoryview(data)
        try:
            while rest:
                rest = self._parsed(rest)
        except httptools.HttpParserError:
            self._refuse(HTTP_2 if self.parser.get_method() == PREFACE else NOT_HTTP)

    def _parsed(self, data: memoryview) -> memoryview:
        """What is left of `data` where the parser stops for such an offer, which is passed over."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            if not self._is_offer():
                return data[:0]
            head = without_offer(self.parser.get_method(), self.url, self.parser.get_http_version(), self.headers)
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            self.parser.feed_data(head)
            return data[offer.args[0] :]
        return data[:0]

    def _is_offer(self) -> bool:
        return offers_upgrade(self.parser.get_method(), upgrade=self.parser.should_upgrade())

    def _has_no_time(self) -> bool:
        """Whether a request that begins now is shed, and nothing of it or of another one is under way here."""
        if self._guard.has_time or self._phase == _BODY or self._header_bytes:
            return False
        return (self.cycle is None or self.cycle.response_complete) and not self._guard.draining

    def _turn_away(self) -> None:
        """Refuse a whole request for want of time; the parser never hears of it."""
        self.transport.write(_BUSY)
        self._guard.count(OVERLOAD)
        now = self.loop.time()
        if now - self._turned_away < _DEAF_S:
            self.flow.pause_reading()
            self.loop.call_later(_DEAF_S, self._hear_again)
        self._phase, self._turned_away = _IDLE, now
        if self.timeout_keep_alive_task is None:
            self._keep()

    def _keep(self) -> None:
        """Let the connection wait for its client's next request."""
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def _begin(self) -> None:
        if self._phase == _IDLE:
            self._phase, self._since, self._header_bytes = _HEADERS, self.loop.time(), 0

    def _refusal(self) -> Refusal | None:
        if self.cycle is not None and not self.cycle.response_complete:
            # A pipelined request: a reply out of turn would be taken for the other request's.
            return None
        length = next((value for name, value in self.headers if name == b"content-length"), b"0")
        # llhttp has checked that it is a number.
        return self._guard.at_entry(int(length)) or self._encoding()

    def _encoding(self) -> Refusal | None:
        """Make ready for a body that is encoded, or refuse it."""
        encoding = encoding_of(self.headers)
        if encoding is None:
            return ENCODING
        if encoding:
            self._gunzip = Gunzip()
            # The very list that the application gets.
            self.headers[:] = [one for one in self.headers if one[0] not in _OF_THE_WIRE]
        return None

    def _plain(self, body: bytes) -> bytes:
        """A part of the body, decoded: what grows beyond the limit is not decoded to its end."""
        return body if self._gunzip is None else self._gunzip.feed(body, self._limits.body_bytes - self._body_bytes)

    def _refuse(self, refusal: Refusal) -> None:
        """Tell the client, unless a reply is under way, and close the connection if the refusal says so."""
        if self._refused:
            self.transport.close()
            return
        self._refused = True
        self._guard.count(refusal)
        if self._may_reply():
            self.transport.write(REPLIES[refusal])
        self._closing = refusal.closes or not self.parser.should_keep_alive()
        if not self._closing:
            return
        if self._phase == _BODY and refusal is not BODY_TIME:
            self._since = self.loop.time() - self._limits.request_s + _LINGER_S
        else:
            self.transport.close()

    def _hear_again(self) -> None:
        if not self.transport.is_closing():
            self.flow.resume_reading()

    def _may_reply(self) -> bool:
        """Whether no other reply is under way; a request that was begun is taken back."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return True
        started: bool = cycle.response_started
        cycle.disconnected, cycle.body = True, bytearray()
        cycle.message_event.set()
        return not started

    def _take_heavy(self) -> bool:
        if not self._heavy and self._guard.heavy < self._limits.heavy:
            self._heavy = True
            self._guard.heavy += 1
        return self._heavy

    def _release(self) -> None:
        if self._heavy:
            self._heavy = False
            self._guard.heavy -= 1
