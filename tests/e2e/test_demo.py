"""The whole story, as a user runs it: real pipeline, registry, servers, traffic, release."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).parents[2]
CONTENDER = Path(sys.executable).with_name("contender")
EXPECTED = {"better": ["promote"], "same": ["hold"], "worse": ["roll back"], "broken": ["roll back"]}
KEYS = {
    "": "task story synthetic seconds pipeline models traffic experiment release",
    "models": "champion challenger baseline",
    "traffic": "requests failed moved_units reviewed p50_ms p95_ms p99_ms requests_per_second",
    "experiment": "champion challenger effect interval p_value srm_p guardrails metrics verdict reason more_units",
    "release": "promote_seconds undo_seconds failed_during_switch audit_records audit_ok",
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def tell(story: str, home: Path) -> dict[str, Any]:
    """Run the demo with `home` as the folder for throw-away homes."""
    command = [str(CONTENDER), "demo", "--story", story, "--json"]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "TMPDIR": str(home)}
    finished = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=580, check=False
    )
    assert finished.returncode == 0, finished.stderr[-4000:]
    document: dict[str, Any] = json.loads(finished.stdout)
    return document


@pytest.mark.parametrize("story", EXPECTED)
def test_every_story_ends_as_it_must(story: str, tmp_path: Path) -> None:
    told = tell(story, tmp_path)

    for part, names in KEYS.items():
        assert set(told[part] if part else told) == set(names.split()), part
    assert told["experiment"]["verdict"] in EXPECTED[story], told["experiment"]["reason"]
    assert told["synthetic"] is True
    assert told["traffic"]["failed"] == told["traffic"]["moved_units"] == 0
    assert told["release"]["failed_during_switch"] == 0
    assert told["release"]["audit_ok"] is True
    assert told["release"]["undo_seconds"] is not None
    assert (told["release"]["promote_seconds"] is not None) == (story == "better")
    if story == "broken":
        assert told["experiment"]["guardrails"]["fallback"]["breached"] is True
    assert nothing_left(tmp_path)


def nothing_left(home: Path) -> bool:
    """Whether no process works in `home` and no throw-away home stands there."""
    working = [
        process for process in psutil.process_iter(["cmdline"]) if str(home) in " ".join(process.info["cmdline"] or ())
    ]
    return not working and not list(home.glob("contender-demo-*"))
