"""A result in a log: whatever stands around it, it comes out whole or not at all."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.framing import frames, unframed
from contender.errors import ContenderError

MARK = "5f0c"
RUNTIME_LINE = 16 * 1024


@settings(deadline=None)  # a busy machine is no fault
@given(st.binary(max_size=50_000), st.lists(st.text(st.characters(exclude_categories=("Zl", "Zp", "Cc", "Cs")))))
def test_what_is_framed_comes_out_whatever_is_logged_between(document: bytes, words: list[str]) -> None:
    lines = list(frames(document, MARK))
    log = [line for pair in zip(words, lines, strict=False) for line in pair] + lines[len(words) :]
    assert unframed("\n".join(log) + "\n", MARK)[1] == document


def test_a_frame_after_half_a_line_is_found_and_the_half_line_kept() -> None:
    log = "warning: " + "\n".join(frames(b"{}", MARK))
    assert unframed(log, MARK) == (["warning: "], b"{}")


def test_no_frame_is_longer_than_a_runtime_splits() -> None:
    document = random.Random(1).randbytes(300_000)
    lines = list(frames(document, MARK))
    assert max(map(len, lines)) < RUNTIME_LINE
    assert unframed("\n".join(lines), MARK)[1] == document


def test_nothing_is_a_result_before_the_last_frame_is_there() -> None:
    lines = list(frames(b"{}", MARK))
    assert unframed("\n".join(lines[:-1]), MARK) == ([], None)
    assert unframed("words\n", MARK) == (["words"], None)
    assert unframed("words\n", "") == (["words"], None)


@pytest.mark.parametrize("spoil", [lambda lines: lines[1:], lambda lines: [lines[0][:-9], *lines[1:]]])
def test_a_result_with_a_piece_missing_is_refused(spoil: object) -> None:
    lines = list(frames(random.Random(1).randbytes(20_000), MARK))
    with pytest.raises(ContenderError, match="incomplete"):
        unframed("\n".join(spoil(lines)), MARK)  # type: ignore[operator]  # a function of lists


def test_what_a_child_writes_is_framed_as_well() -> None:
    program = (
        "import subprocess, sys; from cli.framing import framing\n"
        f"with framing({MARK!r}):\n"
        "    print('one', flush=True); subprocess.run(['echo', 'two'], check=True); print('three')\n"
        "print('after', file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert unframed(done.stdout, MARK) == ([], b"one\ntwo\nthree\n")
    assert done.stderr == "after\n"
