import pytest

from contender.tasks.job_change.schema import COLUMNS, JobChangeRow
from contender.tasks.job_change.synthetic import generate

ROWS = generate(8000, seed=11)

BLANK_SHARES = {
    "company_type": 0.32,
    "company_size": 0.31,
    "gender": 0.24,
    "major_discipline": 0.147,
    "education_level": 0.024,
    "last_new_job": 0.023,
    "enrolled_university": 0.020,
    "experience": 0.004,
}
"""Shares of blanks in the public data set (15 261 rows of it, counted)."""


def looking_share(rows: list[dict[str, object]]) -> float:
    return sum(row["target"] == 1 for row in rows) / len(rows)


def test_rows_are_those_of_a_training_file() -> None:
    assert list(ROWS[0]) == ["enrollee_id", *COLUMNS, "target"]
    assert sorted(int(str(row["enrollee_id"])) for row in ROWS) == list(range(1, 8001))
    assert {type(row["target"]) for row in ROWS} == {int}
    for row in ROWS[:1000]:
        JobChangeRow.model_validate({column: row[column] for column in COLUMNS})


def test_the_seed_decides_the_rows() -> None:
    assert generate(50, seed=1) == generate(50, seed=1)
    assert generate(50, seed=1) != generate(50, seed=2)


def test_no_rows_can_be_asked_for() -> None:
    assert generate(0, seed=1) == []


@pytest.mark.parametrize("column", COLUMNS)
def test_blanks_are_as_frequent_as_in_the_real_data(column: str) -> None:
    blank = sum(row[column] is None for row in ROWS) / len(ROWS)
    assert blank == pytest.approx(BLANK_SHARES.get(column, 0.0), abs=0.03)


def test_a_quarter_is_looking() -> None:
    assert looking_share(ROWS) == pytest.approx(0.25, abs=0.02)


def test_a_blank_employer_is_a_sign() -> None:
    blank = [row for row in ROWS if row["company_size"] is None]
    known = [row for row in ROWS if row["company_size"] is not None]
    assert looking_share(blank) > 2 * looking_share(known)


def test_the_development_index_is_a_function_of_the_city() -> None:
    assert len({(row["city"], row["city_development_index"]) for row in ROWS}) == len({row["city"] for row in ROWS})
