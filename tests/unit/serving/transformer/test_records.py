from __future__ import annotations

from dataclasses import asdict, replace

import orjson

from contender.values import Covariate, Exposure, Outcome
from serving.transformer.fallback import Reason
from serving.transformer.records import parse, to_bytes

EXPOSURE = Exposure(
    "p1", "t", "e", 3, "ü\n\"", "challenger", "champion", "7", "looking", 0.25, 0.75, Reason.TIMEOUT, 12.5, 1.7e9,
    groups={"gender": "Female"}, features={"city": "city_1", "hours": 3, "experience": None},
)  # fmt: skip
OUTCOME = Outcome("v1", "p1", "t", 1, 1_700_000_001.0)
COVARIATE = Covariate("p1", "t", "looking", 0.5)


def test_records_come_back_as_they_were() -> None:
    review = replace(EXPOSURE, prediction_id="p2", unit_id=None, score=None, confidence=None, model_version=None)
    lines = [to_bytes(EXPOSURE), to_bytes(COVARIATE), to_bytes(OUTCOME), to_bytes(review)]
    assert not any(b"\n" in line for line in lines)
    records = parse(lines)
    assert records == ([EXPOSURE, review], [OUTCOME], [COVARIATE], 0)
    assert type(records.exposures[0].fallback_reason) is str


def test_what_this_program_does_not_know_is_counted() -> None:
    good = to_bytes(OUTCOME)
    broken = [b"{", b"[1]", b'["exposure", {"a": 1}]', b'["outcome", 5]', b'["rumour", {}]', b"[[], {}]"]
    assert parse([*broken, good]) == ([], [OUTCOME], [], len(broken))


def test_records_of_an_older_program_are_read() -> None:
    """A field that there was then is passed over, and one that there was not has its usual value."""
    values = asdict(replace(EXPOSURE, fallback_reason=None)) | {"shoe_size": 43}
    del values["features"]
    (read,) = parse([orjson.dumps(["exposure", values])]).exposures
    assert read == replace(EXPOSURE, fallback_reason=None, features=None)
