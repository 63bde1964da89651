"""One person as a client of job-change describes them: the one source for training checks, serving and OpenAPI."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

NOT_LOOKING: Final = "not_looking"
LOOKING: Final = "looking"

Gender = Literal["Male", "Female", "Other"]
RelevantExperience = Literal["Has relevent experience", "No relevent experience"]
Enrolment = Literal["no_enrollment", "Full time course", "Part time course"]
Education = Literal["Primary School", "High School", "Graduate", "Masters", "Phd"]
Major = Literal["STEM", "Humanities", "Business Degree", "Arts", "No Major", "Other"]
# fmt: off
Experience = Literal[
    "<1", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10",
    "11", "12", "13", "14", "15", "16", "17", "18", "19", "20", ">20",
]
CompanySize = Literal["<10", "10/49", "50-99", "100-500", "500-999", "1000-4999", "5000-9999", "10000+"]
# fmt: on
CompanyType = Literal["Pvt Ltd", "Funded Startup", "Early Stage Startup", "Public Sector", "NGO", "Other"]
LastNewJob = Literal["never", "1", "2", "3", "4", ">4"]


class JobChangeRow(BaseModel):
    """A person who takes part in training courses; will they look for another job?

    Spelling and levels are those of the public data set *HR Analytics: Job Change of Data Scientists*. A nullable
    field must be sent, as null when it is unknown: that somebody left it blank is itself a sign.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    city: Annotated[
        str,
        Field(
            pattern="^city_[0-9]{1,3}$",
            description="Code of the city; one that training never saw is accepted.",
            examples=["city_103"],
        ),
    ]
    city_development_index: Annotated[
        float, Field(ge=0.0, le=1.0, description="Development index of the city, scaled to [0, 1].", examples=[0.92])
    ]
    gender: Annotated[Gender | None, Field(description="Audited for fairness; no model sees it.", examples=["Female"])]
    relevent_experience: Annotated[
        RelevantExperience,
        Field(description="Whether the person has worked in the field.", examples=["Has relevent experience"]),
    ]
    enrolled_university: Annotated[
        Enrolment | None, Field(description="University course attended now.", examples=["no_enrollment"])
    ]
    education_level: Annotated[Education | None, Field(description="Highest education.", examples=["Graduate"])]
    major_discipline: Annotated[Major | None, Field(description="Major of that education.", examples=["STEM"])]
    experience: Annotated[Experience | None, Field(description="Years of work, as text.", examples=[">20"])]
    company_size: Annotated[
        CompanySize | None,
        Field(
            description="Employees of the current employer; 10/49 is meant (a spreadsheet turns it into Oct-49).",
            examples=["50-99"],
        ),
    ]
    company_type: Annotated[CompanyType | None, Field(description="Kind of employer.", examples=["Pvt Ltd"])]
    last_new_job: Annotated[
        LastNewJob | None, Field(description="Years between the last two jobs, as text.", examples=["1"])
    ]
    training_hours: Annotated[int, Field(ge=0, le=1000, description="Hours of training completed.", examples=[36])]


COLUMNS: Final = tuple(JobChangeRow.model_fields)
