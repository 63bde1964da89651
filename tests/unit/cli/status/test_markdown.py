"""The status as Markdown, and single values of it."""

from __future__ import annotations

from typing import Any

import pytest

from cli.status.markdown import markdown, value_at
from contender.errors import InvalidInput

ARMS = [
    {"name": "champion", "slot": "blue", "version": "7", "range": [0.0, 0.5]},
    {"name": "challenger", "slot": "green", "version": "8", "range": [0.5, 1.0]},
]
DOCUMENT: dict[str, Any] = {
    "task": "job-change",
    "url": None,
    "release": {"phase": "experimenting", "revision": 4},
    "routing": {"generation": 12, "arms": ARMS},
    "shares": {"champion": 0.9, "challenger": 0.1},
    "experiment": {"verdict": {"decision": "hold", "reason": "too few | <units>"}},
}


def test_a_summary_says_where_everybody_is_and_the_way_back() -> None:
    text = markdown(DOCUMENT)
    assert text.startswith("## job-change: experimenting\n")
    assert "| challenger | green | 8 | 10% |" in text
    assert "Verdict: hold. too few \\| &lt;units>" in text
    assert "Routing generation 12. The way back: the workflow `rollback`" in text


def test_a_task_that_was_never_released_has_a_summary_too() -> None:
    empty = {**DOCUMENT, "routing": None, "shares": {}, "experiment": None, "release": {"phase": "idle"}}
    text = markdown(empty)
    assert text.startswith("## job-change: idle\n")
    assert "Verdict: none." in text
    assert "Routing generation 0." in text


@pytest.mark.parametrize(
    ("path", "value"),
    [("release.phase", "experimenting"), ("release.revision", "4"), ("url", ""), ("shares.champion", "0.9")],
)
def test_a_value_is_what_a_shell_compares(path: str, value: str) -> None:
    assert value_at(DOCUMENT, path) == value


@pytest.mark.parametrize("path", ["release.phasis", "url.host", "release.phase.x", ""])
def test_a_field_that_is_not_there_is_named(path: str) -> None:
    with pytest.raises(InvalidInput, match="--field"):
        value_at(DOCUMENT, path)
