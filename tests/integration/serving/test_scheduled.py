"""A file of people through the running transformer: exposures of a source of their own."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from benchmarks.quality import clean_file
from contender.tasks.job_change.task import JobChange
from monitoring.quality.check import check_files, terms_for
from monitoring.quality.place import Shelf
from pipelines.params import RegistryParams
from pipelines.steps.score_batch import ScoringParams, score_pending

ROWS = 120


def exposures(stack: Any) -> list[Any]:
    store = stack.store
    try:
        return [one for one in store.predictions("job-change", limit=100_000) if one.source == "scheduled"]
    finally:
        store.close()


def test_scheduled_answers_are_exposures_of_their_own_source(stack: Any, tmp_path: Path) -> None:
    task = JobChange()
    clean_file(tmp_path / "people.csv", task, ROWS)
    list(check_files([tmp_path / "people.csv"], terms_for(task), Shelf(tmp_path / "good", tmp_path / "bad")))
    url = f"http://127.0.0.1:{stack.ports['transformer']}"
    scoring = ScoringParams(url=url, batch_rows=50, rows_per_second=100_000.0)
    done = score_pending(task, tmp_path / "good", scoring, RegistryParams(), tmp_path / "out")
    assert done["rows"] == ROWS
    (written,) = (tmp_path / "out").glob("*.csv")
    told = {line.split(",")[1] for line in written.read_text().splitlines()[1:]}
    end = time.monotonic() + 20
    while len(found := exposures(stack)) < ROWS and time.monotonic() < end:
        time.sleep(0.05)
    assert {one.prediction_id for one in found} == told
    assert len({one.unit_id for one in found}) == ROWS
