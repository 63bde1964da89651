"""What people need is whole on a terminal of any width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console, RenderableType

from cli.ask import _render
from cli.output import pairs, table

ID = "01a3185c5000b2f1c4d07e8a95361fd2"
ANSWER = {"label": "looking", "confidence": 0.91, "assigned_to": "challenger", "served_by": "champion",
          "fallback_reason": "deadline_exceeded", "model_version": "8", "prediction_id": ID}  # fmt: skip


def seen(shown: RenderableType, width: int) -> list[str]:
    told = io.StringIO()
    Console(file=told, width=width, soft_wrap=True).print(shown)
    return told.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("count", [1, 3])
def test_an_answer_is_whole(width: int, count: int) -> None:
    lines = seen(_render({"predictions": [ANSWER] * count}), width)
    assert max(map(len, lines)) <= width
    text = "".join(line.strip() for line in lines)
    assert "…" not in text
    for value in ("looking", "0.9100", "challenger", "champion", "deadline_exceeded", ID):
        assert "".join(line.replace("prediction_id", "").strip() for line in lines).count(value) >= count


@pytest.mark.parametrize("width", [40, 60, 80])
def test_no_table_cuts_what_it_shows(width: int) -> None:
    grid = table("name", "digest")
    grid.add_row("x", ID * 4)
    for shown in (grid, pairs({"digest": ID * 4})):
        lines = seen(shown, width)
        assert "…" not in "".join(lines)
        assert max(map(len, lines)) <= width
