"""The audit record as a person reads it: nothing is lost on a narrow terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from cli.audit import _render

REASON = "the verdict is not promote: fewer than 250 units with an outcome in an arm; about 500 more units are needed"
RECORD = {
    "sequence": 7,
    "at": 1_700_000_000.0,
    "actor": "anna",
    "event": "promote refused",
    "detail": {"phase": "experimenting", "reason": REASON, "nothing": None},
    "hash": "36ad066f5f94" + "0" * 52,
}


@pytest.mark.parametrize("width", [60, 80, 200])
def test_every_word_of_a_record_is_shown_whatever_the_width(width: int) -> None:
    told = io.StringIO()
    Console(file=told, width=width, soft_wrap=True).print(_render({"task": "job-change", "records": [RECORD]}))
    lines = told.getvalue().splitlines()
    words = " ".join(told.getvalue().split())
    assert f"phase experimenting, reason {REASON}" in words
    assert "anna promote refused 36ad066f5f94" in words
    assert "nothing" not in words
    assert max(map(len, lines)) <= width
