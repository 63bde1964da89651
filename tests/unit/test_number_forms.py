from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from contender.number_forms import make_whole, number_of, whole, whole_fields


class Row(BaseModel):
    hours: Annotated[int, Field(ge=0)]
    years: int | None
    share: float
    either: int | float | None
    city: str


def test_the_integers_of_a_schema_are_known() -> None:
    assert whole_fields(Row) == {"hours", "years"}


@pytest.mark.parametrize("value", [36.5, float("nan"), float("inf"), "36.0", None, True])
def test_what_is_no_whole_number_stays_as_it_is(value: object) -> None:
    assert whole(value) is value


def test_the_floats_that_are_integers_become_them() -> None:
    row: dict[str, Any] = {"hours": 36.0, "years": None, "share": 1.0, "either": 2.0, "city": "a"}
    make_whole(row, whole_fields(Row))
    assert [(name, type(value)) for name, value in row.items()] == [
        ("hours", int), ("years", type(None)), ("share", float), ("either", float), ("city", str),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "number"),
    [("36", 36.0), (" 36.0 ", 36.0), ("1e2", 100.0), (".5", 0.5), ("-7", -7.0), ("inf", float("inf")),
     ("1_000", None), ("0x10", None), ("", None), (" ", None), ("1,5", None), ("many", None)],
)  # fmt: skip
def test_a_cell_states_a_number_or_none(text: str, number: float | None) -> None:
    assert number_of(text) == number
