"""One candidate as a client of job-role describes them: the one source for training checks, serving and OpenAPI."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from contender.tasks.job_role.phrases import MAX_PHRASES, MAX_TEXT, other_separator, phrases

Qualification = Literal["High School", "Associate", "Bachelor", "Master", "Doctorate"]
ExperienceLevel = Literal["Entry", "Mid", "Senior", "Executive"]


class JobRoleRow(BaseModel):
    """A candidate's skills, qualification and experience; which role fits them?

    A nullable field must be sent, as null when it is unknown. Nothing that the law protects is accepted here, so no
    model can learn from it.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    skills: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_TEXT,
            description=f"Up to {MAX_PHRASES} skills, separated by semicolons. Order, case, repetition and "
            "punctuation carry no meaning; a skill that training never saw is accepted.",
            examples=["Python; Apache Spark; SQL; Critical Thinking"],
        ),
    ]
    qualification: Annotated[
        Qualification | None, Field(description="Highest qualification, if known.", examples=["Bachelor"])
    ]
    experience_level: Annotated[ExperienceLevel, Field(description="Level of experience.", examples=["Mid"])]

    @field_validator("skills")
    @classmethod
    def _has_skills(cls, text: str) -> str:
        found = len(phrases(text))
        if not 1 <= found <= MAX_PHRASES:
            raise ValueError(f"must name 1 to {MAX_PHRASES} different skills, separated by semicolons; found {found}")
        if separator := other_separator(text):
            raise ValueError(f"must be separated by semicolons, not {separator}; one skill so written ends in one")
        return text


COLUMNS: Final = tuple(JobRoleRow.model_fields)

ROLES: Final = (
    "Accountants and Auditors",
    "Actuaries",
    "Architects, Except Landscape and Naval",
    "Biostatisticians",
    "Bookkeeping, Accounting, and Auditing Clerks",
    "Business Intelligence Analysts",
    "Chemical Engineers",
    "Civil Engineers",
    "Clinical Data Managers",
    "Computer Network Architects",
    "Computer Programmers",
    "Computer Systems Analysts",
    "Computer User Support Specialists",
    "Customer Service Representatives",
    "Data Scientists",
    "Data Warehousing Specialists",
    "Database Administrators",
    "Database Architects",
    "Electrical Engineers",
    "Environmental Engineers",
    "Financial and Investment Analysts",
    "General and Operations Managers",
    "Graphic Designers",
    "Human Resources Specialists",
    "Industrial Engineers",
    "Information Security Analysts",
    "Information Technology Project Managers",
    "Logisticians",
    "Management Analysts",
    "Market Research Analysts and Marketing Specialists",
    "Marketing Managers",
    "Mechanical Engineers",
    "Network and Computer Systems Administrators",
    "Paralegals and Legal Assistants",
    "Public Relations Specialists",
    "Purchasing Managers",
    "Registered Nurses",
    "Sales Managers",
    "Software Developers",
    "Software Quality Assurance Analysts and Testers",
    "Statisticians",
    "Technical Writers",
    "Training and Development Specialists",
    "Web Developers",
    "Web and Digital Interface Designers",
)
"""The roles this task knows, by their titles in the Standard Occupational Classification, in alphabetical order."""
