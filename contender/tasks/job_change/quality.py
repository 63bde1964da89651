"""What a file of job-change must keep to beyond its schema.

The reference shares are rounded from the public data set *HR Analytics: Job Change of Data Scientists* (15 261 rows).
A blank in a nullable column is no fault: of the people without a company size 41 % look for another job, of the others
18 %, so leaving blanks out would leave those people out.
"""

from __future__ import annotations

from typing import Final

from contender.tasks.job_change.schema import LOOKING, NOT_LOOKING
from contender.tasks.rules import Conflict, Dependency, QualityRules, Reference

SCHOOL: Final = frozenset({"High School", "Primary School"})


def _school_with_major(texts: tuple[str, ...]) -> bool:
    education, major = texts
    return education in SCHOOL and bool(major)


RULES: Final = QualityRules(
    reference=Reference(
        missing={
            "gender": 0.237,
            "enrolled_university": 0.020,
            "education_level": 0.024,
            "major_discipline": 0.147,
            "experience": 0.004,
            "company_size": 0.311,
            "company_type": 0.321,
            "last_new_job": 0.023,
        },
        labels={LOOKING: 0.25, NOT_LOOKING: 0.75},
    ),
    # What spreadsheets make of these levels when they take them for a date and for a number.
    repairs={"company_size": {"Oct-49": "10/49", "49-Oct": "10/49", "10000": "10000+"}},
    open_categories=("city",),
    dependencies=(Dependency("city", "city_development_index", "city_with_another_index"),),
    conflicts=(
        Conflict(("education_level", "major_discipline"), _school_with_major, "school_with_major", "High School"),
    ),
)
