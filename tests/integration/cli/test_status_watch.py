"""`contender status` off a terminal, as a program meets it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

KEYS = {"task", "home", "url", "processes", "routing", "shares", "experiment", "release", "traffic", "watch"}
# A program that was started in the background ignores interrupts, and so would what it starts.
MAIN = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from cli.main import main; main()"


def started(home: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", MAIN, "status", *arguments]
    environment = {**os.environ, "CONTENDER_HOME": str(home)}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def test_once_as_json_has_the_stable_keys(tmp_path: Path) -> None:
    output, _ = started(tmp_path, "--json").communicate(timeout=60)
    assert set(json.loads(output)) == KEYS


@pytest.mark.parametrize("as_json", [True, False])
def test_watching_gives_a_line_a_second_until_interrupted(as_json: bool, tmp_path: Path) -> None:
    watching = started(tmp_path, "-w", *(["--json"] if as_json else []))
    assert watching.stdout is not None
    lines = [watching.stdout.readline() for _ in range(2)]
    watching.send_signal(signal.SIGINT)
    _, complaints = watching.communicate(timeout=60)
    assert watching.returncode == 0
    assert complaints == ""
    for line in lines:
        assert set(json.loads(line)) == KEYS if as_json else " job-change • ScaledDown idle " in line
        assert "\x1b" not in line


def test_a_reader_that_goes_away_ends_the_watch_quietly(tmp_path: Path) -> None:
    watching = started(tmp_path, "-w", "--json")
    assert watching.stdout is not None
    assert watching.stderr is not None
    watching.stdout.readline()
    watching.stdout.close()
    assert watching.wait(timeout=60) == 0
    assert watching.stderr.read() == ""
    watching.stderr.close()
