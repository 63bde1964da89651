"""What a test started that ran out of time does not outlive it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
HANGS = """
import pathlib, signal, subprocess
def test_hangs():
    child = subprocess.Popen(["sleep", "300"])
    pathlib.Path(__file__).with_name("pid").write_text(str(child.pid))
    signal.pause()
"""


def test_what_a_timed_out_test_started_is_ended(tmp_path: Path) -> None:
    hanging, settings = tmp_path / "test_hanging.py", tmp_path / "pytest.ini"
    hanging.write_text(HANGS)
    settings.write_text("[pytest]\n")
    options = ["-p", "tests.conftest", "-p", "no:cacheprovider", "-c", str(settings), "--timeout", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(hanging)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "1 failed" in done.stdout, done.stdout + done.stderr
    end = time.monotonic() + 10
    while lives(int((tmp_path / "pid").read_text())):
        assert time.monotonic() < end, "it lives on"
        time.sleep(0.05)


def lives(pid: int) -> bool:
    """Whether the process still runs; one that nobody has waited for yet does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
