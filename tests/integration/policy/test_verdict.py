"""The script that plays rounds until a verdict is known, against rounds that are told beforehand."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infrastructure.policy.render import ROOT

HOLD = {"phase": "experimenting", "verdict": {"decision": "hold"}}
PROMOTE = {"phase": "experimenting", "verdict": {"decision": "promote"}}
BUSY = {"phase": "promoting", "busy": True, "waits_for": "job-change-reconcile is held by ada"}
PROMOTING, PROMOTED = {"phase": "promoting"}, {"phase": "promoted"}


def play(folder: Path, *rounds: dict[str, Any], wait_s: int = 0, code: int = 0) -> tuple[int, str, list[str]]:
    """Exit code, the word, and the arguments of each round."""
    usual = {"did": [], "waits_for": "", "busy": False, "rolled_back": False, "verdict": None}
    for number, one in enumerate(rounds):
        (folder / f"{number}.json").write_text(json.dumps(usual | one))
    command = folder / "contender"
    command.write_text(
        f"""#!/bin/bash
cd {folder}
echo "$*" >> asked
number=$(($(wc -l < asked) - 1))
cat $number.json
exit {code}
"""
    )
    command.chmod(0o755)
    environment = {
        "PATH": "/usr/bin:/bin",
        "CONTENDER": str(command),
        "TASK": "job-change",
        "BAKE_S": "7",
        "BUSY_S": "0",
    }
    script = str(ROOT / "infrastructure" / "release" / "verdict.sh")
    done = subprocess.run([script, str(wait_s), "0"], env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.strip(), (folder / "asked").read_text().splitlines()


@pytest.mark.parametrize(
    ("round_", "code", "word"),
    [
        (PROMOTE, 0, "promote"),
        (PROMOTING, 0, "promote"),
        (PROMOTED, 0, "promote"),
        ({"phase": "prepared"}, 0, "rolled-back"),
        ({"phase": "idle"}, 0, "rolled-back"),
        ({"phase": "prepared", "rolled_back": True}, 3, "rolled-back"),
    ],
)
def test_one_round_may_tell(tmp_path: Path, round_: dict[str, Any], code: int, word: str) -> None:
    ended, said, asked = play(tmp_path, round_, code=code)
    assert (ended, said) == (0, word)
    assert asked == ["release reconcile --task job-change --bake 7 --json"]


def test_rounds_are_played_until_the_verdict_is_known(tmp_path: Path) -> None:
    assert play(tmp_path, HOLD, HOLD, PROMOTE, wait_s=3600)[1:2] == ("promote",)


def test_a_round_that_finds_another_one_at_work_is_played_again(tmp_path: Path) -> None:
    ended, said, asked = play(tmp_path, BUSY, BUSY, PROMOTED)
    assert (ended, said, len(asked)) == (0, "promote", 3)


def test_a_round_that_fails_ends_it(tmp_path: Path) -> None:
    assert play(tmp_path, HOLD, code=5, wait_s=3600)[:2] == (5, "")
