"""The whole story, as a user runs it: real pipeline, registry, servers, traffic, release."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

CONTENDER = Path(sys.executable).with_name("contender")
KEPT = "same"
"""The story whose home is kept, looked around in as it says, and removed as it says."""
EXPECTED = {"better": ["promote"], "same": ["hold"], "worse": ["roll back"], "broken": ["roll back"]}
GATES = {
    "better": ["overridden", "passed"],
    "same": ["passed", "passed"],
    "worse": ["passed", "overridden"],
    "broken": ["passed", "passed"],
}
KEYS = {
    "": "task story synthetic seconds pipeline models traffic experiment release",
    "models": "champion challenger baseline",
    "traffic": "requests failed moved_units reviewed p50_ms p95_ms p99_ms requests_per_second",
    "experiment": "champion challenger effect interval p_value srm_p guardrails metrics verdict reason more_units",
    "release": "promote_seconds undo_seconds failed_during_switch audit_records audit_ok",
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def ran(command: list[str], home: Path) -> str:
    """What a command prints that somebody runs in `home`, which is also the folder for throw-away homes."""
    environment = {
        "PATH": f"{CONTENDER.parent}:/usr/bin:/bin",
        "HOME": str(home),
        "TMPDIR": str(home),
        "COLUMNS": "200",
    }
    finished = subprocess.run(
        command, cwd=home, env=environment, capture_output=True, text=True, timeout=580, check=False
    )
    assert finished.returncode == 0, finished.stderr[-4000:]
    return finished.stdout


def tell(story: str, home: Path) -> dict[str, Any]:
    """What the demo tells of a story."""
    kept = ["--keep"] if story == KEPT else []
    document: dict[str, Any] = json.loads(ran([str(CONTENDER), "demo", "--story", story, *kept, "--json"], home))
    return document


@pytest.mark.parametrize("story", EXPECTED)
def test_every_story_ends_as_it_must(story: str, tmp_path: Path) -> None:
    told = tell(story, tmp_path)

    kept = {"home", "next"} if story == KEPT else set()
    for part, names in KEYS.items():
        assert set(told[part] if part else told) - kept == set(names.split()), part
    assert kept <= set(told)
    assert told["experiment"]["verdict"] in EXPECTED[story], told["experiment"]["reason"]
    assert told["synthetic"] is True
    assert told["traffic"]["failed"] == told["traffic"]["moved_units"] == 0
    assert told["release"]["failed_during_switch"] == 0
    assert told["release"]["audit_ok"] is True
    assert told["release"]["undo_seconds"] is not None
    assert (told["release"]["promote_seconds"] is not None) == (story == "better")
    if story == "broken":
        assert told["experiment"]["guardrails"]["fallback"]["breached"] is True
    gates = [run["gate"] for run in told["pipeline"]["runs"]]
    assert [gate["outcome"] for gate in gates] == GATES[story]
    assert all(gate["override"] for gate in gates if gate["outcome"] == "overridden")
    if kept:
        assert Path(told["home"]).parent == tmp_path
        looked = ran(["bash", "-e", "-c", "\n".join(told["next"])], tmp_path)
        assert told["home"] in looked
        assert "undo" in looked
        assert (tmp_path / "dossier.html").exists()
    assert nothing_left(tmp_path)


def nothing_left(home: Path) -> bool:
    """Whether no process works in `home` and no throw-away home stands there."""
    working = [
        process for process in psutil.process_iter(["cmdline"]) if str(home) in " ".join(process.info["cmdline"] or ())
    ]
    return not working and not list(home.glob("contender-demo-*"))
