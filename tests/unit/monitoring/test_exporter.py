"""The exporter: each part alone, a part that cannot be read, and labels that nobody sends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from contender.adapters.store_sql import Store
from contender.errors import Unavailable
from contender.experiment.analysis import Experiment
from contender.experiment.plan import Plan
from contender.metrics import PlannedMetric
from contender.values import Exposure, Outcome
from monitoring.drift.check import NOTES as DRIFT
from monitoring.drift.verdict import KINDS
from monitoring.exporter import CODES, PARTS, QUALITY, Exporter
from monitoring.metrics import WATCHED
from monitoring.retraining.ledger import NOTES as RETRAINING
from monitoring.retraining.triggers import Run

TASK = "job-change"
NOW = 1_000_000.0
DRIFTED = {
    "state": "drift",
    "rows": 900,
    "kinds": {**dict.fromkeys(KINDS, "ok"), "features": "drift", "reward": "not enough data"},
    "signals": [
        {"name": "city", "kind": "features", "state": "drift", "distance": 3.0, "p": 1e-9},
        {"name": "score", "kind": "prediction", "state": "ok", "distance": 0.2, "p": 0.6},
    ],
}


@pytest.fixture
def store() -> Iterator[Store]:
    kept = Store("sqlite://", clock=lambda: NOW)
    yield kept
    kept.close()


def exposure(number: int, label: str = "looking", fallback: str | None = None) -> Exposure:
    return Exposure(
        prediction_id=f"p{number}",
        task=TASK,
        experiment_id=None,
        generation=1,
        unit_id=f"u{number}",
        assigned_to="champion",
        served_by="baseline" if fallback else "champion",
        model_version="2",
        label=label,
        score=0.9,
        confidence=0.9,
        fallback_reason=fallback,
        latency_ms=1.0,
        at=NOW - 60.0,
    )


def read(store: Store, clock: Callable[[], float] = lambda: NOW) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every figure by metric and the values of its labels after the task."""
    registry = CollectorRegistry()
    registry.register(Exporter(store, (TASK,), clock))
    return {
        (sample.name, tuple(value for name, value in sorted(sample.labels.items()) if name != "task")): sample.value
        for family in registry.collect()
        for sample in family.samples
    }


def test_an_empty_store_has_no_drift_and_no_experiment(store: Store) -> None:
    found = read(store)
    assert found["contender_experiment_running", ()] == 0.0
    assert ("contender_drift_verdict", ("all",)) not in found
    assert {key[1][0] for key, value in found.items() if key[0] == "contender_exported" and value == 1.0} == set(PARTS)


def test_the_newest_drift_verdict_is_told(store: Store) -> None:
    store.revise_note(TASK, DRIFT, "1", NOW - 100.0, {**DRIFTED, "state": "ok"})
    store.revise_note(TASK, DRIFT, "2", NOW - 30.0, DRIFTED)
    found = read(store)
    assert found["contender_drift_verdict", ("all",)] == CODES["drift"] == 2
    assert found["contender_drift_verdict", ("reward",)] == -1
    assert found["contender_drift_age_seconds", ()] == 30.0
    assert found["contender_drift_columns", ("drift",)] == 1
    assert found["contender_drift_distance", ("city",)] == 3.0
    assert found["contender_drift_p", ("prediction",)] == 0.6


def test_the_newest_file_and_those_of_the_week_are_told(store: Store) -> None:
    for key, at, verdict in (("a", NOW - 9e5, "faults"), ("b", NOW - 60.0, "good"), ("c", NOW - 10.0, "faults")):
        store.keep_note(TASK, QUALITY, key, at, {"verdict": verdict, "types": {"type_error": 3}, "good": 7, "bad": 3})
    found = read(store)
    assert [found["contender_quality_files", (result,)] for result in ("ok", "faulty")] == [1, 1]
    assert found["contender_quality_faults", ("type_error",)] == 3
    assert found["contender_quality_faults", ("out_of_range",)] == 0
    assert found["contender_quality_rows", ("bad",)] == 3


def test_runs_are_counted_by_reason_and_result(store: Store) -> None:
    runs = (
        Run("000001", NOW - 500.0, "weekly", "", "challenger", "3"),
        Run("000002", NOW - 50.0, "drift", "", "failed"),
    )
    for run in runs:
        store.keep_note(TASK, RETRAINING, run.key, run.at, run.to_document())
    found = read(store)
    assert found["contender_retraining_runs", ("drift", "failed")] == 1
    assert found["contender_retraining_runs", ("decay", "failed")] == 0
    assert (found["contender_retraining_failed", ()], found["contender_retraining_age_seconds", ()]) == (1, 50.0)


def guardrail(champion: float, arm: float, *, breached: bool = False) -> dict[str, Any]:
    return {"champion": champion, "challenger": arm, "p": 0.5, "breached": breached}


def verdict(decision: str, effect: float, guardrails: dict[str, Any], **more: Any) -> dict[str, Any]:
    told = {"decision": decision, "effect": effect, "interval": [effect - 0.1, effect + 0.1], "srm_p": 0.7}
    return told | {"guardrails": guardrails, "more_days": None} | more


def test_every_arm_of_an_experiment_has_its_effect_and_rates(store: Store) -> None:
    plan, shares = Plan(challenger_share=0.6), ((1, 0.6),)
    running = Experiment("e1", TASK, "e1", plan, "2", "3", NOW - 900.0, shares, rivals=("4",), shadow="5")
    store.save_experiment(running.to_document())
    others = {
        "challenger": verdict("hold", 0.01, {"review": guardrail(0.2, 0.3), "reward Female": guardrail(0.5, 0.4)}),
        "shadow": verdict("hold", -0.02, {}),
    }
    leading = verdict("promote", 0.05, {"review": guardrail(0.2, 0.25)}, arm="challenger-2", others=others)
    leading["guardrails"]["slow"] = guardrail(0.0, 0.1)
    others["challenger"]["guardrails"]["slow"] = guardrail(0.0, 0.9, breached=True)
    store.save_look("e1", 1, leading)
    found = read(store)
    effects = {arm: found["contender_experiment_effect", (arm, "estimate")] for arm in (*others, "challenger-2")}
    assert effects == {"challenger": 0.01, "shadow": -0.02, "challenger-2": 0.05}
    # The values of labels come in the order of the labels' names: arm, guardrail.
    rates = {key[1]: value for key, value in found.items() if key[0] == "contender_experiment_guardrail_rate"}
    assert {arm: rate for (arm, name), rate in rates.items() if name == "review"} == {
        "champion": 0.2, "challenger": 0.3, "challenger-2": 0.25
    }  # fmt: skip
    assert found["contender_experiment_guardrail_breached", ("slow",)] == 1, "whichever arm breaches it"
    assert found["contender_experiment_guardrail_breached", ("reward",)] == 0
    assert not [key for key in rates if "Female" in key[1]], "a group is no label"
    assert found["contender_experiment_verdict", ("promote",)] == 1
    assert found["contender_exported", ("experiment",)] == 1


def counted(number: int, arm: str) -> Exposure:
    return replace(exposure(number), experiment_id="e1", assigned_to=arm, served_by=arm, counted=True)


def test_units_are_told_by_how_far_they_are_and_every_metric_has_its_mean() -> None:
    moment = [NOW - 45.0]
    store = Store("sqlite://", clock=lambda: moment[0])
    plan = Plan(window_s=30.0, grace_s=0.0, review_value=0.5, metrics=(PlannedMetric("click", window_s=30.0),))
    running = Experiment("e1", TASK, "e1", plan, "2", "3", NOW - 900.0, ((1, 0.5),))
    store.save_experiment(running.to_document())
    clicked = [Outcome("c0", "p0", TASK, 1, NOW - 50.0, metric="click")]
    rewards = [Outcome(f"e{n}", f"p{n}", TASK, 1, NOW - 50.0) for n in (0, 1, 4)]
    seen = [counted(n, "challenger" if n >= 4 else "champion") for n in range(5)]
    waiting = replace(counted(9, "champion"), at=NOW - 5.0)
    passing = replace(counted(10, "champion"), counted=False)
    store.append(seen, [*clicked, *rewards])
    moment[0] = NOW
    store.append([waiting, passing], [])
    store.count_pending()
    store.settle(TASK, lambda exposure, outcome: 0.5)
    found = read(store)
    store.close()
    units = {key[1]: value for key, value in found.items() if key[0] == "contender_experiment_units"}
    assert {stage: units["champion", stage] for _, stage in units} == {
        "assigned": 5, "matured": 4, "missing": 2, "with_outcome": 2
    }  # fmt: skip
    assert found["contender_experiment_metric_mean", ("champion", "click")] == 0.25
    assert found["contender_experiment_metric_mean", ("challenger", "click")] == 0.0
    assert found["contender_experiment_reward", ("champion",)] == 0.5
    assert ("contender_experiment_metric_mean", ("champion", "reward")) not in found


def test_the_worst_state_of_a_guardrail_is_told(store: Store) -> None:
    running = Experiment("e1", TASK, "e1", Plan(challenger_share=0.6), "2", "3", NOW - 900.0, ((1, 0.6),))
    store.save_experiment(running.to_document())
    rails = {
        "review": guardrail(0.2, 0.2) | {"state": "passed"},
        "slow": guardrail(0.0, 0.5, breached=True),
        "error": guardrail(0.0, 0.0),
        "reward Female": guardrail(0.5, 0.4) | {"state": "open"},
        "reward Male": guardrail(0.5, 0.5) | {"state": "passed"},
    }
    store.save_look("e1", 1, verdict("hold", 0.0, rails))
    found = read(store)
    states = {key[1][0]: value for key, value in found.items() if key[0] == "contender_experiment_guardrail_state"}
    assert states == {"review": 0.0, "slow": 2.0, "error": 1.0, "reward": 1.0}


STAGES = ("answered", "labelled", "known", "accepted")


def test_traffic_tells_backlog_fallback_and_funnel(store: Store) -> None:
    shown = [exposure(1), exposure(2), exposure(3, "Review_Required"), exposure(4, fallback="timeout")]
    outcomes = [Outcome(f"e{n}", f"p{n}", TASK, value, NOW - 5.0) for n, value in ((1, 1), (2, 0))]
    store.append(shown, outcomes)
    store.settle(TASK, lambda exposure, outcome: 0.5)
    found = read(store)
    assert found["contender_review_backlog", ()] == 1
    assert found["contender_fallback_share", ()] == 0.25
    assert [found["contender_funnel", ("champion", stage)] for stage in STAGES] == [4, 3, 2, 1]


def test_no_more_outcomes_are_known_than_labels_were_given(store: Store) -> None:
    reviews = [exposure(n, "Review_Required") for n in range(1, 5)]
    yesterday = replace(exposure(5), at=NOW - 90_000.0)
    outcomes = [Outcome(f"e{n}", f"p{n}", TASK, 1, NOW - 5.0) for n in range(1, 7)]
    store.append([*reviews, yesterday, exposure(6)], outcomes)
    store.settle(TASK, lambda exposure, outcome: 0.5)
    found = read(store)
    assert [found["contender_funnel", ("champion", stage)] for stage in STAGES] == [5, 1, 1, 1]


class Broken(Store):
    """A store of which one question is not answered."""

    def load_release(self, task: str) -> dict[str, Any] | None:
        raise Unavailable("away")


def test_a_part_that_cannot_be_read_says_so_and_leaves_the_others() -> None:
    store = Broken("sqlite://", clock=lambda: NOW)
    found = read(store)
    store.close()
    assert found["contender_exported", ("release",)] == 0.0
    assert found["contender_exported", ("audit",)] == 1.0
    assert not [key for key in found if key[0] == "contender_release_state"]


def test_the_store_is_not_read_at_every_scrape(store: Store) -> None:
    times = iter([100.0, 104.0, 106.0])
    exporter = Exporter(store, (TASK,), lambda: next(times))
    ages = []
    for _ in range(3):
        list(exporter.collect())
        store.revise_note(TASK, DRIFT, "1", 90.0, DRIFTED)
        ages.append([one for _, one in exporter._samples if one.spec.name == "contender_drift_age_seconds"])
    assert [len(found) for found in ages] == [0, 0, 1]


def test_registering_reads_nothing() -> None:
    CollectorRegistry().register(
        Exporter(Broken("sqlite:////nowhere/at/all.db", clock=lambda: NOW), (TASK,), lambda: NOW)
    )


def test_only_watched_metrics_are_exported(store: Store) -> None:
    assert {name for name, _ in read(store)} <= {spec.name for spec in WATCHED}


def test_a_holdout_is_told_by_the_roles_of_the_pair(store: Store) -> None:
    """The version before is the pair's champion, and the promoted one, champion of its day, the challenger."""
    running = Experiment("e1", TASK, "e", Plan(), "2", "3", NOW - 900.0, ((1, 0.6),), holdout=True)
    store.save_experiment(running.to_document())
    store.append([counted(0, "holdout"), counted(1, "champion"), counted(2, "champion")], [])
    store.count_pending()
    found = read(store)
    assigned = {
        key[1][0]: n for key, n in found.items() if key[0] == "contender_experiment_units" and "assigned" in key[1]
    }
    assert assigned == {"champion": 1, "challenger": 2}
