import pytest

Row = dict[str, object]


@pytest.fixture
def row() -> Row:
    """A valid row with a value in every field."""
    return {
        "city": "city_103",
        "city_development_index": 0.92,
        "gender": "Female",
        "relevent_experience": "Has relevent experience",
        "enrolled_university": "no_enrollment",
        "education_level": "Graduate",
        "major_discipline": "STEM",
        "experience": ">20",
        "company_size": "50-99",
        "company_type": "Pvt Ltd",
        "last_new_job": "1",
        "training_hours": 36,
    }
