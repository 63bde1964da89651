"""Good files scored by a real artifact in this process, and through a real transformer."""

from __future__ import annotations

import csv
from pathlib import Path

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
from pipelines.steps.outbox import Outbox
from pipelines.steps.score_batch import ScoringParams, pending_files, score_pending
from pipelines.steps.scoring import load
from pipelines.steps.validate import check_rows

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


def test_a_transformer_that_is_away_is_waited_for_and_then_named() -> None:
    slept: list[float] = []
    served = Served("job-change", "http://127.0.0.1:9", Pace(100.0, lambda: 0.0, slept.append), "run")
    with served, pytest.raises(Unavailable):
        served.score("key", ["a"], [{}])
    assert 20 < sum(slept) < 120
