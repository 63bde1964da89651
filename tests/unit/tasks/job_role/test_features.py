import json
from typing import Any

import numpy as np
import pytest

from contender.errors import InvalidArtifact
from contender.tasks.job_role.features import (
    EXPERIENCES,
    FIRST_SKILL,
    FORMAT,
    MAX_VOCABULARY,
    MIN_COUNT,
    PAD,
    QUALIFICATIONS,
    STATED,
    WIDTH,
    JobRoleEncoder,
    fit,
    load,
)
from contender.tasks.job_role.phrases import MAX_PHRASES, MAX_WORDS, phrase_hash, word_numbers
from contender.tasks.job_role.synthetic import generate

ENCODER = JobRoleEncoder([phrase_hash(name) for name in ("python", "sql", "apache spark")])


def stated(row: dict[str, object], encoder: JobRoleEncoder = ENCODER) -> list[int]:
    numbers: list[int] = encoder.encode([row])[0, :STATED].tolist()
    return [number for number in numbers if number != PAD]


def test_a_row_is_its_levels_and_its_known_skills(row: dict[str, object]) -> None:
    python, sql, spark = range(FIRST_SKILL, FIRST_SKILL + 3)
    assert stated(row) == [QUALIFICATIONS["Master"], EXPERIENCES["Senior"], spark, python, sql]


def test_levels_and_skills_have_table_rows_of_their_own() -> None:
    rows = [PAD, *QUALIFICATIONS.values(), *EXPERIENCES.values(), FIRST_SKILL]
    assert rows == list(range(len(rows)))


def test_a_blank_qualification_is_a_level(row: dict[str, object]) -> None:
    assert stated(row | {"qualification": None})[0] == QUALIFICATIONS[None] != PAD


@pytest.mark.parametrize(
    "skills", ["SQL; Python; Apache Spark", "apache  spark;SQL; sql; python;;", "PYTHON; SQL; apache-spark"]
)
def test_order_case_and_repetition_carry_no_meaning(row: dict[str, object], skills: str) -> None:
    assert ENCODER.encode([row | {"skills": skills}]).tolist() == ENCODER.encode([row]).tolist()


def test_an_unknown_skill_is_no_evidence(row: dict[str, object]) -> None:
    assert len(stated(row | {"skills": "Basket weaving"})) == 2


def test_the_words_of_each_known_skill_lie_behind(row: dict[str, object]) -> None:
    words = ENCODER.encode([row])[0, STATED:].reshape(MAX_PHRASES, MAX_WORDS)
    expected = [word_numbers(name) for name in ("apache spark", "python", "sql")]
    assert [[number for number in place if number] for place in words.tolist() if any(place)] == expected


def test_only_shared_skills_are_learnt_the_commonest_first(row: dict[str, object]) -> None:
    lists = ["SQL; Python; rare"] * (MIN_COUNT - 1) + ["SQL; Python"] * MIN_COUNT + ["sql"]
    document = fit([row | {"skills": skills} for skills in lists]).to_document()
    assert document == {"format": FORMAT, "skills": [phrase_hash("sql"), phrase_hash("python")]}


def test_a_skill_said_twice_by_one_person_is_said_once(row: dict[str, object]) -> None:
    assert fit([row | {"skills": "solo; Solo; SOLO"}]).to_document()["skills"] == []


def test_the_most_phrases_fit(row: dict[str, object]) -> None:
    names = [f"skill {number}" for number in range(MAX_PHRASES)]
    encoder = JobRoleEncoder([phrase_hash(name) for name in names])
    assert (encoder.encode([row | {"skills": ";".join(names)}])[0, :STATED] != PAD).all()


def test_a_batch_is_its_rows_one_by_one() -> None:
    rows = generate(100, seed=4)
    encoder = fit(rows)
    batch = encoder.encode(rows)
    assert batch.dtype == np.int64
    assert batch.shape == (100, encoder.width) == (100, WIDTH)
    assert batch.tolist() == [encoder.encode([row])[0].tolist() for row in rows]


def test_no_rows_are_an_empty_matrix() -> None:
    assert ENCODER.encode([]).shape == (0, WIDTH)


def test_the_document_brings_the_same_encoder_back_and_holds_no_text() -> None:
    rows = generate(200, seed=5)
    encoder = fit(rows)
    document = json.loads(json.dumps(encoder.to_document()))
    assert (load(document).encode(rows) == encoder.encode(rows)).all()
    assert all(isinstance(value, int) for value in document["skills"])


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        {"format": FORMAT},
        {"format": "job-role/0", "skills": []},
        {"format": FORMAT, "skills": [], "more": 1},
        {"format": FORMAT, "skills": "sql"},
        {"format": FORMAT, "skills": ["sql"]},
        {"format": FORMAT, "skills": [True]},
        {"format": FORMAT, "skills": [1.0]},
        {"format": FORMAT, "skills": [-1]},
        {"format": FORMAT, "skills": [2**32]},
        {"format": FORMAT, "skills": [5, 5]},
        {"format": FORMAT, "skills": list(range(MAX_VOCABULARY + 1))},
    ],
)
def test_a_foreign_document_is_refused(document: Any) -> None:
    with pytest.raises(InvalidArtifact, match=r"features\.json"):
        load(document)
