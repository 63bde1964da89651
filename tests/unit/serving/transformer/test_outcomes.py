from __future__ import annotations

from typing import Any

import pytest

from contender.errors import InvalidInput
from contender.tasks.job_change.task import JobChange
from contender.values import Outcome
from serving.transformer.outcomes import MAX_ID, MAX_METRIC, read

TASK = JobChange()
NOW = 1_795_836_424.0
GOOD: dict[str, Any] = {"event_id": "v", "prediction_id": "p", "value": 1}


def test_one_or_many_are_read() -> None:
    assert read(GOOD, TASK, NOW) == [Outcome("v", "p", "job-change", 1, NOW)]
    many = read({"outcomes": [GOOD, {**GOOD, "event_id": "w", "value": "looking", "at": NOW - 2}]}, TASK, NOW)
    assert many == [Outcome("v", "p", "job-change", 1, NOW), Outcome("w", "p", "job-change", "looking", NOW - 2)]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"metric": None}, "metric"),
        ({"metric": ""}, "metric"),
        ({"metric": 7}, "metric"),
        ({"metric": "a secret"}, "metric"),
        ({"metric": "ä"}, "metric"),
        ({"metric": "x" * (MAX_METRIC + 1)}, "metric"),
        ({"metric": "clicks", "value": None}, "value"),
        ({"metric": "clicks", "value": True}, "value"),
        ({"metric": "clicks", "value": -0.5}, "value"),
        ({"metric": "clicks", "value": float("nan")}, "value"),
        ({"metric": "clicks", "value": float("inf")}, "value"),
        ({"metric": "clicks", "value": "a secret"}, "value"),
        ({"event_id": None}, "event_id"),
        ({"event_id": ""}, "event_id"),
        ({"event_id": "x" * (MAX_ID + 1)}, "event_id"),
        ({"event_id": "a\0"}, "event_id"),
        ({"prediction_id": 7}, "prediction_id"),
        ({"value": None}, "value"),
        ({"value": True}, "value"),
        ({"value": "a secret"}, "value"),
        ({"value": 2}, "value"),
        ({"value": [1]}, "value"),
        ({"at": "now"}, "at"),
        ({"at": True}, "at"),
        ({"at": -1}, "at"),
        ({"at": NOW * 1000}, "at"),
        ({"at": NOW + 86_400}, "at"),
        ({"event_id": "a\nb"}, "event_id"),
        ({"prediction_id": " "}, "prediction_id"),
        ({"at": float("inf")}, "at"),
        ({"at": None}, "at"),
    ],
)
def test_the_wrong_field_is_named_and_its_value_is_not(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read({"outcomes": [GOOD, {**GOOD, **changes}]}, TASK, NOW)
    assert caught.value.field == f"outcomes[1].{field}"
    assert "secret" not in str(caught.value)
    with pytest.raises(InvalidInput) as caught:
        read({**GOOD, **changes}, TASK, NOW)
    assert caught.value.field == f"outcome.{field}"


@pytest.mark.parametrize(
    ("body", "field"),
    [(None, ""), ({}, "outcomes"), ({"outcomes": []}, "outcomes"), ({"outcomes": [1]}, "outcomes[0]"),
     ({"outcomes": [{**GOOD, "more": 1}]}, "outcomes[0]")],
)  # fmt: skip
def test_a_wrong_body_is_refused(body: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(body, TASK, NOW)
    assert caught.value.field == field


def test_an_event_of_another_metric_is_a_number_in_nobodys_words() -> None:
    assert read({**GOOD, "metric": "dwell_s-1", "value": 12.5}, TASK, NOW) == [
        Outcome("v", "p", "job-change", 12.5, NOW, "dwell_s-1")
    ]
    assert read({**GOOD, "metric": "x" * MAX_METRIC, "value": 0}, TASK, NOW)[0].value == 0


def test_milliseconds_are_told_apart_from_seconds() -> None:
    with pytest.raises(InvalidInput, match=r"outcome.at: lies in the future, and seems to be in milliseconds: seconds"):
        read({**GOOD, "at": int(NOW * 1000)}, TASK, NOW)


def test_a_prediction_is_named_without_blanks_at_its_ends() -> None:
    assert read({**GOOD, "prediction_id": " p\n"}, TASK, NOW) == read(GOOD, TASK, NOW)


def test_the_reward_may_be_named() -> None:
    assert read({**GOOD, "metric": "reward"}, TASK, NOW) == read(GOOD, TASK, NOW)
