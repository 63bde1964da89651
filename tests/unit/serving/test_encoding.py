"""Bodies that come compressed: what comes out of them is bounded, however much is in them."""

from __future__ import annotations

import gzip
import random

import pytest

from serving.encoding import Gunzip, NotGzip

MOST = 1_000


def test_no_more_than_the_limit_and_one_byte_ever_comes_out() -> None:
    bomb = gzip.compress(bytes(10_000_000))
    assert len(Gunzip().feed(bomb, MOST)) == MOST + 1


def test_many_small_members_do_not_get_round_the_limit() -> None:
    members = gzip.compress(bytes(400)) * 1_000
    assert len(Gunzip().feed(members, MOST)) == MOST + 1


def test_a_body_of_several_members_in_pieces_is_whole() -> None:
    plain = random.Random(0).randbytes(900)
    body = gzip.compress(plain[:400]) + gzip.compress(plain[400:])
    decoder = Gunzip()
    came = b"".join(decoder.feed(body[at : at + 7], MOST) for at in range(0, len(body), 7))
    assert (came, decoder.is_whole) == (plain, True)


def test_what_is_cut_off_is_not_whole() -> None:
    decoder = Gunzip()
    decoder.feed(gzip.compress(b"a body")[:-4], MOST)
    assert not decoder.is_whole


def test_other_bytes_are_refused() -> None:
    with pytest.raises(NotGzip):
        Gunzip().feed(b"no gzip at all", MOST)
