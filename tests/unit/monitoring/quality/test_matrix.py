"""Every type of fault at every share: found row by row, and nothing but that type. The full size is a benchmark."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from contender.errors import InvalidInput
from contender.tasks.catalog import TASKS, task_named
from contender.tasks.rules import Issue
from contender.tasks.task import Task
from monitoring.quality.check import REASONS, ROW, check_file, terms_for
from monitoring.quality.corrupt import DRIFTS, Sheet, corrupt, drift
from monitoring.quality.place import Shelf
from monitoring.quality.tabular import chunks_of, header_of

ROWS = 1_000
SHARES = (0.001, 0.01, 0.2)
OF_ROWS = (
    Issue.MISSING_REQUIRED,
    Issue.TYPE_ERROR,
    Issue.OUT_OF_RANGE,
    Issue.UNKNOWN_CATEGORY,
    Issue.INCONSISTENT_OR_DUPLICATE,
)
OF_FILES = (Issue.MISSING_RATE_SHIFT, Issue.LABEL_SHIFT)


@pytest.fixture(scope="module", params=TASKS)
def clean_of(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Task, Path]:
    task = task_named(request.param)
    path = tmp_path_factory.mktemp(request.param) / "clean.csv"
    table = task.generate(ROWS, seed=3)
    with path.open("w", encoding="utf-8", newline="") as content:
        lines = csv.DictWriter(content, list(table[0]), lineterminator="\n")
        lines.writeheader()
        lines.writerows(table)
    return task, path


def set_aside(path: Path) -> dict[int, str]:
    with path.open(encoding="utf-8", newline="") as content:
        return {int(row[ROW]): row[REASONS] for row in csv.DictReader(content)}


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("issue", OF_ROWS)
def test_faults_of_rows_are_found_exactly(
    clean_of: tuple[Task, Path], issue: Issue, share: float, tmp_path: Path, shelf: Shelf
) -> None:
    task, clean = clean_of
    spoilt = tmp_path / "spoilt.csv"
    planted = corrupt(clean, spoilt, task, issue, share, np.random.default_rng(1))
    report = check_file(spoilt, terms_for(task, like=clean), shelf)
    found = set_aside(shelf.bad_file(spoilt, report.digest))
    assert set(found) == set(planted.rows)
    assert all(issue in reasons for reasons in found.values())
    assert set(report.by_type()) == {issue}


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("issue", OF_FILES)
def test_a_share_that_moved_is_told_of_the_file_and_only_when_it_moved_enough(
    clean_of: tuple[Task, Path], issue: Issue, share: float, tmp_path: Path, shelf: Shelf
) -> None:
    task, clean = clean_of
    spoilt = tmp_path / "spoilt.csv"
    corrupt(clean, spoilt, task, issue, share, np.random.default_rng(2))
    report = check_file(spoilt, terms_for(task, like=clean), shelf)
    assert set(report.by_type()) == ({issue} if share > 0.05 else set())
    assert (report.good, report.bad) == (ROWS, 0)


@pytest.mark.parametrize("how", DRIFTS)
def test_a_file_with_other_columns_is_held_as_it_is(
    clean_of: tuple[Task, Path], how: str, tmp_path: Path, shelf: Shelf
) -> None:
    task, clean = clean_of
    spoilt = tmp_path / "spoilt.csv"
    lines = [list(line) for chunk in chunks_of(clean) for line in chunk.lines]
    drift(Sheet(task, list(header_of(clean)), lines, np.random.default_rng(3)), spoilt, how)
    report = check_file(spoilt, terms_for(task), shelf)
    assert [(one.issue, one.code) for one in report.findings] == [(Issue.SCHEMA_DRIFT, how)]
    assert report.verdict == "held"
    assert shelf.held_file(spoilt, report.digest).read_bytes() == spoilt.read_bytes()
    assert not shelf.good_file(spoilt, report.digest).exists()


def test_a_clean_file_has_no_fault(clean_of: tuple[Task, Path], shelf: Shelf) -> None:
    task, clean = clean_of
    report = check_file(clean, terms_for(task), shelf)
    assert report.findings == []
    assert report.good == ROWS


def test_only_a_file_of_the_task_with_rows_is_spoilt_and_never_in_place(
    clean_of: tuple[Task, Path], tmp_path: Path
) -> None:
    task, clean = clean_of
    before, rng = clean.read_bytes(), np.random.default_rng(4)
    empty, other, link, semicolons = (tmp_path / f"{name}.csv" for name in ("empty", "other", "link", "semicolons"))
    link.symlink_to(clean)
    empty.write_bytes(before.splitlines(keepends=True)[0])
    other.write_text("a,b\n1,2\n")
    semicolons.write_text("a;b\n1;2\n")
    for source, target, words in (
        (clean, link, "is the file that faults are planted in"),
        (clean, tmp_path / "none" / "spoilt.csv", "cannot be written"),
        (empty, tmp_path / "spoilt.csv", "has no rows"),
        (semicolons, tmp_path / "spoilt.csv", r"semicolons\.csv: is separated by semicolons"),
        (other, tmp_path / "spoilt.csv", f"lacks the column {task.id_column}"),
    ):
        with pytest.raises(InvalidInput, match=words):
            corrupt(source, target, task, Issue.TYPE_ERROR, 0.1, rng)
    assert clean.read_bytes() == before
