"""What is written holds people's data: nobody but its owner may read it, whatever the account's umask says."""

from __future__ import annotations

import csv
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from contender.tasks.catalog import task_named

SERVES = """
import sys
from pathlib import Path
from serving import process
from serving.settings import ServerSettings
written = Path(sys.argv[1])
def serve(settings, task):
    written.mkdir()
    (written / "rows").write_text("people")
process.main(lambda: ServerSettings(task="job-change"), serve)
"""


def open_to_others(folder: Path) -> list[str]:
    """What of `folder` and below anybody else may do anything with."""
    found = [folder, *folder.rglob("*")]
    return [str(path) for path in found if stat.S_IMODE(path.lstat().st_mode) & 0o077 and not path.is_symlink()]


def run(*command: str, **environment: str) -> None:
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, umask=0, env=os.environ | environment, check=False
    )
    assert done.returncode in (0, 4), done.stderr


def test_what_a_server_writes_is_its_own(tmp_path: Path) -> None:
    run("-c", SERVES, str(tmp_path / "served"))
    assert (tmp_path / "served" / "rows").read_text() == "people"
    assert open_to_others(tmp_path / "served") == []


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    table = task_named("job-change").generate(300, 1)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, table[0])
        writer.writeheader()
        writer.writerows(table)
    return path


def test_what_the_command_writes_is_of_whoever_runs_it(tmp_path: Path, rows: Path) -> None:
    home = tmp_path / "home"
    command = ("-c", "from cli.main import main; main()", "quality", "check", str(rows))
    run(*command, CONTENDER_HOME=str(home))
    assert (home / "store.db").is_file()
    assert list(home.glob("quality/job-change/good/*.csv"))
    assert open_to_others(home) == []
