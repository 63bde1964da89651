"""Experiments, their looks, and how units and requests are counted."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from contender.adapters.store_sql import Store
from contender.errors import InvalidInput, NotFound
from contender.experiment.analysis import Experiment
from contender.experiment.data import ArmData, Events, ExperimentData, GroupData, MetricData, Sample
from contender.experiment.plan import Plan, digest_of
from contender.values import Outcome, Prediction

Make = Callable[..., Any]
TASK = "job-change"


def by_outcome(_prediction: Prediction, value: object) -> float:
    return float(str(value))


def test_an_experiment_nobody_saw_is_empty(store: Store) -> None:
    assert store.experiment_data("e1") == ExperimentData({}, 0)
    assert store.phase_counts("e1") == []


def test_units_are_counted_once_and_requests_each(store: Store, expose: Make) -> None:
    store.append(
        [
            expose("p1", "u1"),
            expose("p2", "u1", served_by="baseline", at=101.0),
            expose("p3", "u2", label="Review_Required"),
            expose("p4", "u3", "challenger", served_by="review", latency_ms=900.0),
            expose("p5", None, "unassigned"),
            expose("p6", None, "champion"),
            expose("p7", "u9", experiment_id="e2"),
            expose("p8", "u9", experiment_id=None),
            expose("p9", "u8", counted=False),
            expose("p10", "u1", counted=False, at=1.0),
        ],
        [],
    )
    assert store.experiment_data("e1") == ExperimentData(
        {
            "champion": ArmData(2, 3, fallbacks=1, reviews=1, fallback_units=1, review_units=1),
            "challenger": ArmData(1, 1, fallbacks=1, fallback_units=1, error_units=1, slow_units=1),
        },
        seconds=1.0,
    )


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_unit_belongs_to_its_first_exposure_in_whatever_order_they_come(
    store: Store, expose: Make, order: tuple[int, ...]
) -> None:
    exposures = [
        expose("p1", "u1", "challenger", at=90.0, generation=2, label="Review_Required"),
        expose("p2", "u1", at=90.0, generation=3),
        expose("p3", "u1", at=95.0, generation=4, served_by="baseline"),
    ]
    for place in order:
        store.append([exposures[place]], [])
        store.count_pending()
    data = store.experiment_data("e1")
    assert data.arms == {
        "challenger": ArmData(1, 3, fallbacks=1, reviews=1, fallback_units=1, review_units=1, error_units=0)
    }
    assert data.crossed_units == 1
    assert store.faulty_units("e1") == {"contradictory": [], "crossed": ["u1"]}
    phases = store.phase_counts("e1")
    assert [count[:3] for count in phases] == [(2, {"challenger": 1}, {"challenger": 1})]
    assert store.counted("e1").phases() == phases


def test_a_unit_belongs_to_the_phase_that_saw_it_first(store: Store, expose: Make) -> None:
    store.append(
        [
            expose("p1", "u1", generation=4, served_by="baseline", at=102.0),
            expose("p2", "u1", generation=2),
            expose("p3", "u2", "challenger", generation=2),
            expose("p4", "u3", generation=4, at=103.0),
            expose("p5", "u2", "champion", generation=4, at=104.0),
        ],
        [],
    )
    assert [count[:3] for count in store.phase_counts("e1")] == [
        (2, {"champion": 1, "challenger": 1}, {"champion": 1, "challenger": 0}),
        (4, {"champion": 1}, {"champion": 0}),
    ]
    assert store.phase_counts("e1") == store.counted("e1").phases()


def test_groups_are_those_that_an_exposure_told_first(timed: Store, begin: Make, expose: Make) -> None:
    begin(timed, Plan(favourable_label="1"))
    told: list[dict[str, str]] = [{}, {"gender": "F"}, {"gender": "M", "age": "old"}]
    for number, groups in enumerate(told):
        timed.append([expose(f"p{number}", "u1", groups=groups, at=100.0 - number)], [])
        timed.count_pending()
    timed.append([expose("p9", "u2", groups={"gender": "F"}, label="0")], [])
    arm = timed.experiment_data("e1").arms["champion"]
    assert arm.groups == {"age=old": GroupData(1, 1), "gender=F": GroupData(2, 1)}


def test_units_that_were_cleared_are_in_neither_arm(timed: Store, clock: Any, begin: Make, expose: Make) -> None:
    begin(timed, Plan(window_s=100.0, grace_s=0.0))
    timed.append(
        [expose("p1", "u1", groups={"gender": "F"}), expose("p2", "u2"), expose("p3", "u3", "challenger")],
        [Outcome("o1", "p1", TASK, 1, 110.0), Outcome("o2", "p1", TASK, 0, 120.0), Outcome("o3", "p2", TASK, 1, 120.0)],
    )
    clock.now = 500.0
    timed.settle(TASK, by_outcome)
    assert timed.faulty_units("e1") == {"contradictory": ["u1"], "crossed": []}
    whole, part = timed.experiment_data("e1"), timed.experiment_data("e1", ["u1", "u3", "nobody"])
    assert whole.arms["champion"].metric("reward") == MetricData(2, value=Sample(2, 2.0, 2.0))
    assert whole.events == Events(contradictory=1)
    assert set(part.arms) == {"champion"}
    arm = part.arms["champion"]
    assert (arm.assigned, arm.groups, arm.metric("reward")) == (1, {}, MetricData(1, value=Sample(1, 1.0, 1.0)))
    assert sum(arm.latency) == 1
    assert part.events.contradictory == 0


def old_rule(shares: list[tuple[int, float]]) -> dict[str, Any]:
    """A running experiment as it was kept before values had windows."""
    document = Experiment("e1", TASK, "e1", Plan(), "7", "8", 0.0, ()).to_document()
    later = {"window_s", "grace_s", "metrics", "review_value", "min_confidence", "restarts", "divide_alpha"}
    terms = {name: value for name, value in document["plan"].items() if name not in later}
    return document | {"plan": terms, "plan_digest": digest_of(terms), "shares": shares}


@pytest.mark.parametrize(("shares", "units"), [([(2, 0.5)], 2), ([(2, 0.1), (3, 0.5)], 1), ([(2, 0.1)], 0)])
def test_rewards_of_the_old_rule_count_as_they_come_from_the_planned_share_on(
    timed: Store, clock: Any, expose: Make, shares: list[tuple[int, float]], units: int
) -> None:
    timed.save_experiment(old_rule(shares))
    timed.append(
        [expose("p1", "u1"), expose("p2", "u1", at=101.0), expose("p3", "u2", generation=3), expose("p4", "u3")],
        [Outcome("o1", "p1", TASK, 1, 110.0), Outcome("o2", "p2", TASK, 0, 300.0), Outcome("o3", "p3", TASK, 1, 110.0)],
    )
    timed.settle(TASK, by_outcome)
    arm = timed.experiment_data("e1").arms["champion"]
    expected = {2: Sample(2, 1.5, 1.25), 1: Sample(1, 1.0, 1.0), 0: Sample(0, 0.0, 0.0)}[units]
    assert arm.metric("reward") == MetricData(units, value=expected)
    assert arm.assigned == 3
    clock.now = 1e10
    timed.settle(TASK, by_outcome)
    assert timed.experiment_data("e1").arms["champion"] == arm


def test_units_that_were_cleared_take_their_rewards_of_the_old_rule_along(timed: Store, expose: Make) -> None:
    timed.save_experiment(old_rule([(2, 0.5)]))
    truths = [Outcome(f"o{number}", f"p{number}", TASK, number % 2, 110.0) for number in range(3)]
    timed.append([expose(f"p{number}", f"u{number}") for number in range(3)], truths)
    timed.append([], [Outcome("again", "p0", TASK, 1, 120.0)])
    timed.settle(TASK, by_outcome)
    whole, part = timed.experiment_data("e1"), timed.experiment_data("e1", {"u0"})
    assert timed.counted("e1").data() == whole
    assert (whole.arms["champion"].assigned, whole.events.contradictory) == (3, 1)
    assert (part.arms["champion"].assigned, part.events.contradictory) == (2, 0)
    assert part.arms["champion"].metric("reward") == MetricData(2, value=Sample(2, 1.0, 1.0))


def test_experiments_are_kept_under_their_id(store: Store) -> None:
    first = {"id": "e1", "task": TASK, "status": "running", "plan": {"alpha": 0.05}}
    store.save_experiment(first)
    store.save_experiment({"id": "e2", "task": TASK, "status": "running"})
    store.save_experiment({"id": "r1", "task": "job-role", "status": "running"})
    assert store.experiment("e1") == first
    assert [found["id"] for found in store.experiments(TASK)] == ["e1", "e2"]
    assert (store.current_experiment(TASK) or {})["id"] == "e2"
    store.save_experiment({"id": "e2", "task": TASK, "status": "stopped"})
    assert store.current_experiment(TASK) == first
    store.save_experiment(first | {"status": "stopped"})
    assert store.current_experiment(TASK) is None
    with pytest.raises(NotFound, match="no experiment named 'e9'"):
        store.experiment("e9")


@pytest.mark.parametrize("name", ["id", "task", "status"])
@pytest.mark.parametrize("value", [None, "", 3])
def test_an_experiment_without_its_name_is_refused(store: Store, name: str, value: object) -> None:
    with pytest.raises(InvalidInput, match=f"experiment.{name}"):
        store.save_experiment({"id": "e1", "task": TASK, "status": "running"} | {name: value})


def test_looks_are_kept_for_good(store: Store) -> None:
    store.save_look("e1", 2, {"decision": "promote"})
    store.save_look("e1", 1, {"decision": "hold"})
    store.save_look("e1", 1, {"decision": "roll back"})
    assert [(look["look"], look["verdict"]["decision"]) for look in store.looks("e1")] == [(1, "hold"), (2, "promote")]
    assert store.looks("e2") == []
