"""A file of people through the running transformer: exposures of a source of their own."""

from __future__ import annotations

import http.client
import json
import time
from pathlib import Path
from typing import Any

from benchmarks.quality import clean_file
from contender.tasks.job_change.task import JobChange
from monitoring.quality.check import check_files, terms_for
from monitoring.quality.place import Shelf
from pipelines.params import RegistryParams
from pipelines.steps.answerers import Pace, Served
from pipelines.steps.score_batch import ScoringParams, score_pending

ROWS = 120


def exposures(stack: Any) -> list[Any]:
    store = stack.store
    try:
        return [one for one in store.predictions("job-change", limit=100_000) if one.source == "scheduled"]
    finally:
        store.close()


def recorded(stack: Any, units: set[str]) -> list[Any]:
    """The exposures of the source, once there are some of every one of `units`."""
    end = time.monotonic() + 20
    while not units <= {one.unit_id for one in exposures(stack)} and time.monotonic() < end:
        time.sleep(0.05)
    return exposures(stack)


def rows(count: int) -> list[dict[str, object]]:
    task = JobChange()
    return [{name: row[name] for name in task.schema.model_fields} for row in task.generate(count, seed=1)]


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
    found = recorded(stack, {line.split(",")[0] for line in written.read_text().splitlines()[1:]})
    assert {one.prediction_id for one in found} == told
    assert len({one.unit_id for one in found}) == ROWS


def test_a_batch_that_is_sent_again_is_recorded_once(stack: Any) -> None:
    people = rows(3)
    units, url = ["again-1", "again-2", "again-3"], f"http://127.0.0.1:{stack.ports['transformer']}"
    answers = []
    for run in ("first", "first", "another"):
        # Each a process of its own to the transformer: it remembers nothing of the one before.
        with Served("job-change", url, Pace(1e6, time.monotonic, lambda _: None), run) as served:
            answers.append([one.prediction_id for one in served.score("file-50-0", units, people)])
    assert answers[0] == answers[1]
    assert not set(answers[0]) & set(answers[2])
    kept = [one.prediction_id for one in recorded(stack, {*units}) if one.unit_id in units]
    assert sorted(kept) == sorted(answers[0] + answers[2])


def test_the_key_of_a_person_asking_is_not_read(stack: Any) -> None:
    body = json.dumps({"instances": [{**rows(1)[0], "unit_id": "person-1"}]})
    told = set()
    for _ in range(2):
        connection = http.client.HTTPConnection("127.0.0.1", stack.ports["transformer"], timeout=10)
        connection.request("POST", "/v1/models/job-change:predict", body, {"Idempotency-Key": "k"})
        told.add(json.loads(connection.getresponse().read())["predictions"][0]["prediction_id"])
        connection.close()
    assert len(told) == 2
