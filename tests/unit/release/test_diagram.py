"""The picture of the machine is the machine."""

from __future__ import annotations

from pathlib import Path

from contender.release.diagram import document
from contender.release.machine import TABLE

PAGE = Path(__file__).parents[3] / "docs" / "generated" / "release.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == document(), "contender release diagram"


def test_every_row_is_told() -> None:
    lines = document().splitlines()
    for (phase, kind), row in TABLE.items():
        assert any(line.startswith(f"| {phase} | {kind} | {row.to} | record, ") for line in lines)


def test_what_is_possible_everywhere_is_not_drawn() -> None:
    drawn = document().split("```")[1]
    assert "promoted --> prepared: undo" in drawn
    assert "suspend" not in drawn
