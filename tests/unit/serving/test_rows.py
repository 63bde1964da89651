from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from contender.errors import InvalidInput
from serving.rows import MAX_ROWS, check, listed


class Person(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    city: str
    hours: int = Field(ge=0)
    index: float | None = None


def test_a_row_comes_back_with_every_field() -> None:
    assert check(Person, [{"city": "a", "hours": 1}]) == [{"city": "a", "hours": 1, "index": None}]


@pytest.mark.parametrize("hours", [36, 36.0])
def test_a_whole_number_may_be_written_with_a_fraction_of_nothing(hours: object) -> None:
    (row,) = check(Person, [{"city": "a", "hours": hours}])
    assert row["hours"] == 36
    assert isinstance(row["hours"], int)


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"hours": 1}, "rows[1].city"),
        ({"city": "a", "hours": "1"}, "rows[1].hours"),
        ({"city": "a", "hours": True}, "rows[1].hours"),
        ({"city": "a", "hours": 36.5}, "rows[1].hours"),
        ({"city": "a", "hours": float("inf")}, "rows[1].hours"),
        ({"city": 36.0, "hours": 36}, "rows[1].city"),
        ({"city": "a", "hours": -1}, "rows[1].hours"),
        ({"city": "a", "hours": 1, "index": float("nan")}, "rows[1].index"),
        ({"city": "a", "hours": 1, "salary": 9}, "rows[1].salary"),
        ({"city": "a", "hours": 1, "x\n" * 99: 9}, f"rows[1].{'x' * 32}"),
        ("text", "rows[1]"),
        (None, "rows[1]"),
    ],
)
def test_the_first_wrong_field_is_named(row: object, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check(Person, [{"city": "a", "hours": 1}, row], "rows")
    assert caught.value.field == field


def test_the_value_is_not_repeated() -> None:
    with pytest.raises(InvalidInput) as caught:
        check(Person, [{"city": "a", "hours": "a secret"}])
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (None, ""),
        ([], ""),
        ({}, "instances"),
        ({"instances": {}}, "instances"),
        ({"instances": []}, "instances"),
        ({"instances": [0] * (MAX_ROWS + 1)}, "instances"),
    ],
)
def test_a_body_without_a_good_list_is_refused(body: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        listed(body, "instances")
    assert caught.value.field == field


def test_a_full_batch_is_taken() -> None:
    assert len(listed({"instances": [0] * MAX_ROWS}, "instances")) == MAX_ROWS
