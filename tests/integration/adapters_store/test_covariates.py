"""What the baseline says of a row counts once, whenever it comes; and outcomes may come as they like."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from contender.adapters.store_sql import Store
from contender.experiment.analysis import Experiment
from contender.experiment.data import ArmData, Events, PairedSample, Sample
from contender.experiment.plan import Plan
from contender.values import Covariate, Outcome, Prediction, shadow_of

Make = Callable[..., Any]
TASK = "job-change"
SAID = Covariate("p1", TASK, "looking", 0.25)
PAIR = PairedSample(Sample(1, 0.75, 0.5625), Sample(1, 0.25, 0.0625), 0.1875)


def by_score(prediction: Prediction, _outcome: object) -> float:
    return prediction.score


def by_outcome(_prediction: Prediction, value: object) -> float:
    return float(str(value))


@pytest.mark.parametrize("order", list(itertools.permutations(["exposure", "outcome", "covariate"])))
@pytest.mark.parametrize("judged", [True, False])
def test_a_covariate_counts_once_whenever_it_comes(
    store: Store, expose: Make, outcome: Make, order: tuple[str, ...], judged: bool
) -> None:
    exposures, outcomes = [expose("p1")], [outcome("o1", "p1")]
    for _ in range(2):
        for kind in order:
            store.append(
                exposures if kind == "exposure" else [],
                outcomes if kind == "outcome" else [],
                [SAID] if kind == "covariate" else [],
            )
            if judged:
                store.settle(TASK, by_score)
        store.settle(TASK, by_score)
        arm = store.experiment_data("e1").arms["champion"]
        assert (arm.reward, arm.baseline) == (Sample(1, 0.75, 0.5625), PAIR)
        assert store.counted("e1").data() == store.experiment_data("e1")
    store.recount("e1")
    assert store.experiment_data("e1").arms["champion"] == arm


def test_of_two_covariates_at_once_the_first_counts(store: Store, expose: Make, outcome: Make) -> None:
    store.append([expose("p1")], [outcome("o1", "p1")], [replace(SAID, score=0.5), SAID])
    store.settle(TASK, by_score)
    assert store.experiment_data("e1").arms["champion"].baseline.second == Sample(1, 0.5, 0.25)


def test_a_covariate_that_a_client_sent_with_the_exposure_is_the_same(
    store: Store, expose: Make, outcome: Make
) -> None:
    store.append([expose("p1", baseline_label="looking", baseline_score=0.25)], [outcome("o1", "p1")], [SAID])
    store.settle(TASK, by_score)
    assert store.experiment_data("e1").arms["champion"].baseline == PAIR


def test_an_earlier_outcome_takes_the_covariate_along(store: Store, expose: Make, outcome: Make) -> None:
    store.append([expose("p1")], [outcome("o2", "p1", at=300.0)], [SAID])
    store.settle(TASK, by_score)
    store.append([], [outcome("o1", "p1", at=200.0)])
    store.settle(TASK, by_score)
    assert store.experiment_data("e1").arms["champion"].baseline == PAIR
    assert store.counted("e1").data() == store.experiment_data("e1")


def test_a_late_covariate_of_a_refused_outcome_changes_nothing(store: Store, expose: Make, outcome: Make) -> None:
    store.append([expose("p1")], [outcome("o1", "p1", 7)])
    store.settle(TASK, by_outcome)
    store.append([], [], [SAID])
    assert store.settle(TASK, by_outcome) == 0
    assert store.outcome_counts(TASK) == {"pending": 0, "judged": 0, "refused": 1}


def arms(store: Store) -> dict[str, ArmData]:
    store.settle(TASK, by_outcome)
    return dict(store.experiment_data("e1").arms)


def test_doubled_shuffled_and_replayed_outcomes_change_the_estimate_by_nothing(
    fresh_url: Callable[[], str], expose: Make
) -> None:
    rng = np.random.default_rng(11)
    exposures = [expose(f"p{n}", f"u{n % 40}", "champion" if n % 40 % 2 else "challenger") for n in range(120)]
    outcomes = [Outcome(f"o{n}", f"p{n % 120}", TASK, int(rng.integers(2)), 200.0 + n) for n in range(150)]
    plain, wild = (Store(fresh_url(), clock=lambda: 1.0) for _ in range(2))
    plain.append(exposures, outcomes)
    before = arms(plain)
    plain.append([], outcomes[::-1])
    plain.append(exposures, outcomes[40:80])
    assert arms(plain) == before
    for part in np.array_split(rng.permutation(300), 7):
        wild.append([], [outcomes[place % 150] for place in part])
        arms(wild)
    wild.append(exposures[::-1], [])
    assert arms(wild) == before
    plain.close()
    wild.close()


def test_outcomes_of_unknown_predictions_wait_and_join(store: Store, expose: Make, outcome: Make) -> None:
    store.append([], [outcome("late", "p1", 1, at=1e9), outcome("first", "p1", 0, at=150.0), outcome("no", "gone")])
    assert store.settle(TASK, by_outcome) == 0
    store.append([expose("p1")], [])
    assert store.settle(TASK, by_outcome) == 1
    data = store.experiment_data("e1")
    assert data.arms["champion"].reward == Sample(1, 0.0, 0.0)
    assert data.events == Events(contradictory=1)
    assert store.outcome_counts(TASK) == {"pending": 1, "judged": 2, "refused": 0}


def test_a_late_outcome_is_counted_apart(store: Store, expose: Make, outcome: Make) -> None:
    store.append([expose("p1"), expose("p2", "u2")], [outcome("o1", "p1", at=1e9), outcome("o2", "p2")])
    store.settle(TASK, by_outcome)
    data = store.experiment_data("e1")
    assert (data.events.late, data.arms["champion"].outcome_units) == (1, 2)


def planned(store: Store, plan: Plan) -> None:
    store.save_experiment(Experiment("e1", TASK, "e1", plan, "7", "8", 0.0, ()).to_document())


@pytest.mark.parametrize("order", list(itertools.permutations(["late", "later", "in time"])))
@pytest.mark.parametrize("at_once", [True, False])
def test_a_plan_may_leave_late_outcomes_out(
    store: Store, expose: Make, outcome: Make, order: tuple[str, ...], at_once: bool
) -> None:
    """In whatever order they come: the one in time counts, although another is earlier than its own exposure."""
    planned(store, Plan(outcome_days=1.0, leave_out_late=True))
    moments = {"late": (0.25, 0.0), "later": (0.5, 1e9), "in time": (1, 200.0)}
    store.append([expose("p1", at=100.0 + 60.0), expose("p2", "u2")], [outcome("o2", "p2", 1, at=1e9)])
    for name in order:
        value, at = moments[name]
        store.append([], [outcome(name, "p1", value, at)])
        if not at_once:
            store.settle(TASK, by_outcome)
    store.settle(TASK, by_outcome)
    data = store.experiment_data("e1")
    assert data.arms["champion"].reward == Sample(1, 1.0, 1.0)
    assert data.events.late >= 1
    assert store.counted("e1").data() == data
    store.recount("e1")
    assert store.experiment_data("e1").arms == data.arms


def test_a_late_outcome_left_out_is_still_a_reward_of_the_task(store: Store, expose: Make, outcome: Make) -> None:
    planned(store, Plan(outcome_days=1.0, leave_out_late=True))
    store.append([expose("p1")], [outcome("o1", "p1", 1, at=1e9)])
    assert store.settle(TASK, by_outcome) == 1
    store.append([], [], [SAID])
    store.settle(TASK, by_outcome)
    data = store.experiment_data("e1")
    assert (data.arms["champion"].outcome_units, data.events) == (0, Events(late=1))
    assert [one.reward for one in store.rewards_between(TASK, 0.0, 2e9)] == [1.0]


def test_the_shadow_of_a_late_outcome_is_left_out_too(store: Store, expose: Make, outcome: Make) -> None:
    planned(store, Plan(outcome_days=1.0, leave_out_late=True))
    mirrored = expose(shadow_of("p1"), "u1", "shadow")
    store.append([expose("p1"), mirrored], [outcome("o1", "p1", 1, at=1e9)])
    store.settle(TASK, by_outcome)
    assert store.experiment_data("e1").shadow == {}
