"""What tasks declare that can be measured of people: the two for hiring, and a ranking that is only declared here."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from contender.experiment.plan import Plan, from_json
from contender.experiment.unit_values import UnitAnswer, UnitEvent, UnitValue, value_of, window_of
from contender.metrics import PlannedMetric
from contender.tasks.job_change.task import JobChange
from contender.tasks.job_role.task import JobRole
from contender.tasks.task import Task
from contender.values import Prediction

HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class JobSearch:
    """A ranking of jobs, as far as its metrics go."""

    review_value: float = 0.5
    measures: tuple[PlannedMetric, ...] = (
        PlannedMetric("click-through", type="ratio", event="click", window_s=HOUR),
        PlannedMetric("conversion", event="application", window_s=24 * HOUR, smallest_effect=0.005),
        PlannedMetric("dwell", type="mean", window_s=HOUR, cap=600.0, smallest_effect=0.05),
    )
    outcomes_ignore_answers: bool = False


SEARCH = JobSearch()
ANSWERS = [UnitAnswer(name, at, "job-1", 0.9, 0.9) for name, at in (("p", 0.0), ("q", 60.0), ("late", 2 * HOUR))]


def happened(metric: str, value: float, *, of: str = "p", at: float = 100.0, name: str = "e") -> UnitEvent:
    return UnitEvent(of, metric, name, value, at, at)


def worth(name: str, *events: UnitEvent) -> UnitValue:
    (metric,) = (one for one in SEARCH.measures if one.name == name)
    return value_of(metric, window_of(metric, 0.0, 60.0), ANSWERS, events, unjudged, SEARCH.review_value)


def unjudged(prediction: Prediction, truth: object) -> float:
    raise AssertionError("no metric but the reward is judged by the task")


def test_clicks_are_counted_per_answer_within_the_hour() -> None:
    clicks = [happened("click", 1), happened("click", 1, name="f"), happened("click", 1, of="late", at=2 * HOUR)]
    assert worth("click-through", *clicks) == UnitValue(2.0, divisor=2.0)
    assert worth("click-through") == UnitValue(0.0, divisor=2.0)


def test_a_conversion_is_there_or_not() -> None:
    applications = [happened("application", 1), happened("application", 1, of="q", name="f")]
    assert worth("conversion", *applications) == UnitValue(1.0)
    assert worth("conversion", happened("click", 1)) == UnitValue(0.0)


def test_dwell_adds_up_to_its_cap() -> None:
    assert worth("dwell", happened("dwell", 40), happened("dwell", 2.5, of="q")) == UnitValue(42.5)
    assert worth("dwell", happened("dwell", 40), happened("dwell", 9_000, of="q")) == UnitValue(600.0)


@pytest.mark.parametrize("task", [JobChange(), JobRole(), SEARCH], ids=["job-change", "job-role", "job-search"])
def test_what_a_task_declares_can_be_planned_as_it_is(task: Task | JobSearch) -> None:
    plan = Plan(metrics=task.measures, review_value=task.review_value)
    assert from_json(plan.to_json()).of_role("secondary") == task.measures
    assert all(metric.default == 0.0 for metric in task.measures)


@pytest.mark.parametrize(("task", "price"), [(JobChange(), 0.75), (JobRole(), 0.45)])
def test_tasks_about_hiring_measure_the_same_and_price_a_review(task: Task, price: float) -> None:
    assert [(metric.name, metric.type) for metric in task.measures] == [
        ("acceptance", "proportion"),
        ("hire", "proportion"),
    ]
    assert task.review_value == price
    assert not task.outcomes_ignore_answers
