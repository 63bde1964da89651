"""What `contender rehearse` refuses before it writes anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.main import run


def test_a_span_that_is_none_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CONTENDER_HOME", str(tmp_path / "home"))
    assert run(["rehearse", "--for", "soon"]) == 2
    assert "--for" in capsys.readouterr().err
    assert not (tmp_path / "home").exists()
