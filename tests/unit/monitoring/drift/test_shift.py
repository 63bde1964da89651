"""Shifts for rehearsals: what moves, by how much, and that the schema holds."""

from __future__ import annotations

import numpy as np
import pytest

from contender.errors import InvalidInput
from contender.tasks.catalog import TASKS, task_named
from monitoring.drift.reference import columns
from monitoring.drift.shift import Shift, shifted


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("amount", [1.0, -0.5, 1e6])
def test_every_shifted_row_obeys_the_schema(name: str, amount: float, rng: np.random.Generator) -> None:
    task = task_named(name)
    rows = [{field: row[field] for field in task.schema.model_fields} for row in task.generate(40, 3)]
    for column in columns(task):
        for row in shifted(task, rows, Shift(column, 1.0, amount), rng):
            task.schema.model_validate(row)


def test_one_column_of_a_share_of_the_rows_moves(rng: np.random.Generator) -> None:
    task = task_named("job-change")
    rows = task.generate(2_000, 3)
    after = shifted(task, rows, Shift("city_development_index", 0.25, -0.5), rng)
    moved = [index for index, row in enumerate(after) if row != rows[index]]
    assert len(moved) == pytest.approx(500, abs=60)
    first = moved[0]
    assert after[first]["city_development_index"] == pytest.approx(
        float(str(rows[first]["city_development_index"])) / 2
    )
    assert {k: v for k, v in after[first].items() if k != "city_development_index"} == {
        k: v for k, v in rows[first].items() if k != "city_development_index"
    }


@pytest.mark.parametrize("column", ["gender", "enrollee_id", "nonsense"])
def test_only_watched_columns_are_moved(column: str, rng: np.random.Generator) -> None:
    with pytest.raises(InvalidInput, match="none of"):
        shifted(task_named("job-change"), [], Shift(column), rng)


@pytest.mark.parametrize("share", [0.0, -1.0, 1.1])
def test_a_share_outside_its_range_is_refused(share: float) -> None:
    with pytest.raises(InvalidInput, match="share"):
        Shift("city", share)
