"""A command that changes a release makes no home where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.home import MARKS, is_home
from cli.main import run
from cli.settings import Settings

COMMANDS = [
    "promote",
    "undo",
    "abort",
    "finish",
    "suspend",
    "resume",
    "experiment start",
    "experiment step",
    "experiment stop",
    "experiment status",
    "experiment clear --reason x",
    "release reconcile",
    "audit prune",
    "audit show",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_home_nothing_is_made(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CONTENDER_HOME", raising=False)
    assert run([*command.split(), "--task", "job-role"]) == 1
    told = capsys.readouterr().err
    assert f"there is no home at {tmp_path}/.contender" in told
    assert "contender train --task job-role" in told
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mark", MARKS)
def test_a_home_is_known_by_what_it_holds(mark: str, tmp_path: Path) -> None:
    assert not is_home(Settings(home=tmp_path))
    (tmp_path / mark).touch()
    assert is_home(Settings(home=tmp_path))


def test_a_store_that_is_elsewhere_speaks_for_itself(tmp_path: Path) -> None:
    assert is_home(Settings(home=tmp_path / "none", store_url="postgresql://u@h/d"))
