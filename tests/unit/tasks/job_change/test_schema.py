import math
from typing import Any

import pytest
from pydantic import ValidationError

from contender.tasks.job_change.schema import COLUMNS, JobChangeRow

NULLABLE = {
    "gender",
    "enrolled_university",
    "education_level",
    "major_discipline",
    "experience",
    "company_size",
    "company_type",
    "last_new_job",
}


def test_a_full_row_is_returned_as_it_came(row: dict[str, object]) -> None:
    assert JobChangeRow.model_validate(row).model_dump() == row


@pytest.mark.parametrize("column", COLUMNS)
def test_a_blank_is_welcome_exactly_where_the_data_has_blanks(row: dict[str, object], column: str) -> None:
    blank = row | {column: None}
    if column in NULLABLE:
        assert JobChangeRow.model_validate(blank).model_dump() == blank
    else:
        with pytest.raises(ValidationError, match=column):
            JobChangeRow.model_validate(blank)


@pytest.mark.parametrize("column", COLUMNS)
def test_a_missing_field_is_refused_by_name(row: dict[str, object], column: str) -> None:
    del row[column]
    with pytest.raises(ValidationError, match=column):
        JobChangeRow.model_validate(row)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("city", "Berlin"),
        ("city", "city_1234"),
        ("city", "city_"),
        ("city", "city_٣"),
        ("city", "city_1\n"),
        ("city", 103),
        ("city_development_index", -0.01),
        ("city_development_index", 1.01),
        ("city_development_index", math.nan),
        ("city_development_index", math.inf),
        ("city_development_index", "0.9"),
        ("company_size", "Oct-49"),
        ("company_size", ""),
        ("experience", 5),
        ("experience", "21"),
        ("gender", "male"),
        ("training_hours", -1),
        ("training_hours", 1001),
        ("training_hours", 36.0),
        ("training_hours", "36"),
        ("training_hours", True),
    ],
)
def test_a_wrong_value_is_refused_by_name(row: dict[str, object], column: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=column):
        JobChangeRow.model_validate(row | {column: value})


def test_an_unknown_field_is_refused(row: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="salary"):
        JobChangeRow.model_validate(row | {"salary": 1})


def test_a_city_that_training_never_saw_is_accepted(row: dict[str, object]) -> None:
    assert JobChangeRow.model_validate(row | {"city": "city_999"}).city == "city_999"


def test_the_text_of_a_file_is_read_when_asked_for(row: dict[str, object]) -> None:
    text = row | {"city_development_index": "0.92", "training_hours": "36", "gender": None}
    assert JobChangeRow.model_validate(text, strict=False).model_dump() == row | {"gender": None}


def test_every_field_is_described_with_an_example_for_openapi() -> None:
    fields = JobChangeRow.model_json_schema()["properties"].values()
    assert all(field["description"] and field["examples"] for field in fields)
