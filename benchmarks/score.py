"""Scheduled scoring: ``python -m benchmarks.score [--quick] [--json] [--task NAME] [--live URL]``.

A model of the task's own recipe, trained on synthetic rows, scores a checked file of a million rows in-process
(50 000 with ``--quick``, of which the time of a million is worked out). With ``--live`` and the address of a running
transformer people ask one by one instead, first alone, then while a file is scored through the same transformer.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from benchmarks.load import Heard, Load, generate
from benchmarks.quality import large_file
from contender.artifact import Manifest
from contender.tasks.catalog import TASKS, task_named
from contender.tasks.task import Task
from monitoring.quality.check import check_file, terms_for
from monitoring.quality.place import Shelf
from pipelines.steps.answerers import InProcess
from pipelines.steps.outbox import Outbox
from pipelines.steps.score_batch import IN_PROCESS_ROWS, pending_files, score_file
from pipelines.steps.scoring import Scorer, open_model

ROWS = 1_000_000
TRAINING_ROWS = 4_000
MOST_SECONDS = 600.0
LIVE_RATE, LIVE_SECONDS = 100.0, 20.0
MOST_P99_MS = 50.0
"""What people may wait while a file is scored; the objective of the serving path."""

SCORE = """
import sys; from pathlib import Path
from contender.tasks.catalog import task_named
from pipelines.params import RegistryParams
from pipelines.steps.score_batch import ScoringParams, score_pending
name, url, folder = sys.argv[1:]
score_pending(task_named(name), Path(folder, "good"), ScoringParams(url=url), RegistryParams(), Path(folder, "out"))
"""
"""Scheduled scoring as it is, with its usual batches and pace, as a process of its own."""


def scorer(task: Task) -> Scorer:
    """The task's recipe with its defaults, trained on synthetic rows."""
    data = task.generate(TRAINING_ROWS, seed=1)
    rows = [{name: row[name] for name in task.schema.model_fields} for row in data]
    labels = [task.label_of(row[task.target]) for row in data]
    encoder, recipe = task.fit_features(rows, labels), task.recipe()
    model = recipe.build(recipe.defaults(), 1)
    model.fit(encoder.encode(rows), np.array(labels))
    classes = tuple(str(name) for name in model.classes_)
    manifest = Manifest(task.name, "1", "measured", classes, {}, {}, {})
    return Scorer(manifest, encoder, open_model(recipe.to_onnx(model, encoder.width)))


def in_process(task: Task, rows: int, folder: Path) -> dict[str, dict[str, Any]]:
    """Seconds for a million rows, rows a second, the largest memory."""
    shelf, outbox = checked(task, rows, folder), Outbox(folder / "out")
    answerer = InProcess(task, scorer(task), "1")
    ((path, report),) = pending_files(shelf.good, outbox)
    began, cpu = time.perf_counter(), time.process_time()
    score_file(task, (path, report), answerer, outbox, IN_PROCESS_ROWS, lambda n: print(n, file=sys.stderr))
    seconds, used = time.perf_counter() - began, time.process_time() - cpu
    scaled, skipped = seconds * ROWS / report.good, not pending_files(shelf.good, outbox)
    mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "score_seconds_per_million": _figure(scaled, "s", f"< {MOST_SECONDS:.0f}", scaled < MOST_SECONDS),
        "score_cpu_seconds_per_million": _figure(used * ROWS / report.good, "s", "stated", True),
        "score_rows": _figure(report.good, "rows", "all, then skipped", skipped),
        "score_memory": _figure(mb, "MB", "stated", True),
    }


def live(task: Task, url: str, folder: Path) -> dict[str, dict[str, Any]]:
    """How long people wait for their answer, alone and while a file is scored, and how many rows were scored then."""
    checked(task, 50_000, folder)
    alone = people(task, url)
    scoring = subprocess.Popen([sys.executable, "-c", SCORE, task.name, url, str(folder)])
    time.sleep(3)
    began = scored_rows(folder)
    beside, rows = people(task, url), scored_rows(folder) - began
    went_on = scoring.poll() is None
    scoring.terminate()
    scoring.wait(10)
    return {
        "live_p50_alone": _figure(alone.quantiles_ms["0.5"], "ms", "stated", True),
        "live_p50_beside": _figure(beside.quantiles_ms["0.5"], "ms", "stated", True),
        "live_p99_alone": _figure(alone.quantiles_ms["0.99"], "ms", "stated", True),
        "live_p99_beside": _within(beside.quantiles_ms["0.99"]),
        "live_failed": _figure(alone.failed + beside.failed, "requests", "0", not alone.failed + beside.failed),
        "scored_per_second": _figure(rows / beside.seconds, "rows/s", "> 0", rows > 0 and went_on),
    }


def people(task: Task, url: str) -> Heard:
    """What people hear who ask one by one, `LIVE_RATE` a second."""
    fields = task.schema.model_fields
    bodies = [
        json.dumps({"instances": [{**{name: row[name] for name in fields}, "unit_id": f"live-{number}"}]})
        for number, row in enumerate(task.generate(500, seed=2))
    ]
    port = urlsplit(url).port or 80
    return generate(Load(port, f"/v1/models/{task.name}:predict", bodies, 16, LIVE_SECONDS, LIVE_RATE))


def scored_rows(folder: Path) -> int:
    """How many rows lie in the parts that are there."""
    return sum(part.read_bytes().count(b"\n") for part in (folder / "out").rglob("*.csv"))


def checked(task: Task, rows: int, folder: Path) -> Shelf:
    """A file of synthetic rows, checked."""
    shelf = Shelf(folder / "good", folder / "bad")
    large_file(folder / "people.csv", task, rows)
    check_file(folder / "people.csv", terms_for(task), shelf)
    return shelf


def _within(p99: float) -> dict[str, Any]:
    return _figure(p99, "ms", f"< {MOST_P99_MS:.0f}", p99 < MOST_P99_MS)


def _figure(value: float, unit: str, goal: str, ok: bool) -> dict[str, Any]:
    return {"value": round(float(value), 1), "unit": unit, "goal": goal, "ok": bool(ok)}


def main() -> None:
    """Print the figures; exit 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="50 000 rows")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--task", choices=list(TASKS), default="job-change")
    parser.add_argument("--live", metavar="URL", help="a running transformer, http://host:port")
    options = parser.parse_args()
    task = task_named(options.task)
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        rows = 50_000 if options.quick else ROWS
        found = live(task, options.live, where) if options.live else in_process(task, rows, where)
    for name, figure in [] if options.json else found.items():
        print(f"{name:32} {figure['value']:>10} {figure['unit']:8} goal {figure['goal']}")
    if options.json:
        print(json.dumps(found, indent=2))
    sys.exit(0 if all(figure["ok"] for figure in found.values()) else 1)


if __name__ == "__main__":
    main()
