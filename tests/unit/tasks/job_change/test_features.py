import json
import math
from typing import Any

import numpy as np
import pytest

from contender.errors import InvalidArtifact
from contender.tasks.job_change import features
from contender.tasks.job_change.features import MIN_CITY_ROWS, ORDERED, TREE_COLUMNS, JobChangeEncoder, fit, load
from contender.tasks.job_change.schema import COLUMNS
from contender.tasks.job_change.synthetic import generate

ORDINALS = dict(zip(ORDERED, TREE_COLUMNS[3:], strict=True))
"""Where each column's ordinal lies in the matrix."""


def encoded(encoder: JobChangeEncoder, row: dict[str, object]) -> list[float]:
    numbers: list[float] = encoder.encode([row])[0].tolist()
    return numbers


def test_the_numbers_come_first(row: dict[str, object]) -> None:
    poor = row | {"city_development_index": 0.5, "training_hours": 35, "gender": None, "experience": None}
    assert encoded(JobChangeEncoder(()), poor)[:5] == pytest.approx([0.5, 0.15, 0.3, math.log(36), 1.0])


@pytest.mark.parametrize("column", ORDERED)
def test_a_level_is_its_rank_and_one_indicator(row: dict[str, object], column: str) -> None:
    levels = (*ORDERED[column], None)
    start = ORDINALS[column]
    for rank, level in enumerate(levels):
        block = encoded(JobChangeEncoder(()), row | {column: level})[start : start + 1 + len(levels)]
        assert block[0] == (-1.0 if level is None else rank)
        assert block[1:] == np.eye(len(levels))[rank].tolist()


def test_trees_read_numbers_and_ordinals_only(row: dict[str, object]) -> None:
    ordinals = [encoded(JobChangeEncoder(("city_103",)), row)[column] for column in TREE_COLUMNS]
    assert ordinals == pytest.approx([0.92, math.log(37), 0, 0, 0, 2, 0, 21, 2, 0, 1])


def test_only_frequent_cities_have_an_indicator(row: dict[str, object]) -> None:
    rows = [row | {"city": city} for city in ["city_1"] * MIN_CITY_ROWS + ["city_2"] * (MIN_CITY_ROWS - 1)]
    encoder = fit(rows)
    assert encoder.cities == ("city_1",)
    assert [encoded(encoder, row | {"city": city})[-1] for city in ("city_1", "city_2", "city_9")] == [1.0, 0.0, 0.0]


def test_gender_changes_nothing(row: dict[str, object]) -> None:
    encoder = JobChangeEncoder(("city_103",))
    genders = ("Male", "Female", "Other", None)
    assert len({tuple(encoded(encoder, row | {"gender": gender})) for gender in genders}) == 1


@pytest.mark.parametrize("column", sorted({*COLUMNS} - {"gender", "city"}))
def test_every_other_column_changes_something(column: str) -> None:
    encoder = JobChangeEncoder(())
    first, *others = generate(100, seed=3)
    other = next(row[column] for row in others if row[column] not in {first[column], None})
    assert encoded(encoder, first) != encoded(encoder, first | {column: other})


def test_a_batch_is_its_rows_one_by_one() -> None:
    rows = generate(200, seed=4)
    encoder = fit(rows)
    batch = encoder.encode(rows)
    assert batch.dtype == np.float32
    assert batch.shape == (200, encoder.width)
    assert batch.tolist() == [encoded(encoder, row) for row in rows]


def test_no_rows_are_an_empty_matrix() -> None:
    encoder = JobChangeEncoder(("city_1",))
    assert encoder.encode([]).shape == (0, encoder.width)


def test_an_absent_field_counts_as_blank(row: dict[str, object]) -> None:
    blank = encoded(JobChangeEncoder(()), row | {"company_size": None})
    del row["company_size"]
    assert encoded(JobChangeEncoder(()), row) == blank


def test_the_document_brings_the_same_encoder_back() -> None:
    encoder = fit(generate(500, seed=5))
    assert encoder.cities
    assert load(json.loads(json.dumps(encoder.to_document()))) == encoder


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"format": features.FORMAT},
        {"format": "job-change/0", "cities": []},
        {"format": features.FORMAT, "cities": [], "more": 1},
        {"format": features.FORMAT, "cities": "city_1"},
        {"format": features.FORMAT, "cities": [1]},
        {"format": features.FORMAT, "cities": ["city_1", "city_1"]},
    ],
)
def test_a_foreign_document_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidArtifact, match=r"features\.json"):
        load(document)
