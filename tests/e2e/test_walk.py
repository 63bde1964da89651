"""The README's walk to a promotion, typed as it stands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.documents.extract import ROOT, commands, script

SECTION = "A promotion on a laptop"
BIN = Path(sys.executable).parent

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_500)]


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Mapping[str, str]]:
    """Somebody's shell with `contender` on its path; only the port is another than people have."""
    kept = {name: os.environ[name] for name in ("OMP_NUM_THREADS", "OPENBLAS_CORETYPE") if name in os.environ}
    found = {**kept, "PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(tmp_path), "CONTENDER_PORT": "0"}
    yield found
    subprocess.run([str(BIN / "contender"), "down"], cwd=tmp_path, env=found, capture_output=True, check=False)


def test_the_walk_reaches_a_promotion_as_it_is_written(environment: Mapping[str, str], tmp_path: Path) -> None:
    told = [one for one in commands(ROOT / "README.md") if one.fenced and one.section == SECTION]
    assert len(told) == 10
    typed, _ = script(told, {}, {})
    done = subprocess.run(
        ["bash", "-e", "-c", typed], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "played people: 1 rehearsal" in done.stderr

    shown = subprocess.run(
        [str(BIN / "contender"), "audit", "show", "--json"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    records = json.loads(shown.stdout)["records"]
    events = [record["event"] for record in records]
    assert [event for event in events if event in {"install", "rehearsal", "promote", "undo"}] == [
        "install",
        "rehearsal",
        "promote",
        "undo",
    ]
    (rehearsal,) = (record for record in records if record["event"] == "rehearsal")
    assert rehearsal["detail"] == {
        "effect": 0.06,
        "experiment": next(one["detail"]["experiment"] for one in records if one["event"] == "start"),
        "file": False,
        "shift": "",
    }
