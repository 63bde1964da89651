from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import BaseModel, create_model

from contender.errors import InvalidInput
from contender.tasks.job_change.task import JobChange
from contender.tasks.lineage import Lineage, next_semver, schema_digest

NOW = Lineage("digest", 1, "full/Forest")


def test_the_first_version_is_1_0_0() -> None:
    assert next_semver(None, None, NOW) == "1.0.0"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "1.4.3"),
        ({"features_version": 2}, "1.5.0"),
        ({"estimator": "full/Boosting"}, "1.5.0"),
        ({"schema_digest": "other"}, "2.0.0"),
        ({"schema_digest": "other", "features_version": 2, "estimator": "full/Boosting"}, "2.0.0"),
    ],
)
def test_what_changed_decides_which_part_grows(change: dict[str, object], expected: str) -> None:
    assert next_semver("1.4.2", replace(NOW, **change), NOW) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("previous", ["1.2", "1.2.3-rc1", "v1.2.3", ""])
def test_what_is_no_version_is_refused(previous: str) -> None:
    with pytest.raises(InvalidInput, match=r"MAJOR\.MINOR\.PATCH"):
        next_semver(previous, NOW, NOW)


class _OtherSchema(JobChange):
    schema: type[BaseModel] = create_model("Row", salary=(int, ...))


def test_the_digest_follows_the_schema() -> None:
    assert schema_digest(JobChange()) == schema_digest(JobChange())
    assert schema_digest(JobChange()) != schema_digest(_OtherSchema())
    assert len(schema_digest(JobChange())) == 64
