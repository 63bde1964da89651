from collections import Counter

import pytest

from contender.tasks.job_role.phrases import phrases
from contender.tasks.job_role.schema import ROLES, JobRoleRow
from contender.tasks.job_role.synthetic import generate
from contender.tasks.job_role.vocabulary import FAMILIES, SOFT
from contender.tasks.job_role.vocabulary import ROLES as PROFILES

Rows = list[dict[str, object]]


@pytest.fixture(scope="module")
def rows() -> Rows:
    return generate(1500, seed=11)


def test_rows_have_the_real_columns_and_pass_the_schema(rows: Rows) -> None:
    for row in rows:
        assert list(row) == ["candidate_id", "skills", "qualification", "experience_level", "job_role"]
        JobRoleRow.model_validate({name: row[name] for name in JobRoleRow.model_fields})
    assert len({row["candidate_id"] for row in rows}) == len(rows)


def test_the_same_seed_gives_the_same_rows(rows: Rows) -> None:
    assert generate(20, seed=3) == generate(20, seed=3)
    assert generate(20, seed=3) != generate(20, seed=4)
    assert generate(0, seed=3) == []


def test_roles_are_unbalanced_as_in_the_real_profiles(rows: Rows) -> None:
    assert tuple(PROFILES) == ROLES
    counts = Counter(row["job_role"] for row in rows)
    assert counts["Biostatisticians"] > 0.15 * len(rows)
    assert counts["Actuaries"] < 0.02 * len(rows)


def test_some_qualifications_are_blank_and_some_candidates_write_in_lower_case(rows: Rows) -> None:
    assert 0.015 < sum(row["qualification"] is None for row in rows) / len(rows) < 0.05
    assert 0.10 < sum(str(row["skills"]).islower() for row in rows) / len(rows) < 0.20


def test_candidates_list_three_to_eleven_skills(rows: Rows) -> None:
    assert {len(phrases(str(row["skills"]))) for row in rows} == set(range(3, 12))


def test_every_skill_of_the_vocabulary_is_written_once() -> None:
    skills = "; ".join([*FAMILIES.values(), SOFT]).split("; ")
    assert len(phrases("; ".join(skills))) == len(skills)
    assert all(set(role.families.split()) <= set(FAMILIES) for role in PROFILES.values())
