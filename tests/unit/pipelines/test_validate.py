from typing import Any

import pytest

from contender.errors import InvalidInput
from contender.tasks.task import Task
from pipelines.steps.ingest import MALFORMED
from pipelines.steps.validate import check_rows, require_mostly_good

GOOD: dict[str, Any] = {
    "parcel_id": "7", "length": "2.5", "stamps": "3", "colour": "red", "grade": "1", "heavy": "0",
}  # fmt: skip


def test_text_becomes_what_the_schema_wants_and_levels_stay_text(parcel: Task) -> None:
    (row,) = check_rows(parcel, [GOOD]).good
    assert row == {"parcel_id": "7", "heavy": "0", "length": 2.5, "stamps": 3, "colour": "red", "grade": "1"}


def test_a_blank_in_a_nullable_column_is_a_good_row(parcel: Task) -> None:
    checked = check_rows(parcel, [{**GOOD, "colour": None, "grade": None}])
    assert checked.bad == []
    assert checked.good[0]["colour"] is None


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("length", None),
        ("length", "long"),
        ("length", "nan"),
        ("length", "inf"),
        ("length", "11"),
        ("stamps", "2.5"),
        ("stamps", "-1"),
        ("stamps", "1e999"),
        ("colour", "green"),
        ("heavy", "2"),
        ("heavy", None),
        ("parcel_id", None),
    ],
)
def test_a_bad_value_sets_the_row_aside_under_its_column(parcel: Task, column: str, value: str | None) -> None:
    checked = check_rows(parcel, [GOOD, {**GOOD, column: value}])
    assert len(checked.good) == 1
    ((row, faults),) = checked.bad
    assert row[column] == value
    assert [fault.column for fault in faults] == [column]


def test_no_row_is_lost(parcel: Task) -> None:
    rows = [GOOD, {**GOOD, "colour": "green"}, {MALFORMED: "2 fields where the header has 6"}, {**GOOD, "length": "x"}]
    checked = check_rows(parcel, rows)
    report = checked.report()
    assert (report["rows"], report["good"], report["bad"]) == (4, 1, 3)
    assert set(report["reasons"]) == {"colour", MALFORMED, "length"}


def test_columns_nobody_asked_for_are_named_and_protected_ones_kept(parcel: Task) -> None:
    checked = check_rows(parcel, [{**GOOD, "Unnamed: 0": "1", "sender_sex": "f"}])
    assert checked.ignored_columns == ("Unnamed: 0",)
    assert checked.good[0]["sender_sex"] == "f"


@pytest.mark.parametrize("column", ["parcel_id", "length", "grade", "heavy"])
def test_a_missing_column_is_named(parcel: Task, column: str) -> None:
    without = {name: value for name, value in GOOD.items() if name != column}
    with pytest.raises(InvalidInput, match="column is missing") as caught:
        check_rows(parcel, [without])
    assert caught.value.field == column


def test_no_rows_at_all_are_refused(parcel: Task) -> None:
    with pytest.raises(InvalidInput, match="no rows"):
        check_rows(parcel, [])


def test_too_many_bad_rows_are_refused_with_the_commonest_fault(parcel: Task) -> None:
    bad = {**GOOD, "colour": "green"}
    checked = check_rows(parcel, [GOOD] * 8 + [bad] * 2)
    require_mostly_good(checked, 0.2)
    with pytest.raises(InvalidInput, match="2 of 10 rows") as caught:
        require_mostly_good(checked, 0.19)
    assert caught.value.field == "colour"


def test_a_file_without_a_good_row_is_refused_whatever_is_allowed(parcel: Task) -> None:
    with pytest.raises(InvalidInput, match="1 of 1 rows"):
        require_mostly_good(check_rows(parcel, [{**GOOD, "colour": "green"}]), 0.99)
