"""Content encodings of request bodies: gzip is taken, within the limits on what comes out of it; others are refused."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Final

TAKEN: Final = "gzip"
"""The encodings that are taken, as a reply to others names them."""

HEADER: Final = b"content-encoding"

_PLAIN: Final = frozenset({b"", b"identity"})
_GZIP: Final = frozenset({b"gzip", b"x-gzip"})
_GZIP_ONLY: Final = 16 + zlib.MAX_WBITS


class NotGzip(Exception):
    """The bytes are no gzip, or more than one stream of it that ends early."""


class Gunzip:
    """One body, as it comes in pieces. A body may be several gzip members in a row (RFC 1952, 2.2)."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP_ONLY)
        self._begun = False

    def feed(self, data: bytes, most: int) -> bytes:
        """What `data` adds to the plain body; of more than `most` bytes no more than `most` + 1.

        Raises:
            NotGzip: it is none.
        """
        parts, size = [], 0
        while data and size <= most:
            if self._member.eof:
                self._member = zlib.decompressobj(_GZIP_ONLY)
            try:
                part = self._member.decompress(data, most + 1 - size)
            except zlib.error as error:
                raise NotGzip from error
            self._begun = True
            parts.append(part)
            size += len(part)
            data = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
        return b"".join(parts)

    @property
    def is_whole(self) -> bool:
        """Whether what came so far is whole; nothing at all is an empty body."""
        return self._member.eof or not self._begun


def encoding_of(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """The encoding that the headers name, as ``gzip``, empty for none; None for one that is not taken.

    >>> encoding_of([(b"content-encoding", b"GZIP")]), encoding_of([]), encoding_of([(b"content-encoding", b"br")])
    (b'gzip', b'', None)
    """
    named = [one.strip().lower() for name, value in headers if name == HEADER for one in value.split(b",")]
    applied = [one for one in named if one not in _PLAIN]
    if not applied:
        return b""
    return b"gzip" if len(applied) == 1 and applied[0] in _GZIP else None
