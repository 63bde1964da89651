from __future__ import annotations

from pathlib import Path

import pytest

from contender.errors import InvalidInput
from contender.tasks.groups import leaked
from contender.tasks.job_change.task import JobChange
from contender.tasks.task import Task
from pipelines.params import DataParams
from pipelines.steps.files import REPORT, ROWS, read_document, write_document, write_rows
from pipelines.steps.split import LIVE, TEST, TRAIN, divide, split

SHARES = {TRAIN: 0.5, TEST: 0.2, LIVE: 0.3}


def test_every_row_is_in_one_part_and_no_key_in_two(parcel: Task) -> None:
    rows = parcel.generate(200, 1) * 2
    parts = divide(parcel, rows, SHARES)
    assert sum(map(len, parts.values())) == 400
    keys = {name: [parcel.group_keys(row) for row in part] for name, part in parts.items()}
    assert not leaked(keys[TRAIN], keys[TEST])
    assert not leaked(keys[TRAIN], keys[LIVE])
    assert len(parts[TRAIN]) == pytest.approx(200, abs=50)


def test_the_person_decides_whoever_else_is_in_the_file(parcel: Task) -> None:
    rows = parcel.generate(400, 1)
    whole, half = divide(parcel, rows, SHARES), divide(parcel, rows[::-1][:200], SHARES)
    for name in SHARES:
        assert {str(row) for row in half[name]} <= {str(row) for row in whole[name]}


def test_a_larger_share_holds_more_people_out_and_lets_none_back(parcel: Task) -> None:
    rows = parcel.generate(400, 1)
    small, large = (divide(parcel, rows, {TRAIN: 0.9 - test, TEST: test, LIVE: 0.1}) for test in (0.1, 0.3))
    assert {str(row) for row in small[TEST]} < {str(row) for row in large[TEST]}
    assert small[LIVE] == large[LIVE]


def test_a_copy_under_another_id_follows_its_original_or_takes_it_along(parcel: Task) -> None:
    rows = parcel.generate(200, 1)
    copies = [{**row, parcel.id_column: f"copy-{number}"} for number, row in enumerate(rows)]
    parts = divide(parcel, rows + copies, SHARES)
    keys = {name: [parcel.group_keys(row) for row in part] for name, part in parts.items()}
    assert not leaked(keys[TRAIN], keys[TEST])
    assert len(parts[TEST]) == pytest.approx(80, abs=30)


def test_a_part_without_a_share_is_empty(parcel: Task) -> None:
    assert divide(parcel, parcel.generate(50, 1), {TRAIN: 0.8, TEST: 0.2, LIVE: 0.0})[LIVE] == []


def test_shares_that_leave_nothing_to_train_on_are_refused(parcel: Task) -> None:
    with pytest.raises(InvalidInput, match="test_share"):
        divide(parcel, parcel.generate(50, 1), {TRAIN: -0.1, TEST: 0.6, LIVE: 0.5})


def test_too_few_rows_to_fill_a_part_are_refused(parcel: Task) -> None:
    with pytest.raises(InvalidInput, match="too few"):
        divide(parcel, parcel.generate(1, 1), SHARES)


def test_the_digest_tells_whether_two_runs_judge_by_the_same_rows(tmp_path: Path) -> None:
    write_rows(tmp_path / ROWS, JobChange().generate(100, 0))
    write_document(tmp_path / REPORT, {"rows": 100})

    def digest(**changes: float) -> str:
        split("job-change", tmp_path, DataParams.model_validate(changes), tmp_path / "parts")
        report = read_document(tmp_path / "parts" / REPORT)
        assert report["rows"] == sum(report["parts"].values()) == 100
        return str(report["test_digest"])

    assert digest() == digest(seed=1)
    assert digest() != digest(test_share=0.3)
