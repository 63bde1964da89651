"""A scoring that breaks off anywhere and is done again asks for each row once more at most, and writes each once."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest

from contender.tasks.catalog import task_named
from monitoring.quality.check import check_files, terms_for
from monitoring.quality.place import Shelf
from pipelines.steps.answerers import Rows
from pipelines.steps.outbox import Outbox, Scored
from pipelines.steps.score_batch import pending_files, score_file

TASK = task_named("job-change")
ROWS = 100


class Broken(Exception):
    """The process ends here."""


class Echo:
    """Answers with the key and the place, as a transformer that knows the key does; breaks off after some batches."""

    name = "served"

    def __init__(self, batches: int = 1_000) -> None:
        self.keys: list[str] = []
        self._left = batches

    def score(self, key: str, units: Sequence[str], rows: Rows) -> list[Scored]:
        if not self._left:
            raise Broken
        self._left -= 1
        self.keys.append(key)
        return [Scored(unit, f"{key}/{n}", "looking", 0.5, 0.5, "echo", "1", None) for n, unit in enumerate(units)]


def people(path: Path, count: int = ROWS) -> Path:
    table = TASK.generate(count, seed=3)
    with path.open("w", encoding="utf-8", newline="") as content:
        lines = csv.DictWriter(content, list(table[0]), lineterminator="\n")
        lines.writeheader()
        lines.writerows(table)
    return path


@pytest.fixture
def good(tmp_path: Path) -> Path:
    shelf = Shelf(tmp_path / "good", tmp_path / "bad")
    list(check_files([people(tmp_path / "people.csv")], terms_for(TASK), shelf))
    return shelf.good


def score(good: Path, outbox: Outbox, answerer: Echo, batch_rows: int) -> None:
    for one in pending_files(good, outbox):
        score_file(TASK, one, answerer, outbox, batch_rows)


def written(outbox: Outbox) -> list[dict[str, str]]:
    (file,) = outbox.folder.glob("*.csv")
    with file.open(encoding="utf-8", newline="") as content:
        return list(csv.DictReader(content))


@pytest.mark.parametrize("done", [0, 1, 2, 3])
def test_what_broke_off_goes_on_behind_its_last_batch(good: Path, tmp_path: Path, done: int) -> None:
    outbox, first, second = Outbox(tmp_path / "out"), Echo(done), Echo()
    with pytest.raises(Broken):
        score(good, outbox, first, 30)
    assert not list(outbox.folder.glob("*.csv")), "half a file is no file"
    score(good, outbox, second, 30)
    assert (len(first.keys), len(second.keys)) == (done, 4 - done)
    assert len({row["unit_id"] for row in written(outbox)}) == len(written(outbox)) == ROWS
    assert len({row["prediction_id"] for row in written(outbox)}) == ROWS


def test_a_batch_has_the_same_key_when_it_is_done_again_elsewhere(good: Path, tmp_path: Path) -> None:
    first, second = Echo(), Echo()
    score(good, Outbox(tmp_path / "one"), first, 30)
    score(good, Outbox(tmp_path / "another"), second, 30)
    assert first.keys == second.keys
    assert len({*first.keys}) == 4


def test_batches_of_another_size_are_other_batches_and_do_not_mix(good: Path, tmp_path: Path) -> None:
    outbox, first, second = Outbox(tmp_path / "out"), Echo(2), Echo()
    with pytest.raises(Broken):
        score(good, outbox, first, 30)
    score(good, outbox, second, 40)
    assert not {*first.keys} & {*second.keys}
    assert [row["prediction_id"].split("/")[0] for row in written(outbox)[::40]] == second.keys
    assert len({row["unit_id"] for row in written(outbox)}) == len(written(outbox)) == ROWS


@pytest.mark.parametrize(("batch_rows", "batches"), [(ROWS, 1), (ROWS - 1, 2), (ROWS // 2, 2), (1, ROWS)])
def test_no_batch_is_empty_and_no_row_is_left(good: Path, tmp_path: Path, batch_rows: int, batches: int) -> None:
    outbox, echo = Outbox(tmp_path / "out"), Echo()
    score(good, outbox, echo, batch_rows)
    assert len(echo.keys) == batches
    assert len(written(outbox)) == ROWS


def test_the_same_people_under_another_name_are_scored_once(tmp_path: Path, good: Path) -> None:
    outbox, echo = Outbox(tmp_path / "out"), Echo()
    score(good, outbox, echo, 50)
    list(check_files([people(tmp_path / "renamed.csv")], terms_for(TASK), Shelf(good, tmp_path / "bad")))
    score(good, outbox, echo, 50)
    assert len(echo.keys) == 2


def test_a_folder_keeps_the_name_of_its_scorings_and_another_has_another(tmp_path: Path) -> None:
    names = [Outbox(tmp_path / folder).run() for folder in ("one", "one", "another")]
    assert names[0] == names[1] != names[2]
