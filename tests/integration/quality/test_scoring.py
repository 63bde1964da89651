"""Good files scored by a real artifact in this process, and through a real transformer."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from contender.errors import InvalidInput, Unavailable
from contender.tasks.catalog import task_named
from contender.values import REVIEW_LABEL
from monitoring.quality.check import check_files, terms_for
from monitoring.quality.place import Shelf
from pipelines.params import RegistryParams
from pipelines.steps.answerers import Pace, Served
from pipelines.steps.ingest import read_csv
from pipelines.steps.outbox import Outbox, Scored
from pipelines.steps.score_batch import ScoringParams, pending_files, score_batch, score_file, score_pending
from pipelines.steps.scoring import load
from pipelines.steps.validate import check_rows
from tests.integration.quality.conftest import write_raw

TASK = task_named("job-change")


@pytest.fixture
def shelf(raw: Path, tmp_path: Path) -> Shelf:
    shelf = Shelf(tmp_path / "good", tmp_path / "bad")
    list(check_files([raw], terms_for(TASK), shelf))
    return shelf


def test_predictions_are_those_of_the_artifact(
    shelf: Shelf, artifact: Path, registered: dict[str, str], tmp_path: Path
) -> None:
    out, registry = tmp_path / "out", RegistryParams(**registered)
    done = score_pending(TASK, shelf.good, ScoringParams(), registry, out)
    assert (done["status"], done["rows"]) == ("scored", 360)
    (written,) = out.glob("*.csv")
    with written.open(newline="") as content:
        rows = list(csv.DictReader(content))
    (good,) = shelf.good.glob("*.csv")
    people = check_rows(TASK, read_csv(good)).good
    scorer = load(TASK, artifact)
    expected = TASK.decide(scorer.probabilities(people), scorer.manifest.classes)
    assert [row["unit_id"] for row in rows] == [str(person["enrollee_id"]) for person in people]
    assert [float(row["score"]) for row in rows] == pytest.approx([one.score for one in expected])
    for row, one in zip(rows, expected, strict=True):
        assert row["label"] == (one.label if one.confidence >= TASK.policy.min_confidence else REVIEW_LABEL)
    assert len({row["prediction_id"] for row in rows}) == 360
    assert score_pending(TASK, shelf.good, ScoringParams(), registry, out)["status"] == "skipped"


def test_parquet_holds_the_same(shelf: Shelf, registered: dict[str, str], tmp_path: Path) -> None:
    registry = RegistryParams(**registered)
    score_pending(TASK, shelf.good, ScoringParams(form="parquet"), registry, tmp_path / "out")
    (written,) = (tmp_path / "out").glob("*.parquet")
    assert parquet.read_table(written).num_rows == 360


def test_a_file_that_was_never_checked_is_refused(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="not a file of good rows"):
        pending_files(raw, Outbox(tmp_path))


def checked_by_an_older_version(shelf: Shelf, tmp_path: Path, spoil: str, column: str) -> None:
    """A second file of good rows, of which a cell is what no door takes any more."""
    second = write_raw(tmp_path / "raw" / "second.csv", rows=40, faults=False)
    text = second.read_text(encoding="utf-8").splitlines()
    names = text[0].split(",")
    lines = [line.split(",") for line in text[1:]]
    for number, cells in enumerate(lines):
        cells[names.index(TASK.id_column)] = f"other-{number}"
    second.write_text("\n".join([text[0], *(",".join(cells) for cells in lines)]) + "\n", encoding="utf-8")
    ((report, _),) = check_files([second], terms_for(TASK), shelf)
    lines[4][names.index(column)] = spoil
    shelf.good_file(second, report.digest).write_text(
        "\n".join([text[0], *(",".join(cells) for cells in lines)]) + "\n", encoding="utf-8"
    )


@pytest.mark.parametrize(
    ("spoil", "column", "problem"),
    [
        ("x" * 300, "enrollee_id", "has more than 256 characters"),
        ("-1", "training_hours", "greater than or equal to 0"),
    ],
)
def test_a_row_that_is_refused_stops_no_other_file(
    shelf: Shelf, registered: dict[str, str], tmp_path: Path, spoil: str, column: str, problem: str
) -> None:
    checked_by_an_older_version(shelf, tmp_path, spoil, column)
    registry = RegistryParams(**registered)
    done = score_pending(TASK, shelf.good, ScoringParams(), registry, tmp_path / "out")
    assert (done["status"], done["rows"], [one["file"][:6] for one in done["files"]]) == ("failed", 360, ["people"])
    (failed,) = done["failed"]
    assert failed["file"].startswith("second-")
    assert failed["problem"].startswith(f"row 5, {column}: ")
    assert problem in failed["problem"]
    assert spoil not in failed["problem"]
    with pytest.raises(InvalidInput, match=f"second-.*row 5, {column}"):
        score_batch(TASK.name, shelf.good, ScoringParams(), registry, tmp_path / "out", tmp_path / "report.json")


def test_what_a_transformer_refuses_is_named_by_its_row_in_the_file(shelf: Shelf, tmp_path: Path) -> None:
    class Refusing:
        name = "served"

        def score(self, key: str, units: Sequence[str], rows: Sequence[Any]) -> list[Scored]:
            if len(rows) < 100:
                raise InvalidInput("", "instances[7].city: String should match a pattern")
            return [Scored(unit, unit, "looking", 0.9, 0.9, "champion", "1", None) for unit in units]

    ((path, report),) = shelf.passed()
    with pytest.raises(InvalidInput, match="row 308, city: String should match"):
        score_file(TASK, (path, report), Refusing(), Outbox(tmp_path / "out"), 300)


def test_a_transformer_that_is_away_is_waited_for_and_then_named() -> None:
    slept: list[float] = []
    served = Served("job-change", "http://127.0.0.1:9", Pace(100.0, lambda: 0.0, slept.append), "run")
    with served, pytest.raises(Unavailable):
        served.score("key", ["a"], [{}])
    assert 20 < sum(slept) < 120
