from __future__ import annotations

from typing import Any

import httptools
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from serving.glance import is_one_post

GOOD = b"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}"


class Heard:
    """What a parser makes of the bytes."""

    def __init__(self, data: bytes) -> None:
        self.begun = self.ended = 0
        self.at_start = False
        self.kept = False
        self.parser: Any = httptools.HttpRequestParser(self)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            # A parser refuses it; then there is no message behind it either.
            self.ended = self.begun = 1
            self.at_start = self.kept = True

    def on_message_begin(self) -> None:
        self.begun, self.at_start = self.begun + 1, False

    def on_message_complete(self) -> None:
        self.ended, self.at_start, self.kept = self.ended + 1, True, self.parser.should_keep_alive()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"POST", b"GET"),
        (b"POST", b"\r\nPOST"),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"{}", b"{"),
        (b"{}", b"{}{"),
        (b"Length: 2", b"Length: -2"),
        (b"Length: 2", b"Length: x"),
        (b"Length: 2", b"Length: " + b"9" * 5_000),
        (b"Content", b"X-Content"),
        (b"Host: h", b"Content-Length: 2"),
        (b"Host: h", b"Connection: close"),
        (b"Host: h", b"connection:close"),
        (b"Host: h", b"Expect: 100-continue"),
        (b"Host: h", b"Transfer-Encoding: chunked"),
        (b"Host: h", b"a: " + b"x" * 5_000),
        (b"\r\n\r\n", b"\n\n"),
    ],
)
def test_what_takes_a_parser_is_left_to_it(old: bytes, new: bytes) -> None:
    assert is_one_post(GOOD)
    assert not is_one_post(GOOD.replace(old, new, 1))


def test_a_client_that_says_that_it_stays_is_understood() -> None:
    assert is_one_post(GOOD.replace(b"Host: h", b"Connection: keep-alive"))


_PIECES = st.sampled_from(
    [
        b"POST /p HTTP/1.1\r\n", b"POST / HTTP/1.0\r\n", b"GET / HTTP/1.1\r\n", b"host: h\r\n", b"x",
        b"Content-Length: 0\r\n", b"content-length:2\r\n", b"x-content-length: 2\r\n", b"connection: keep-alive\r\n",
        b"connection: close\r\n", b"transfer-encoding: chunked\r\n", b"\r\n", b"{}", b"0\r\n\r\n", b"a: HTTP/1.1\r\n",
        b" folded: content-length: 2\r\n", b"content-length: 2\r\n",
    ]
)  # fmt: skip


@given(st.lists(_PIECES, max_size=9).map(b"".join) | st.binary(max_size=80).map(lambda tail: GOOD + tail))
@example(GOOD)
@example(b"POST / HTTP/1.0\r\na: HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}")
def test_what_is_taken_for_one_whole_request_is_one_to_a_parser(data: bytes) -> None:
    if is_one_post(data):
        heard = Heard(data)
        assert (heard.begun, heard.ended, heard.at_start, heard.kept) == (1, 1, True, True)
