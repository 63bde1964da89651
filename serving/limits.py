"""What a server takes from its clients, and what it answers beyond that."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Sized
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

import orjson

from serving.admission import Admission
from serving.encoding import TAKEN
from serving.front import MAX_BODY

RETRY_AFTER_S: Final = 1
"""What a client that was refused for want of time or room is told to wait."""

AT_ONCE: Final = 64
"""Connections that one look cuts at most: an attack that is cut must not hold up those who are answered."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Counts, bytes and seconds.

    `header_s` runs from a connection's start, or a later request's first byte, to the end of the headers, `request_s`
    from there too but to the body's last byte; `reader_s` is how long a reply may lie unread. A request of more than
    `heavy_bytes` is a batch, of which `heavy` are taken at once.
    """

    connections: int = 2_048
    header_s: float = 4.0
    request_s: float = 8.0
    reader_s: float = 8.0
    header_bytes: int = 64 * 1024
    body_bytes: int = MAX_BODY
    heavy_bytes: int = 64 * 1024
    heavy: int = 8


class Refusal(NamedTuple):
    """Why a client is turned away, as metrics name it, and what it is told; `closes` the connection or not."""

    reason: str
    status: str
    message: str
    closes: bool = True

    def reply(self) -> bytes:
        """The whole HTTP reply."""
        body = orjson.dumps({"error": self.message})
        lines = [f"HTTP/1.1 {self.status}", "content-type: application/json", f"content-length: {len(body)}"]
        lines += [f"retry-after: {RETRY_AFTER_S}"] if self.sheds else []
        lines += [f"accept-encoding: {TAKEN}"] if self.status.startswith("415") else []
        lines += ["connection: close"] if self.closes else []
        return "\r\n".join([*lines, "", ""]).encode() + body

    @property
    def sheds(self) -> bool:
        """Whether the client did nothing wrong and may come again."""
        return self.status.startswith("503")


_BUSY: Final = "503 Service Unavailable"
_SLOW: Final = "408 Request Timeout"
OVERLOAD: Final = Refusal("overload", _BUSY, "too busy to answer in time; try again later", closes=False)
BATCHES: Final = Refusal("batches", _BUSY, "too many batches at once; try again later")
CONNECTIONS: Final = Refusal("connections", _BUSY, "too many connections; try again later")
HEADER_TIME: Final = Refusal("header_time", _SLOW, "the headers took too long")
BODY_TIME: Final = Refusal("body_time", _SLOW, "the body took too long")
HEADER_SIZE: Final = Refusal("header_size", "431 Request Header Fields Too Large", "the headers have too many bytes")
BODY_SIZE: Final = Refusal("body_size", "413 Content Too Large", "the body has too many bytes")
UNREAD: Final = Refusal("unread", _SLOW, "the reply was not read")
HTTP_2: Final = Refusal("http_2", "505 HTTP Version Not Supported", "HTTP/1.1 is spoken here; HTTP/2 only by gRPC")
NOT_HTTP: Final = Refusal("not_http", "400 Bad Request", "this is not a request of HTTP/1.1")
ENCODING: Final = Refusal(
    "encoding", "415 Unsupported Media Type", f"the body's content-encoding is not taken; {TAKEN} is, or none"
)
NOT_GZIP: Final = Refusal("not_gzip", "400 Bad Request", "the body is not gzip, as its content-encoding says")

REFUSALS: Final = (
    *(OVERLOAD, BATCHES, CONNECTIONS, HEADER_TIME, BODY_TIME, HEADER_SIZE, BODY_SIZE, UNREAD),
    *(HTTP_2, NOT_HTTP, ENCODING, NOT_GZIP),
)
REPLIES: Final = {refusal: refusal.reply() for refusal in REFUSALS}


class Watched(Protocol):
    """A connection that is looked at from time to time."""

    def look(self, now: float) -> bool:
        """Cut the connection if its client takes too long, and say so; `now` is the event loop's time."""
        ...


def _ignore(refusal: Refusal) -> None:
    """Count nothing."""


@dataclass(slots=True)
class Guard:
    """What the connections of one server have in common. `count` is told of every refusal.

    `requests` are those under way over HTTP, `calls` counts those over gRPC, `heavy` the batches among both.
    """

    limits: Limits = field(default_factory=Limits)
    admission: Admission = field(default_factory=Admission)
    count: Callable[[Refusal], None] = _ignore
    draining: bool = False
    requests: Sized = ()
    calls: int = 0
    heavy: int = 0

    @property
    def in_flight(self) -> int:
        """Requests under way, over whatever protocol."""
        return len(self.requests) + self.calls

    @property
    def has_time(self) -> bool:
        """Whether one more request can be answered in time."""
        return self.admission.admits(len(self.requests) + self.calls)

    def at_entry(self, length: int) -> Refusal | None:
        """Why a request with a body of `length` bytes cannot be taken now, if so."""
        if length > self.limits.body_bytes:
            return BODY_SIZE
        if not self.has_time:
            return OVERLOAD
        return BATCHES if length > self.limits.heavy_bytes and self.heavy >= self.limits.heavy else None

    @contextlib.contextmanager
    def taking(self, length: int) -> Iterator[Refusal | None]:
        """Hold a place for a call of `length` bytes while the block runs, or say why there is none."""
        refusal = self.at_entry(length)
        if refusal is not None:
            self.count(refusal)
            yield refusal
            return
        heavy = length > self.limits.heavy_bytes
        self.calls, self.heavy = self.calls + 1, self.heavy + heavy
        try:
            yield None
        finally:
            self.calls, self.heavy = self.calls - 1, self.heavy - heavy

    def look(self, connections: Collection[Watched], now: float) -> None:
        """Look at `connections` until so many were cut that the others must wait for the next look."""
        cut = 0
        for connection in list(connections):
            cut += connection.look(now)
            if cut >= AT_ONCE:
                return
