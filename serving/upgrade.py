"""Offers to speak another protocol on the same connection, which a server may ignore (RFC 9110, 7.8). Pure.

The parser takes what follows such an offer for the other protocol, so that the body of the request is lost. The head is
therefore written again without the offer, and parsed once more.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

PREFACE: Final = b"PRI"
"""The method with which a client begins that knows beforehand that HTTP/2 is spoken (RFC 9113, 3.4)."""

_TUNNEL: Final = b"CONNECT"
_OFFER: Final = frozenset({b"upgrade", b"http2-settings"})
_BESIDE: Final = b"connection"


def offers_upgrade(method: bytes, *, upgrade: bool) -> bool:
    """Whether a request is one as any other but for its offer; `upgrade` is the parser's word.

    What follows a CONNECT is no body in any case.
    """
    return upgrade and method != _TUNNEL


def without_offer(method: bytes, target: bytes, version: str, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The head of such a request without its offer; names in `headers` are in lower case.

    >>> without_offer(b"GET", b"/", "1.1", [(b"upgrade", b"h2c"), (b"connection", b"Upgrade, close"), (b"a", b"b")])
    b'GET / HTTP/1.1\\r\\nconnection: close\\r\\na: b\\r\\n\\r\\n'
    """
    kept = [(name, _left(value) if name == _BESIDE else value) for name, value in headers if name not in _OFFER]
    lines = [b"%b: %b" % (name, value) for name, value in kept if value or name != _BESIDE]
    return b"\r\n".join([b"%b %b HTTP/%b" % (method, target, version.encode()), *lines, b"", b""])


def _left(connection: bytes) -> bytes:
    options = (option.strip() for option in connection.split(b","))
    return b", ".join(option for option in options if option.lower() not in _OFFER)
