"""The quality matrix and the speed at the door: ``python -m benchmarks.quality [--quick] [--json] [--data FILE]``.

Each type of fault is planted in 0.1 %, 1 % and 20 % of the rows of a clean file; what is found is compared row by row
with what was planted. Then a file of a million rows (100 000 with ``--quick``) is checked, split and reported.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from contender.tasks.catalog import TASKS, task_named
from contender.tasks.rules import Issue
from contender.tasks.task import Task
from monitoring.quality.check import REASONS, ROW, Terms, check_file, terms_for
from monitoring.quality.corrupt import corrupt
from monitoring.quality.page import page
from monitoring.quality.place import Shelf
from monitoring.quality.report import Report

SHARES = (0.001, 0.01, 0.2)
FILE_LEVEL = (Issue.SCHEMA_DRIFT, Issue.MISSING_RATE_SHIFT, Issue.LABEL_SHIFT)
LEAST_MOVED = 0.05
"""By definition a missing rate or a label share that moved by less is no fault."""

MOST_SECONDS, MOST_MB = 60.0, 1_500.0


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the matrix: recall and precision by row; `only` says that no other type was found.

    `due` says whether there is something to be found at all: a share that moved by a point is none.
    """

    task: str
    issue: Issue
    share: float
    due: bool
    recall: float
    precision: float
    only: bool

    @property
    def ok(self) -> bool:
        """Found wholly and nothing else; where nothing is due, nothing found."""
        return self.only and self.recall == 1.0 and self.precision == 1.0


def matrix(task: Task, clean: Path, folder: Path, seed: int, shares: Sequence[float] = SHARES) -> Iterator[Cell]:
    """Every type at every share, planted in `clean`, which is also the reference."""
    terms = terms_for(task, like=clean)
    for number, (issue, share) in enumerate((issue, share) for issue in Issue for share in shares):
        yield _cell(terms, clean, folder / str(number), (issue, share), np.random.default_rng([seed, number]))


def _cell(terms: Terms, clean: Path, folder: Path, what: tuple[Issue, float], rng: np.random.Generator) -> Cell:
    issue, share = what
    folder.mkdir(parents=True)
    spoilt, shelf = folder / "spoilt.csv", Shelf(folder / "good", folder / "bad")
    planted = corrupt(clean, spoilt, terms.task, issue, share, rng)
    report = check_file(spoilt, terms, shelf)
    due = issue not in FILE_LEVEL or issue is Issue.SCHEMA_DRIFT or share > LEAST_MOVED
    only = set(report.by_type()) == ({issue} if due else set())
    found = set() if report.held else set(rows_of(shelf.bad_file(spoilt, report.digest), issue))
    recall, precision = rates(set(planted.rows), found)
    return Cell(terms.task.name, issue, share, due, recall, precision, only)


def rows_of(bad: Path, issue: Issue) -> Iterator[int]:
    """The numbers of the rows set aside for faults of type `issue`."""
    with bad.open(encoding="utf-8", newline="") as content:
        for row in csv.DictReader(content):
            if issue in row[REASONS]:
                yield int(row[ROW])


def rates(planted: set[int], found: set[int]) -> tuple[float, float]:
    """Recall and precision; 1 where there was nothing to be found, or nothing was."""
    both = len(planted & found)
    return both / len(planted) if planted else 1.0, both / len(found) if found else 1.0


def large_file(path: Path, task: Task, rows: int) -> None:
    """Write `rows` synthetic rows, ids all different, one in a hundred with a fault."""
    pattern = task.generate(min(rows, 20_000), seed=1)
    names = [task.id_column, *(name for name in pattern[0] if name != task.id_column)]
    with path.open("w", encoding="utf-8", newline="") as content:
        lines = csv.writer(content, lineterminator="\n")
        lines.writerow(names)
        for number in range(rows):
            row = {**pattern[number % len(pattern)], task.id_column: f"P{number:08d}"}
            if number % 100 == 0:
                row[task.target] = "unheard of"
            lines.writerow(["" if row[name] is None else row[name] for name in names])


def speed(task: Task, rows: int, folder: Path) -> dict[str, dict[str, Any]]:
    """Seconds and memory of one check, split and report, in a process of its own."""
    source = folder / f"{task.name}.csv"
    large_file(source, task, rows)
    began = time.perf_counter()
    child = [sys.executable, "-m", "benchmarks.quality", "--one", str(source), task.name]
    done = subprocess.run(child, capture_output=True, text=True, check=True, timeout=600)
    seconds, told = time.perf_counter() - began, json.loads(done.stdout)
    whole = told["good"] + told["bad"] == rows and told["bad"] == math.ceil(rows / 100)
    name = task.name.replace("-", "_")
    return {
        f"check_seconds_{name}": _figure(seconds, "s", f"< {MOST_SECONDS:.0f}", seconds < MOST_SECONDS and whole),
        f"check_cpu_seconds_{name}": _figure(told["cpu"], "s", "stated", True),
        f"check_memory_{name}": _figure(told["mb"], "MB", f"< {MOST_MB:.0f}", told["mb"] < MOST_MB),
        f"check_rows_{name}": _figure(rows, "rows", "nothing lost", whole),
    }


def one(source: Path, task: Task) -> dict[str, Any]:
    """Check, split and report one file; its counts and this process's largest memory."""
    shelf = Shelf(source.parent / "good", source.parent / "bad")
    report: Report = check_file(source, terms_for(task), shelf)
    (source.parent / "report.html").write_text(page([report]), encoding="utf-8")
    mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"good": report.good, "bad": report.bad, "mb": mb, "cpu": time.process_time()}


def figures(task: Task, clean: Path | None, rows: int, folder: Path) -> dict[str, dict[str, Any]]:
    """Every figure of one task: the matrix on the file `clean` or on synthetic rows, then the speed."""
    if clean is None:
        clean = folder / "clean.csv"
        clean_file(clean, task)
    name = task.name.replace("-", "_")
    cells = list(matrix(task, clean, folder / "matrix", seed=0))
    for cell in cells:
        print(_line(cell), file=sys.stderr)
    good = sum(cell.ok for cell in cells)
    report = check_file(clean, terms_for(task), Shelf(folder / "clean-good", folder / "clean-bad"))
    return {
        f"clean_row_faults_{name}": _figure(report.bad, "rows", "0", report.bad == 0),
        f"matrix_{name}": _figure(good, f"of {len(cells)} cells", "all", good == len(cells)),
        f"recall_{name}": _worst([cell.recall for cell in cells]),
        f"precision_{name}": _worst([cell.precision for cell in cells]),
        **speed(task, rows, folder),
    }


def clean_file(path: Path, task: Task, rows: int = 4_000) -> None:
    """Write synthetic rows without any fault."""
    table = task.generate(rows, seed=3)
    with path.open("w", encoding="utf-8", newline="") as content:
        lines = csv.DictWriter(content, list(table[0]), lineterminator="\n")
        lines.writeheader()
        lines.writerows(table)


def _line(cell: Cell) -> str:
    found = f"recall {cell.recall:.4f} precision {cell.precision:.4f}" if cell.due else "rightly quiet"
    return f"{cell.task:11} {cell.issue:26} {cell.share:6.1%}  {found}  {'ok' if cell.ok else 'WRONG'}"


def _worst(values: Sequence[float]) -> dict[str, Any]:
    return _figure(min(values), "share", "1.0", min(values) == 1.0)


def _figure(value: float, unit: str, goal: str, ok: bool) -> dict[str, Any]:
    return {"value": round(float(value), 4), "unit": unit, "goal": goal, "ok": bool(ok)}


def main() -> None:
    """Print the figures; exit 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100 000 rows instead of a million")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--data", action="append", default=[], metavar="TASK=FILE", help="a clean file of a task")
    parser.add_argument("--one", nargs=2, metavar=("FILE", "TASK"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(Path(options.one[0]), task_named(options.one[1]))))
        return
    files = {name: Path(path) for name, path in (stated.split("=", 1) for stated in options.data)}
    found: dict[str, dict[str, Any]] = {}
    for name in TASKS:
        with tempfile.TemporaryDirectory() as folder:
            rows = 100_000 if options.quick else 1_000_000
            found |= figures(task_named(name), files.get(name), rows, Path(folder))
    print(json.dumps(found, indent=2) if options.json else "\n".join(map(_shown, found.items())))
    sys.exit(0 if all(figure["ok"] for figure in found.values()) else 1)


def _shown(item: tuple[str, dict[str, Any]]) -> str:
    name, figure = item
    state = "ok" if figure["ok"] else "MISSED"
    return f"{name:28} {figure['value']:>12} {figure['unit']:14} goal {figure['goal']:12} {state}"


if __name__ == "__main__":
    main()
