"""A command that went says where to."""

from __future__ import annotations

import pytest

from cli.main import run


def test_rows_are_moved_by_a_rehearsal_now(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["drift", "inject", "-c", "training_hours", "--for", "5m"]) == 2
    assert "contender rehearse --shift COLUMN" in capsys.readouterr().err
