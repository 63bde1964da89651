"""An experiment's aggregates, made by a real database, against a plain count in Python."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

from contender.adapters.store_sql import Store
from contender.errors import InvalidInput, NotFound
from contender.experiment.data import ArmData, ExperimentData, Sample
from contender.values import Exposure, Outcome, Prediction

Make = Callable[..., Any]
TASK = "job-change"


def by_outcome(_prediction: Prediction, value: object) -> float:
    return float(str(value))


def test_an_experiment_nobody_saw_is_empty(store: Store) -> None:
    assert store.experiment_data("e1") == ExperimentData({}, 0)
    assert store.phase_counts("e1") == []


def test_units_are_counted_once_and_requests_each(store: Store, expose: Make, outcome: Make) -> None:
    store.append(
        [
            expose("p1", "u1"),
            expose("p2", "u1", served_by="baseline"),
            expose("p3", "u2", label="Review_Required"),
            expose("p4", "u3", "challenger"),
            expose("p5", None, "unassigned"),
            expose("p6", None, "champion"),
            expose("p7", "u9", experiment_id="e2"),
            expose("p8", "u9", experiment_id=None),
        ],
        [outcome("o1", "p1", 1), outcome("o2", "p2", 0), outcome("o3", "p3", 1), outcome("o4", "p5", 1)],
    )
    store.settle(TASK, by_outcome)
    assert store.experiment_data("e1") == ExperimentData(
        {
            "champion": ArmData(2, 3, 1, 1, Sample(2, 1.5, 1.25), 1, 1, outcome_units=2),
            "challenger": ArmData(1, 1, 0, 0, Sample(0, 0.0, 0.0), 0, 0, outcome_units=0),
        },
        crossed_units=0,
    )


def test_a_unit_in_two_arms_is_crossed(store: Store, expose: Make) -> None:
    store.append([expose("p1", "u1"), expose("p2", "u1", "challenger", generation=3), expose("p3", "u2")], [])
    assert store.experiment_data("e1").crossed_units == 1
    assert store.experiment_data("e1", since_generation=3).crossed_units == 0


def test_only_exposures_of_the_generation_on_count(store: Store, expose: Make, outcome: Make) -> None:
    store.append(
        [expose("p1", "u1", generation=2), expose("p2", "u1", generation=3), expose("p3", "u2", generation=4)],
        [outcome("o1", "p1", 0), outcome("o2", "p2", 1), outcome("o3", "p3", 1)],
    )
    store.settle(TASK, by_outcome)
    arm = store.experiment_data("e1", since_generation=3).arms["champion"]
    assert (arm.assigned, arm.exposures, arm.reward) == (2, 2, Sample(2, 2.0, 2.0))


def test_a_unit_belongs_to_the_phase_that_saw_it_first(store: Store, expose: Make) -> None:
    store.append(
        [
            expose("p1", "u1", generation=4, served_by="baseline"),
            expose("p2", "u1", generation=2),
            expose("p3", "u2", "challenger", generation=2),
            expose("p4", "u3", generation=4),
            expose("p5", "u2", "champion", generation=4),
        ],
        [],
    )
    assert [count[:3] for count in store.phase_counts("e1")] == [
        (2, {"champion": 1, "challenger": 1}, {"champion": 1, "challenger": 0}),
        (4, {"champion": 1}, {"champion": 0}),
    ]
    assert store.phase_counts("e1") == store.counted("e1").phases()


def drawn(expose: Make, seed: int) -> tuple[list[Exposure], list[Outcome]]:
    rng = np.random.default_rng(seed)
    exposures, outcomes = [], []
    for number in range(3_000):
        unit = f"u{rng.integers(900)}"
        arm = "champion" if hash_of(unit) % 3 else "challenger"
        served = arm if rng.random() < 0.9 else "baseline"
        label = "1" if rng.random() < 0.8 else "Review_Required"
        generation = 2 + number // 1_500
        exposures.append(
            expose(f"p{number}", unit, arm, served_by=served, label=label, generation=generation, at=float(number))
        )
        if rng.random() < 0.5:
            outcomes.append(Outcome(f"o{number}", f"p{number}", TASK, float(rng.random()), float(number)))
    return exposures, outcomes


def hash_of(unit: str) -> int:
    return sum(unit.encode())


def counted(exposures: Iterable[Exposure], outcomes: Iterable[Outcome], since: int) -> dict[str, ArmData]:
    known = {found.prediction_id: found for found in exposures if found.generation >= since}
    by_unit: dict[str, dict[str, list[Exposure]]] = defaultdict(lambda: defaultdict(list))
    rewards: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for found in known.values():
        by_unit[found.assigned_to][str(found.unit_id)].append(found)
    for event in outcomes:
        if event.prediction_id in known:
            exposure = known[event.prediction_id]
            rewards[exposure.assigned_to][str(exposure.unit_id)].append(float(event.value))
    return {arm: plain_arm(units, [float(np.mean(r)) for r in rewards[arm].values()]) for arm, units in by_unit.items()}


def plain_arm(units: dict[str, list[Exposure]], means: list[float]) -> ArmData:
    fallen = [[e for e in found if e.served_by != e.assigned_to] for found in units.values()]
    reviewed = [[e for e in found if e.label == "Review_Required"] for found in units.values()]
    return ArmData(
        len(units),
        sum(map(len, units.values())),
        sum(map(len, fallen)),
        sum(map(len, reviewed)),
        Sample(len(means), sum(means), sum(mean**2 for mean in means)),
        sum(map(bool, fallen)),
        sum(map(bool, reviewed)),
    )


@pytest.mark.parametrize("since", [None, 3])
def test_the_database_counts_as_python_does(store: Store, expose: Make, since: int | None) -> None:
    exposures, outcomes = drawn(expose, seed=7)
    store.append(exposures, outcomes)
    store.settle(TASK, by_outcome)
    data, plain = store.experiment_data("e1", since), counted(exposures, outcomes, since or 0)
    assert set(data.arms) == set(plain) == {"champion", "challenger"}
    for arm, found in data.arms.items():
        assert found.reward == pytest.approx(plain[arm].reward)
        assert (found.assigned, found.exposures, found.fallbacks, found.reviews) == (
            plain[arm].assigned,
            plain[arm].exposures,
            plain[arm].fallbacks,
            plain[arm].reviews,
        )
        assert (found.fallback_units, found.review_units) == (plain[arm].fallback_units, plain[arm].review_units)


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
