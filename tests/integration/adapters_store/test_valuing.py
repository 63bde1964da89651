"""When units are valued and what counts for them: windows in stages, grace, late records, covariates, shadows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from contender.adapters.store_sql import Store
from contender.experiment.data import (
    NOT_MEASURED,
    ArmData,
    MetricData,
    PairedSample,
    Sample,
    ShadowData,
    Stratum,
)
from contender.experiment.latency import latency_bin
from contender.experiment.plan import Plan
from contender.experiment.unit_values import fold_of
from contender.metrics import PlannedMetric
from contender.values import Covariate, Outcome, Prediction, shadow_of

Make = Callable[..., Any]
TASK = "job-change"
PLAN = Plan(window_s=100.0, grace_s=20.0, review_value=0.4)
ONE = MetricData(1, value=Sample(1, 1.0, 1.0))
LATE = MetricData(1)
"""A unit whose value is final, and missing."""


def by_outcome(_prediction: Prediction, value: object) -> float:
    return float(str(value))


def arm_of(store: Store, arm: str = "champion") -> ArmData:
    return store.experiment_data("e1").arms[arm]


def settled(store: Store, clock: Any, now: float) -> ArmData:
    clock.now = now
    store.settle(TASK, by_outcome)
    return arm_of(store)


def bins(latencies: Iterable[float]) -> tuple[int, ...]:
    found = [latency_bin(latency) for latency in latencies]
    return tuple(found.count(number) for number in range(64))


def test_a_value_is_there_only_when_it_is_final(
    timed: Store, clock: Any, begin: Make, expose: Make, outcome: Make
) -> None:
    begin(timed, PLAN)
    timed.append([expose("p1", at=100.0)], [outcome("o1", "p1", at=110.0)])
    assert settled(timed, clock, 220.0).metric("reward") == NOT_MEASURED
    arm = settled(timed, clock, 220.1)
    assert (arm.metric("reward"), arm.latency) == (ONE, bins([3.5]))
    assert settled(timed, clock, 1e6) == arm


def test_metrics_of_several_windows_are_valued_one_after_the_other(
    timed: Store, clock: Any, begin: Make, expose: Make, outcome: Make
) -> None:
    metrics = (
        PlannedMetric("click", window_s=10.0),
        PlannedMetric("dwell", type="mean", cap=30.0, window_s=200.0),
        PlannedMetric("ctr", type="ratio", event="click", per="view", window_s=10.0),
    )
    begin(timed, replace(PLAN, metrics=metrics))
    events = [
        *(outcome("c1", "p1", 1, 105.0, "click"), outcome("c2", "p1", 2, 111.0, "click")),
        *(outcome("v1", "p1", 4, 105.0, "view"), outcome("d1", "p1", 25, 120.0, "dwell")),
        *(outcome("d2", "p1", 25, 299.0, "dwell"), outcome("d3", "p1", 2, 301.0, "dwell")),
    ]
    timed.append([expose("p1", at=100.0)], events)
    click = {"click": ONE, "ctr": MetricData(1, 0, Sample(1, 1.0, 1.0), Sample(1, 4.0, 16.0), 4.0)}
    assert settled(timed, clock, 131.0).metrics == click
    assert settled(timed, clock, 221.0).metrics == click | {"reward": LATE}
    dwell = MetricData(1, value=Sample(1, 30.0, 900.0))
    whole = settled(timed, clock, 321.0)
    assert whole.metrics == click | {"reward": LATE, "dwell": dwell}
    timed.recount("e1")
    assert arm_of(timed).metrics == {}
    assert settled(timed, clock, 321.0) == whole


@pytest.mark.parametrize(
    ("times", "counts"),
    [
        ((200.0, 210.0), True),
        ((200.1, 210.0), False),
        ((41.0, 110.0), True),
        ((39.0, 110.0), False),
        ((150.0, 220.0), True),
        ((150.0, 220.5), False),
    ],
    ids=["at the end", "after the window", "skewed clock", "before the answer", "within the grace", "after it"],
)
def test_an_event_counts_by_when_it_happened_and_when_it_came(
    timed: Store, clock: Any, begin: Make, expose: Make, times: tuple[float, float], counts: bool
) -> None:
    begin(timed, PLAN)
    timed.append([expose("p1", at=100.0)], [])
    happened, clock.now = times
    timed.append([], [Outcome("o1", "p1", TASK, 1, happened)])
    assert settled(timed, clock, 221.0).metric("reward") == (ONE if counts else LATE)
    assert timed.experiment_data("e1").events.late == int(not counts)
    assert settled(timed, clock, 500.0).metric("reward") == (ONE if counts else LATE)


def test_what_comes_after_the_value_is_final_changes_only_the_requests(
    timed: Store, clock: Any, begin: Make, expose: Make, outcome: Make
) -> None:
    begin(timed, PLAN)
    timed.append([expose("p1", at=100.0)], [outcome("o1", "p1", at=110.0)])
    before = settled(timed, clock, 221.0)
    early = expose("p2", "u1", "challenger", at=90.0, served_by="review", latency_ms=900.0, generation=1)
    timed.append([early], [outcome("o2", "p1", 0, 105.0), outcome("o3", "p2", 0, 95.0)])
    after = settled(timed, clock, 500.0)
    assert after == replace(before, exposures=2, fallbacks=1, fallback_units=1, error_units=1, slow_units=1)
    data = timed.experiment_data("e1")
    assert (set(data.arms), data.crossed_units, data.events.late) == ({"champion"}, 1, 2)
    timed.recount("e1")
    assert settled(timed, clock, 500.0) == after


def test_an_earlier_exposure_that_comes_in_time_moves_window_and_arm(
    timed: Store, clock: Any, begin: Make, expose: Make, outcome: Make
) -> None:
    begin(timed, PLAN)
    timed.append([expose("p1", at=100.0)], [outcome("o1", "p1", at=195.0)])
    timed.experiment_data("e1")
    clock.now = 215.0
    timed.append([expose("p2", "u1", "challenger", at=90.0)], [])
    clock.now = 216.0
    timed.settle(TASK, by_outcome)
    data = timed.experiment_data("e1")
    assert set(data.arms) == {"challenger"}
    assert data.arms["challenger"].metric("reward") == LATE  # from 90 on, 195 is past the window
    assert data == timed.counted("e1").data()


def test_answers_after_the_window_and_those_that_do_not_count_are_not_valued(
    timed: Store, clock: Any, begin: Make, expose: Make, outcome: Make
) -> None:
    begin(timed, PLAN)
    answers = [
        expose("p1", at=100.0),
        expose("p2", at=200.5, latency_ms=400.0),
        expose("p3", at=110.0, counted=False, latency_ms=400.0),
        expose("p4", at=110.0, experiment_id="e2", latency_ms=400.0),
    ]
    timed.append(answers, [outcome("o1", "p1"), *(outcome(f"o{number}", f"p{number}", 0) for number in (2, 3, 4))])
    arm = settled(timed, clock, 400.0)
    assert (arm.exposures, arm.metric("reward"), arm.latency) == (2, ONE, bins([3.5]))


def test_reviews_earn_their_price(timed: Store, clock: Any, begin: Make, expose: Make, outcome: Make) -> None:
    begin(timed, PLAN)
    review = {"label": "Review_Required"}
    answers = [
        *(expose("p1", "u1", **review), expose("p2", "u2", **review), expose("p3", "u2", at=101.0)),
        *(expose("p4", "u3", at=101.0, **review), expose("p5", "u3"), expose("p6", "u4")),
    ]
    timed.append(answers, [outcome("o1", "p1", 1), outcome("o3", "p3", 1)])
    # u1 is only reviewed, half of u2's value is the price of a review, and u3 and u4 are missing.
    value = 0.5 * 0.4 + 0.5 * 1.0
    found = settled(timed, clock, 400.0).metric("reward")
    assert found == MetricData(4, 1, Sample(1, value, value**2), review_weight=0.5)
    assert (found.answered, found.missing) == (3, 2)


@pytest.mark.parametrize("covariate", ["baseline", "history"])
def test_the_covariate_is_what_was_known_before_the_first_answer(
    timed: Store, clock: Any, begin: Make, expose: Make, outcome: Make, covariate: str
) -> None:
    begin(timed, replace(PLAN, covariate=covariate))
    before = {"experiment_id": None, "counted": False, "at": 10.0}
    clock.now = 50.0
    earlier = [expose(f"h{number}", "u1", **before) for number in range(4)]
    timed.append(earlier, [outcome("a", "h0", 1, 20.0), outcome("b", "h1", 0.5, 20.0), outcome("c", "h2", 0, 101.0)])
    clock.now = 100.0
    answers = [
        *(expose("p1", "u1"), expose("p2", "u1", at=101.0), expose("p3", "u2", label="Review_Required")),
        *(expose("p4", "u3"), expose("h4", "u3", **before)),
    ]
    # Of h3 and h4 nothing was known yet when the units were answered first.
    truths = [outcome("d", "p1", 1, 110.0), outcome("e", "h3", 0, 20.0), outcome("f", "h4", 0, 20.0)]
    said = [Covariate("p1", TASK, "1", 0.76), Covariate("p2", TASK, "1", 0.1), Covariate("h4", TASK, "1", 0.1)]
    timed.append(answers, truths, said)
    arm = settled(timed, clock, 400.0)
    assert arm.covariate_units == {15: 1, -1: 2}
    assert arm.strata == {
        Stratum(fold_of("u1"), 15): Sample(1, 1.0, 1.0),
        Stratum(fold_of("u2"), -1, reviewed=True): Sample(1, 0.4, 0.4**2),
    }
    assert timed.counted("e1").data().arms["champion"] == arm


def test_what_the_baseline_says_after_the_value_is_final_is_not_known(
    timed: Store, clock: Any, begin: Make, expose: Make
) -> None:
    begin(timed, replace(PLAN, covariate="baseline"))
    timed.append([expose("p1")], [])
    clock.now = 220.5
    timed.append([], [], [Covariate("p1", TASK, "1", 0.76)])
    assert settled(timed, clock, 400.0).covariate_units == {-1: 1}


def test_groups_and_the_worst_latency(timed: Store, clock: Any, begin: Make, expose: Make, outcome: Make) -> None:
    begin(timed, PLAN)
    answers = [
        *(expose("p1", groups={"gender": "F"}), expose("p2", at=101.0, latency_ms=90.0)),
        *(expose("p3", "u2", groups={"gender": "M"}), expose("p4", "u3", groups={"gender": "F"})),
    ]
    timed.append(answers, [outcome("o1", "p1"), outcome("o3", "p3", 0)])
    arm = settled(timed, clock, 400.0)
    assert {name: group.metric for name, group in arm.groups.items()} == {
        "gender=F": MetricData(2, value=Sample(1, 1.0, 1.0)),
        "gender=M": MetricData(1, value=Sample(1, 0.0, 0.0)),
    }
    assert arm.latency == bins([90.0, 3.5, 3.5])


def by_label(prediction: Prediction, value: object) -> float:
    return float(prediction.label == str(value))


def test_a_shadow_is_held_against_the_arm_on_the_same_requests(
    timed: Store, clock: Any, begin: Make, expose: Make, outcome: Make
) -> None:
    begin(timed, PLAN)
    told = [expose("p1"), expose("p2", at=101.0), expose("p3", at=102.0), expose("p4", "u2")]
    mirrored = [
        replace(one, prediction_id=shadow_of(one.prediction_id), assigned_to="shadow", served_by="shadow", **other)
        for one, other in (
            (told[0], {"label": "0", "confidence": 0.5, "latency_ms": 7.0}),
            (told[1], {"confidence": 0.75, "latency_ms": 70.0}),
            (told[3], {"confidence": None}),
        )
    ]
    timed.append([*told, *mirrored], [outcome("o1", "p1", 1), outcome("o2", "p2", 1)])
    clock.now = 400.0
    timed.settle(TASK, by_label)
    data = timed.experiment_data("e1")
    assert data.arms["champion"].exposures == 4
    assert data.shadow["champion"] == ShadowData(
        agreement=Sample(2, 1.5, 1.25),
        confidence=PairedSample(Sample(1, 0.625, 0.625**2), Sample(1, 0.5, 0.25), 0.3125),
        reward=PairedSample(Sample(1, 1.0, 1.0), Sample(1, 0.5, 0.25), 0.5),
        latency=bins([70.0, 3.5]),
    )
    assert timed.counted("e1").data() == data


def test_more_units_than_a_chunk_are_all_valued_and_none_of_a_stopped_experiment(
    timed: Store, clock: Any, begin: Make, expose: Make, outcome: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contender.adapters.store_sql.valuing.CHUNK", 3)
    begin(timed, PLAN)
    stopped = begin(timed, PLAN, "e2").stopped()
    timed.save_experiment(stopped.to_document())
    timed.append([expose(f"p{number}", f"u{number}") for number in range(10)], [])
    timed.append([expose(f"q{number}", f"u{number}", experiment_id="e2") for number in range(10)], [])
    assert settled(timed, clock, 400.0).metric("reward").matured == 10
    assert timed.experiment_data("e2").arms["champion"].metrics == {}


def test_old_rewards_and_values_hold_beside_each_other(
    timed: Store, clock: Any, begin: Make, expose: Make, outcome: Make
) -> None:
    """The earliest truth by its moment counts, and only what the task can judge."""
    begin(timed, PLAN)
    truths = [outcome("b", "p1", 0, 120.0), outcome("a", "p1", 1, 110.0), outcome("c", "p1", 7, 101.0)]
    timed.append([expose("p1")], truths)
    assert settled(timed, clock, 400.0).metric("reward") == ONE
    assert timed.faulty_units("e1")["contradictory"] == ["u1"]
