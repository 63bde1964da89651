"""What the door for files calls good is served and scored, whatever stands in the cells."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contender.tasks.catalog import rules_of, task_named
from contender.tasks.task import Task
from monitoring.quality.columns import columns_of
from pipelines.steps.typed import Reader
from pipelines.steps.validate import check_rows
from serving.rows import check
from serving.transformer.codec import decode_v1

ODD = st.sampled_from([
    "", " ", "36.0", " 36 ", "1e2", "1_0", "inf", "NaN", "-0", "0x10", "\uff13\uff16", "1,5", "city_1\n", "CITY_1",
    "1.0", "Oct-49", "null", "None", "true", "x" * 300, "a;b", ";", "a;" * 80, "\u00a0STEM\u00a0", "1e999", ".5",
    "5.", "+7",
])  # fmt: skip


def cells(task: Task, seed: int) -> dict[str, str]:
    (row,) = task.generate(1, seed)
    return {name: "" if value is None else str(value) for name, value in row.items()}


def is_good(task: Task, row: dict[str, str]) -> bool:
    columns = columns_of(task, rules_of(task))
    return not any(column.fault(row[name]) for name, column in columns.items())


@pytest.mark.parametrize("name", ["job-change", "job-role"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_good_row_is_served_scored_and_learnt_from(name: str, data: Any) -> None:
    task = task_named(name)
    row = cells(task, data.draw(st.integers(0, 50)))
    for column in data.draw(st.lists(st.sampled_from(sorted(row)), max_size=3, unique=True)):
        row[column] = data.draw(ODD | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12))
    if not is_good(task, row):
        return
    reader, line = Reader(task, list(row)), list(row.values())
    (unit,), (typed,) = reader.ids([line], 1), reader.rows([line], 1)
    asked = decode_v1({"instances": [{**typed, "unit_id": unit}]}, None)
    assert check(task.schema, asked.rows) == [typed]
    assert asked.units == [unit]
    learnt = check_rows(task, [{column: text.strip() or None for column, text in row.items()}])
    assert not learnt.bad
    assert learnt.good[0][task.id_column] == unit
    assert {column: learnt.good[0][column] for column in typed} == typed
