from __future__ import annotations

import pytest

from contender.tasks.job_change.task import JobChange
from contender.tasks.job_role.task import JobRole
from contender.tasks.task import Task
from serving.transformer.inputs import Inputs


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def row_of(task: Task) -> dict[str, object]:
    row = task.generate(1, 0)[0]
    return {name: row[name] for name in task.schema.model_fields}


def test_groups_are_what_is_known_of_protected_attributes() -> None:
    inputs, row = Inputs(JobChange(), 10.0, Clock()), row_of(JobChange())
    assert inputs.groups(row | {"gender": "Other"}) == {"gender": "Other"}
    assert inputs.groups(row | {"gender": None}) == {}


def test_what_a_schema_does_not_take_is_no_group() -> None:
    assert Inputs(JobRole(), 10.0, Clock()).groups(row_of(JobRole())) == {}


@pytest.mark.parametrize("task", [JobChange(), JobRole()])
def test_features_are_the_schema_s_without_what_is_protected(task: Task) -> None:
    row = row_of(task)
    features = Inputs(task, 10.0, Clock()).features(row | {"unit_id": "u", task.id_column: 5})
    assert features == {name: value for name, value in row.items() if name not in task.protected}


@pytest.mark.parametrize(("per_second", "kept"), [(10.0, 610), (0.5, 31), (0.0, 0)])
def test_at_most_so_many_a_second_are_kept(per_second: float, kept: int) -> None:
    clock, row = Clock(), row_of(JobChange())
    inputs, found = Inputs(JobChange(), per_second, clock), 0
    for _ in range(60 * 64):
        found += inputs.features(row) is not None
        clock.now += 1 / 64
    assert kept - 1 <= found <= kept


def test_a_pause_saves_nothing_up_beyond_a_second() -> None:
    clock, row = Clock(), row_of(JobChange())
    inputs = Inputs(JobChange(), 5.0, clock)
    clock.now += 3_600
    assert sum(inputs.features(row) is not None for _ in range(100)) == 5
