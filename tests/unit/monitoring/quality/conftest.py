"""A clean file of each task, and a shelf for what is checked."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from contender.tasks.catalog import task_named
from contender.tasks.task import Task
from monitoring.quality.place import Shelf

ROWS = 600


def write_clean(path: Path, task: Task, rows: int = ROWS) -> Path:
    table = task.generate(rows, seed=3)
    with path.open("w", encoding="utf-8", newline="") as content:
        lines = csv.DictWriter(content, list(table[0]), lineterminator="\n")
        lines.writeheader()
        lines.writerows(table)
    return path


@pytest.fixture
def task() -> Task:
    return task_named("job-change")


@pytest.fixture
def clean(tmp_path: Path, task: Task) -> Path:
    return write_clean(tmp_path / "clean.csv", task)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "good", tmp_path / "bad")
