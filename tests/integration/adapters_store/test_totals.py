"""Running totals, totals counted from units, units rebuilt from records, and a plain count in Python: all the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contender.adapters.store_sql import Store
from contender.errors import Refused
from contender.experiment.analysis import Experiment, look, observe
from contender.experiment.data import Events, ExperimentData, GroupData, PairedSample, Sample
from contender.experiment.plan import Plan
from contender.values import Covariate, Exposure, Outcome, Prediction, shadow_of

TASK = "job-change"
PLAN = Plan(slow_ms=100.0, favourable_label="looking", outcome_days=1.0)
EXPERIMENT = Experiment("e1", TASK, "e1", PLAN, "7", "8", 0.0, ((2, 0.1), (4, 0.5)))
Make = Callable[..., Any]


def reward(prediction: Prediction, value: object) -> float:
    return (prediction.score + float(str(value))) / 2


ARMS = st.sampled_from(["champion", "challenger", "shadow", "unassigned"])
EXPOSURES = st.lists(
    st.builds(
        Exposure,
        prediction_id=st.integers(0, 12).map(lambda number: f"p{number}"),
        task=st.just(TASK),
        experiment_id=st.sampled_from(["e1", "e1", "e1", "e2", None]),
        generation=st.integers(2, 5),
        unit_id=st.sampled_from(["u1", "u2", "u3", "u4", "ü", None]),
        assigned_to=ARMS,
        served_by=st.sampled_from(["champion", "challenger", "shadow", "baseline", "review"]),
        model_version=st.just("7"),
        label=st.sampled_from(["looking", "not_looking", "Review_Required"]),
        score=st.sampled_from([0.0, 0.25, 1.0, None]),
        confidence=st.just(0.9),
        fallback_reason=st.none(),
        latency_ms=st.sampled_from([5.0, 500.0]),
        at=st.sampled_from([100.0, 5_000.0]),
        groups=st.sampled_from([{}, {"gender": "Female"}, {"gender": "Male", "age": "old"}]),
        baseline_label=st.sampled_from([None, "looking"]),
        baseline_score=st.sampled_from([None, 0.5]),
    ),
    max_size=25,
)
OUTCOMES = st.lists(
    st.builds(
        Outcome,
        event_id=st.integers(0, 20).map(lambda number: f"o{number}"),
        prediction_id=st.integers(0, 12).map(lambda number: f"p{number}"),
        task=st.just(TASK),
        value=st.sampled_from([0, 1, 0.5]),
        at=st.sampled_from([200.0, 300.0, 1e9]),
    ),
    max_size=25,
)
COVARIATES = st.lists(
    st.builds(
        Covariate,
        prediction_id=st.integers(0, 12).map(lambda number: f"p{number}"),
        task=st.just(TASK),
        label=st.just("looking"),
        score=st.sampled_from([0.25, 0.5]),
    ),
    max_size=8,
)
BATCHES = st.lists(st.tuples(EXPOSURES, OUTCOMES, COVARIATES, st.booleans()), min_size=1, max_size=4)
Batch = tuple[list[Exposure], list[Outcome], list[Covariate], bool]


@contextmanager
def opened(url: str) -> Iterator[Store]:
    store = Store(url, clock=lambda: 6_000.0)
    store.save_experiment(EXPERIMENT.to_document())
    yield store
    store.close()


def approximately(data: ExperimentData) -> Any:
    """Sums differ by rounding, which depends on the order of adding."""
    return _rounded(data.arms), data.crossed_units, _rounded(data.shadow), data.events, data.seconds


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 9) + 0.0
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_rounded(item) for item in value)
    if hasattr(value, "__slots__"):
        return {name: _rounded(getattr(value, name)) for name in value.__slots__}
    return value


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(BATCHES)
def test_running_totals_are_what_a_recount_finds(fresh_url: Callable[[], str], batches: list[Batch]) -> None:
    with opened(fresh_url()) as store:
        for exposures, outcomes, covariates, settled in batches:
            store.append(exposures, outcomes, covariates)
            if settled:
                store.settle(TASK, reward)
            store.count_pending(5)
        running = [store.experiment_data("e1", since) for since in (None, 2, 3, 4, 5, 6)]
        counts = store.counted("e1")
        assert [approximately(counts.data(since)) for since in (None, 2, 3, 4, 5, 6)] == [*map(approximately, running)]
        assert counts.phases() == store.phase_counts("e1")
        store.recount("e1")
        again = [store.experiment_data("e1", since) for since in (None, 2, 3, 4, 5, 6)]
        assert [*map(approximately, again)] == [*map(approximately, running)]
        assert store.phase_counts("e1") == counts.phases()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(BATCHES, st.sampled_from([None, 3, 4]))
def test_running_totals_are_what_python_counts(
    fresh_url: Callable[[], str], batches: list[Batch], since: int | None
) -> None:
    with opened(fresh_url()) as store:
        for exposures, outcomes, covariates, settled in batches:
            store.append(exposures, outcomes, covariates)
            if settled:
                store.settle(TASK, reward)
        store.settle(TASK, reward)
        found = store.experiment_data("e1", since).arms
    kept, events, said = told_first(batches)
    assert {name: (arm.assigned, arm.exposures, arm.error_units, arm.slow_units) for name, arm in found.items()} == {
        name: plain_counts(mine) for name, mine in by_arm(kept, since).items()
    }
    for name, mine in by_arm(kept, since).items():
        assert found[name].reward == pytest.approx(plain_reward(mine, events))
        paired = [exposure for exposure in mine if exposure.prediction_id in said]
        assert found[name].baseline.first == pytest.approx(plain_reward(paired, events))
        swapped = [replace(exposure, score=said[exposure.prediction_id].score) for exposure in paired]
        assert found[name].baseline.second == pytest.approx(plain_reward(swapped, events))


def told_first(batches: list[Batch]) -> tuple[dict[str, Exposure], dict[str, Outcome], dict[str, Covariate]]:
    """What came first: exposures by prediction, outcomes by event, what the baseline said by prediction."""
    exposures = [exposure for batch in batches for exposure in batch[0]]
    kept = {exposure.prediction_id: exposure for exposure in reversed(exposures)}
    events = {event.event_id: event for event in reversed([event for batch in batches for event in batch[1]])}
    said: dict[str, Covariate] = {}
    for batch in batches:
        first = [
            one
            for one in batch[0]
            if one is kept[one.prediction_id] and None not in (one.baseline_label, one.baseline_score)
        ]
        for covariate in (*map(asked, first), *batch[2]):
            said.setdefault(covariate.prediction_id, covariate)
    return kept, events, said


def was_asked(exposure: Exposure) -> bool:
    return None not in (exposure.baseline_label, exposure.baseline_score)


def asked(exposure: Exposure) -> Covariate:
    return Covariate(exposure.prediction_id, TASK, str(exposure.baseline_label), float(exposure.baseline_score or 0.0))


def by_arm(kept: dict[str, Exposure], since: int | None) -> dict[str, list[Exposure]]:
    arms = defaultdict(list)
    for exposure in kept.values():
        mine = exposure.experiment_id == "e1" and exposure.unit_id is not None and exposure.generation >= (since or 0)
        if mine and exposure.assigned_to in ("champion", "challenger"):
            arms[exposure.assigned_to].append(exposure)
    return arms


def plain_counts(mine: list[Exposure]) -> tuple[int, int, int, int]:
    return (
        len({e.unit_id for e in mine}),
        len(mine),
        len({e.unit_id for e in mine if e.served_by == "review"}),
        len({e.unit_id for e in mine if e.latency_ms > PLAN.slow_ms}),
    )


def plain_reward(mine: list[Exposure], events: dict[str, Outcome]) -> Sample:
    rewards = defaultdict(list)
    for exposure in mine:
        told = sorted(
            (e for e in events.values() if e.prediction_id == exposure.prediction_id), key=lambda e: (e.at, e.event_id)
        )
        if told:
            score = 0.5 if exposure.score is None else exposure.score
            rewards[exposure.unit_id].append((score + float(told[0].value)) / 2)
    means = [sum(values) / len(values) for values in rewards.values()]
    return Sample(len(means), sum(means), sum(mean * mean for mean in means))


@pytest.fixture
def known(store: Store) -> Store:
    store.save_experiment(EXPERIMENT.to_document())
    return store


def test_groups_are_kept_apart_and_told_by_unit(known: Store, expose: Make, outcome: Make) -> None:
    female, male = {"groups": {"gender": "Female"}}, {"groups": {"gender": "Male"}}
    known.append(
        [
            expose("p1", "u1", label="looking", **female),
            expose("p2", "u1", **male),
            expose("p3", "u2", label="not_looking", **male),
            expose("p4", "u3"),
        ],
        [outcome("o1", "p1", 1), outcome("o2", "p3", 0)],
    )
    known.settle(TASK, reward)
    assert known.experiment_data("e1").arms["champion"].groups == {
        "gender=Female": GroupData(1, 1, Sample(1, 0.875, 0.765625)),
        "gender=Male": GroupData(1, 0, Sample(1, 0.375, 0.140625)),
    }
    assert known.predictions(TASK, unit_id="u2")[0].groups == {}


def test_the_baselines_reward_is_paired_with_the_arms(known: Store, expose: Make, outcome: Make) -> None:
    asked = {"baseline_label": "looking", "baseline_score": 0.25}
    known.append([expose("p1", "u1", **asked), expose("p2", "u2")], [outcome("o1", "p1", 1), outcome("o2", "p2", 1)])
    known.settle(TASK, reward)
    pairs = known.experiment_data("e1").arms["champion"].baseline
    assert pairs == PairedSample(Sample(1, 0.875, 0.765625), Sample(1, 0.625, 0.390625), 0.546875)


@pytest.mark.parametrize("late", [False, True])
def test_the_shadow_is_rewarded_by_the_same_outcome(known: Store, expose: Make, outcome: Make, late: bool) -> None:
    shadow = [expose(shadow_of("p1"), "u1", "shadow", score=0.25)]
    known.append([expose("p1", "u1"), *([] if late else shadow)], [outcome("o1", "p1", 1)])
    known.settle(TASK, reward)
    known.append(shadow, [])
    known.settle(TASK, reward)
    data = known.experiment_data("e1")
    assert data.shadow == {"champion": PairedSample(Sample(1, 0.875, 0.765625), Sample(1, 0.625, 0.390625), 0.546875)}
    assert (set(data.arms), data.crossed_units, data.events) == ({"champion"}, 0, Events(replayed=0 if late else 1))
    assert approximately(known.counted("e1").data()) == approximately(data)


def test_records_that_come_again_are_told_from_those_that_contradict(known: Store, expose: Make, outcome: Make) -> None:
    for label in ("1", "1", "0"):
        known.append([expose("p1", label=label)], [])
    assert known.experiment_data("e1").events == Events(replayed=1, contradictory=1)
    known.append([], [outcome("o1", "p1", 1), outcome("o1", "p1", 1), outcome("o1", "p1", 0)])
    assert known.experiment_data("e1").events == Events(replayed=2, contradictory=2)
    known.append(
        [], [outcome("o2", "p1", 1), outcome("o3", "p1", 0), outcome("o4", "gone", 0), outcome("o4", "gone", 0)]
    )
    known.settle(TASK, reward)
    known.settle(TASK, reward)
    assert known.experiment_data("e1").events == Events(replayed=2, contradictory=3)


def test_an_earlier_outcome_takes_the_later_ones_reward_back(known: Store, expose: Make, outcome: Make) -> None:
    known.append([expose("p1"), expose("p2")], [outcome("o1", "p1", 1, at=300.0)])
    for event in ([], [outcome("o2", "p1", 0, at=250.0)], [outcome("o3", "p2", 1, at=260.0)]):
        known.append([], event)
        known.settle(TASK, reward)
    # One unit with the mean of 0.375, of the earlier outcome, and 0.875.
    assert known.experiment_data("e1").arms["champion"].reward == Sample(1, 0.625, 0.390625)


@pytest.mark.parametrize(("at", "late"), [(101.0, 0), (50.0, 0), (30.0, 1), (86_500.0, 0), (86_501.0, 1)])
def test_outcomes_outside_of_their_days_are_late(
    known: Store, expose: Make, outcome: Make, at: float, late: int
) -> None:
    known.append([expose("p1")], [outcome("o1", "p1", 1, at=at)])
    known.settle(TASK, reward)
    assert known.experiment_data("e1").events == Events(late=late)


def test_a_plan_that_comes_after_the_exposures_counts_them_anew(store: Store, expose: Make) -> None:
    store.append([expose("p1", latency_ms=120.0)], [])
    assert store.experiment_data("e1").arms["champion"].slow_units == 0
    store.save_experiment(EXPERIMENT.to_document())
    assert store.experiment_data("e1").arms["champion"].slow_units == 1


def test_a_plan_cannot_change_after_the_start(known: Store) -> None:
    known.save_experiment(EXPERIMENT.stepped(9, 0.7).to_document())
    other = EXPERIMENT.to_document() | {"plan": {"alpha": 0.2}}
    with pytest.raises(Refused, match="the plan of e1 cannot change any more"):
        known.save_experiment(other)
    assert known.experiment("e1")["plan"]["alpha"] == 0.05


def test_a_look_takes_the_running_totals(known: Store, expose: Make, outcome: Make) -> None:
    known.append(
        [expose("p1", "u1", generation=4, at=100.0), expose("p2", "u2", "challenger", generation=4, at=86_500.0)],
        [outcome("o1", "p1", 1), outcome("o2", "p2", 1, at=86_600.0)],
    )
    known.settle(TASK, reward)
    verdict = look(known, EXPERIMENT)
    assert (verdict.rule, verdict.units, verdict.more_units, verdict.more_days) == ("too-few", 2, 498, 249.0)
    assert "about 498 more units are needed, 249.0 days at this rate" in verdict.reason
    assert observe(known, EXPERIMENT).seconds == 86_400.0
    assert known.looks("e1")[0]["verdict"]["more_days"] == 249.0


def test_units_a_day_are_told_from_what_came_lately(store: Store, expose: Make) -> None:
    assert store.daily_units(TASK) == 0.0
    store.append([expose("p1", "u1", at=0.0), expose("p2", "u2", at=1.0), expose("p3", "u2", at=2.0)], [])
    assert store.daily_units(TASK) == pytest.approx(2 * 86_400 / 1_002, rel=0.01)
    assert store.daily_units("job-role") == 0.0
