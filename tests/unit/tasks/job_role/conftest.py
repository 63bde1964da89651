import pytest

Row = dict[str, object]


@pytest.fixture
def row() -> Row:
    """A valid row with a value in every field."""
    return {"skills": "Python; Apache Spark; SQL; C++", "qualification": "Master", "experience_level": "Senior"}
