"""Both graphs through kfp's local runner: files come in, are split and told; the good ones are scored, once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from contender.adapters.store_sql import Store
from pipelines import settings

RUNNER = """
import json, sys
from kfp import local
from pipelines.graphs.ingestion import ingestion
from pipelines.graphs.scoring import scoring
local.init(local.SubprocessRunner(use_venv=False), pipeline_root=sys.argv[1])
runs = json.loads(sys.argv[2])
graphs = {"ingestion": ingestion, "scoring": scoring}
said = [graphs[name](**arguments).output for name, arguments in runs]
print("SAID", json.dumps(said))
"""


def run(root: Path, *runs: tuple[str, dict[str, Any]]) -> list[str]:
    environment = settings.step_environment(root / "events.jsonl", threads=1)
    command = [sys.executable, "-c", RUNNER, str(root / "outputs"), json.dumps(runs)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120, env=environment)
    answers: list[str] = json.loads(done.stdout.partition("SAID ")[2].splitlines()[0])
    return answers


def test_files_come_in_and_are_scored_once(raw: Path, registered: dict[str, str], tmp_path: Path) -> None:
    good, predictions = tmp_path / "good", tmp_path / "predictions"
    store_url = f"sqlite:///{tmp_path / 'store.db'}"
    folders = {"source": str(raw.parent), "good": str(good), "bad": str(tmp_path / "bad"), "store_url": store_url}
    ingest = ("ingestion", {"task": "job-change", "ingestion": folders})
    score = {"task": "job-change", "good": str(good), "predictions": str(predictions), "registry": registered}
    assert run(tmp_path, ingest, ("scoring", score), ("scoring", score)) == ["faults", "scored", "skipped"]
    (note,) = Store(store_url, clock=lambda: 0.0).notes("job-change", "quality")
    assert (note.document["good"], note.document["bad"]) == (360, 40)
    (written,) = predictions.glob("*.csv")
    assert len(written.read_text().splitlines()) == 361
    (report,) = (tmp_path / "outputs").rglob("ingest-files/report")
    assert "out_of_range" in report.read_text()
