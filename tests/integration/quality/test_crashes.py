"""A check or a scoring that is killed at any file it opens or renames: done again, it ends as if never disturbed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHILD = Path(__file__).with_name("crashing.py")
ROOT = Path(__file__).parents[3]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below `folder` but locks and logs, by its path."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in {".lock", "asked.log"})
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("mode", ["check", "score"])
def test_a_run_killed_anywhere_ends_as_one_never_killed(mode: str, raw: Path, tmp_path: Path) -> None:
    (tmp_path / "start").mkdir()
    shutil.copy(raw, tmp_path / "start" / "raw.csv")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(CHILD), mode, str(tmp_path)]
    done = subprocess.run(command, check=True, timeout=120, env=environment, capture_output=True, text=True)
    expected, killed = contents(tmp_path / "whole"), int(done.stdout)
    assert killed >= 8
    for count in range(1, killed + 1):
        left = contents(tmp_path / f"{count}-killed").items()
        visible = {name: content for name, content in left if not name.endswith(".partial") and ".parts" not in name}
        assert visible.items() <= expected.items()  # whatever has its name is whole
    for count in range(1, killed + 2):
        assert contents(tmp_path / str(count)) == expected
        if mode == "score":
            asked = (tmp_path / str(count) / "asked.log").read_text().split()
            assert len(asked) - len(set(asked)) <= 1  # only the batch that was on its way is asked for again
