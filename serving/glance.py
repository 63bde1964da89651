"""Whether bytes are one whole request, seen without parsing them: under overload the parse is what costs. Pure."""

from __future__ import annotations

import functools
from typing import Final

_LENGTH: Final = b"\r\ncontent-length: "
_KEPT: Final = b"\r\nconnection: keep-alive\r\n"
_ODD: Final = (b"transfer-encoding", b"connection:", b"expect:", b"upgrade")
"""What makes a request more than its head and so many bytes, or the connection's last: left to the parser."""
_MOST_HEAD: Final = 4_096
_KNOWN: Final = 1_024
"""Heads that are remembered: clients send the same few again and again."""


def is_one_post(data: bytes) -> bool:
    """Whether `data` is exactly one POST after which the connection goes on; False also whenever that takes a parser.

    True promises that a parser at a message's start would stand at the next one's start behind `data`.
    """
    end = data.find(b"\r\n\r\n", 0, _MOST_HEAD)
    return end > 0 and len(data) - end - 4 == _length(data[: end + 2])


@functools.lru_cache(_KNOWN)
def _length(written: bytes) -> int | None:
    """How many bytes of body follow the lines of such a head; None behind any other."""
    head = written.lower()
    digits = head.partition(_LENGTH)[2].partition(b"\r\n")[0]
    if not digits.isdigit() or head.count(b"content-length") != 1 or not written.startswith(b"POST /"):
        return None
    plain = head.replace(_KEPT, b"\r\n")
    kept = plain.partition(b"\r\n")[0].endswith(b" http/1.1") and not any(odd in plain for odd in _ODD)
    return int(digits[:19]) if kept else None
