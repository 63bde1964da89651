"""What is wrong with a row's skills, where the schema's types are kept."""

from __future__ import annotations

import pytest

from contender.tasks.job_role.phrases import MAX_PHRASES, MAX_TEXT
from contender.tasks.job_role.quality import RULES
from contender.tasks.rules import Issue, RowFault

MANY = "; ".join(f"skill {number}" for number in range(MAX_PHRASES + 1))


@pytest.mark.parametrize(
    "text",
    [
        "Python; SQL",
        "C",
        "C, C++",
        "TCP/IP",
        "Sales, marketing, and support;",
        "; ".join(["Python"] * (MAX_PHRASES + 1)),
    ],
)
def test_skills_that_can_be_used(text: str) -> None:
    assert RULES.judges["skills"](text) is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a" * (MAX_TEXT + 1), RowFault(Issue.OUT_OF_RANGE, "text_too_long", "skills")),
        ("; ; |", RowFault(Issue.TYPE_ERROR, "no_skill_named", "skills")),
        (MANY, RowFault(Issue.OUT_OF_RANGE, "too_many_skills", "skills")),
        ("Python, SQL, Excel", RowFault(Issue.TYPE_ERROR, "not_separated_by_semicolons", "skills")),
    ],
    ids=["too long", "none", "too many", "commas"],
)
def test_skills_that_cannot(text: str, fault: RowFault) -> None:
    assert RULES.judges["skills"](text) == fault
