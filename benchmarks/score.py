"""Scheduled scoring in-process: ``python -m benchmarks.score [--quick] [--json] [--task NAME]``.

A serving artifact of the task's own recipe, trained on synthetic rows, scores a checked file of a million rows
(50 000 with ``--quick``, of which the time of a million is worked out).
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.chain import train
from benchmarks.quality import large_file
from contender.tasks.catalog import task_named
from monitoring.quality.check import check_file, terms_for
from monitoring.quality.place import Shelf
from pipelines.steps.answerers import InProcess
from pipelines.steps.outbox import Outbox
from pipelines.steps.score_batch import IN_PROCESS_ROWS, pending_files, score_file
from pipelines.steps.scoring import load

ROWS = 1_000_000
MOST_SECONDS = 600.0
TASK = "job-change"
"""The task whose recipe `benchmarks.chain` trains."""


def figures(rows: int, folder: Path) -> dict[str, dict[str, Any]]:
    """Seconds for a million rows, rows a second, the largest memory."""
    task, shelf, outbox = task_named(TASK), Shelf(folder / "good", folder / "bad"), Outbox(folder / "out")
    large_file(folder / "people.csv", task, rows)
    check_file(folder / "people.csv", terms_for(task), shelf)
    train(folder / "artifact", "1")
    answerer = InProcess(task, load(task, folder / "artifact"), "1")
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


def _figure(value: float, unit: str, goal: str, ok: bool) -> dict[str, Any]:
    return {"value": round(float(value), 1), "unit": unit, "goal": goal, "ok": bool(ok)}


def main() -> None:
    """Print the figures; exit 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="50 000 rows")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = figures(50_000 if options.quick else ROWS, Path(folder))
    for name, figure in [] if options.json else found.items():
        print(f"{name:32} {figure['value']:>10} {figure['unit']:6} goal {figure['goal']}")
    if options.json:
        print(json.dumps(found, indent=2))
    sys.exit(0 if all(figure["ok"] for figure in found.values()) else 1)


if __name__ == "__main__":
    main()
