"""The reference: what is kept of the judged rows, and that one that cannot be trusted is not used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contender.errors import NotFound
from contender.tasks.job_change.task import JobChange
from contender.tasks.job_role.task import JobRole
from contender.values import Prediction
from monitoring.drift import reference as references
from monitoring.drift.reference import MOST_ROWS, Reference, columns, load, remember, save

TASK = JobChange()


def test_it_comes_back_as_it_was_kept(reference: Reference, tmp_path: Path) -> None:
    save(reference, tmp_path / "reference")
    assert load(TASK, tmp_path / "reference", reference.version) == reference


def test_nothing_but_watched_columns_is_kept(reference: Reference, tmp_path: Path) -> None:
    save(reference, tmp_path)
    assert "gender" not in columns(TASK)
    kept = json.loads((tmp_path / "rows.jsonl").read_text().splitlines()[0])
    assert set(kept) == {"features", "label", "score", "confidence", "outcome"}
    assert set(kept["features"]) == set(columns(TASK))
    assert TASK.id_column not in kept["features"]


def test_it_is_small(people: list[dict[str, object]]) -> None:
    rows = people * 2
    kept = remember(TASK, rows, [Prediction("looking", 0.9, 0.9)] * len(rows))
    assert len(kept.rows) == MOST_ROWS
    assert kept == remember(TASK, rows, [Prediction("looking", 0.9, 0.9)] * len(rows))


@pytest.mark.parametrize("content", [None, "{", '{"features": {}}', ""])
def test_one_that_is_not_whole_is_not_used(content: str | None, reference: Reference, tmp_path: Path) -> None:
    save(reference, tmp_path)
    path = tmp_path / "rows.jsonl"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(NotFound) as caught:
        load(TASK, tmp_path, "7")
    assert caught.value.remedy == "contender train --task job-change"


def test_one_that_lost_rows_is_not_used(reference: Reference, tmp_path: Path) -> None:
    save(reference, tmp_path)
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:10]))
    with pytest.raises(NotFound, match="not whole"):
        load(TASK, tmp_path, "7")


def test_one_of_another_task_or_schema_is_not_used(reference: Reference, tmp_path: Path) -> None:
    save(reference, tmp_path)
    with pytest.raises(NotFound, match="another schema"):
        load(JobRole(), tmp_path, "7")


def test_a_version_without_one_says_what_to_do() -> None:
    error = references.missing("job-change", "3")
    assert "drift cannot be measured" in str(error)
    assert "contender train" in str(error)
