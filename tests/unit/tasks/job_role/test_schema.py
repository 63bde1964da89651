import json
from typing import Any

import pytest
from pydantic import ValidationError

from contender.tasks.job_role.phrases import MAX_PHRASES, MAX_TEXT
from contender.tasks.job_role.schema import COLUMNS, ROLES, JobRoleRow


def refused_field(row: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        JobRoleRow.model_validate(row)
    (error,) = caught.value.errors()
    return str(error["loc"][0])


def test_a_whole_row_is_accepted_as_it_is(row: dict[str, object]) -> None:
    assert JobRoleRow.model_validate(row).model_dump() == row


def test_only_the_qualification_may_be_blank(row: dict[str, object]) -> None:
    assert JobRoleRow.model_validate(row | {"qualification": None}).qualification is None
    for field in ("skills", "experience_level"):
        assert refused_field(row | {field: None}) == field


@pytest.mark.parametrize("field", COLUMNS)
def test_every_field_must_be_sent(row: dict[str, object], field: str) -> None:
    del row[field]
    assert refused_field(row) == field


@pytest.mark.parametrize(
    "skills", ["", ";;", " - ", 7, ["SQL"], True, float("nan"), "; ".join(map(str, range(MAX_PHRASES + 1)))]
)
def test_other_skills_are_refused(row: dict[str, object], skills: object) -> None:
    assert refused_field(row | {"skills": skills}) == "skills"


@pytest.mark.parametrize(
    ("skills", "words"),
    [
        ("Python, SQL, Machine learning", "not commas"),
        ("Python\uff0c SQL\uff0c Excel", "not commas"),
        ("Python\uff1b SQL", "not other semicolons"),
        ("\u2022 Python \u2022 SQL", "not bullets"),
        ("Python\tSQL", "not tabs"),
        ("Java / Spring / Docker", "not slashes"),
        ("HTML/CSS/Java/SQL", "not slashes"),
    ],
)
def test_a_list_with_another_separator_is_refused(row: dict[str, object], skills: str, words: str) -> None:
    with pytest.raises(ValidationError, match=f"must be separated by semicolons, {words}"):
        JobRoleRow.model_validate(row | {"skills": skills})
    ended = JobRoleRow.model_validate(row | {"skills": skills + ";"})
    assert ended.skills == skills + ";"


@pytest.mark.parametrize("skills", ["C, C++", "PL/SQL", "SAP FI/CO/MM", "Sales, sales, marketing", "a, b; c, d, e"])
def test_a_skill_may_hold_commas_and_slashes(row: dict[str, object], skills: str) -> None:
    assert JobRoleRow.model_validate(row | {"skills": skills}).skills == skills


def test_skills_are_bounded_after_repetition_is_removed(row: dict[str, object]) -> None:
    most = "; ".join(map(str, range(MAX_PHRASES)))
    for skills in (f"{most}; {most}", "x" * MAX_TEXT):
        assert JobRoleRow.model_validate(row | {"skills": skills}).skills == skills
    assert refused_field(row | {"skills": "x" * (MAX_TEXT + 1)}) == "skills"


@pytest.mark.parametrize("field", ["qualification", "experience_level"])
@pytest.mark.parametrize("value", ["", "master", 3, True])
def test_other_levels_are_refused(row: dict[str, object], field: str, value: object) -> None:
    assert refused_field(row | {field: value}) == field


@pytest.mark.parametrize("field", ["gender", "candidate_id", "job_role"])
def test_nothing_else_is_accepted(row: dict[str, object], field: str) -> None:
    assert refused_field(row | {field: "x"}) == field


def test_the_interface_description_explains_every_field() -> None:
    document = JobRoleRow.model_json_schema()
    assert document["additionalProperties"] is False
    assert sorted(document["required"]) == sorted(COLUMNS)
    for field in document["properties"].values():
        assert field["description"]
        assert field["examples"]
    assert json.dumps(document)


def test_the_roles_are_45_titles_in_order() -> None:
    assert len(ROLES) == 45
    assert sorted(set(ROLES)) == list(ROLES)
