"""Thirty random histories, through the store and through a plain reference: every figure, and the verdict."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from contender.adapters.store_sql import Store
from contender.experiment.analysis import Experiment, from_document, look, phase_of, verdict_on
from contender.experiment.decision import Verdict
from contender.experiment.plan import stored_plan
from contender.values import Prediction
from tests.integration.adapters_store.figures import Figures, close, data_from, figures, flat, phases_from
from tests.integration.adapters_store.histories import END, OLD, RULES, TASK, Batch, History, arms_of, history
from tests.integration.adapters_store.plain_judge import Plain, judged
from tests.integration.adapters_store.reference import Reference

Make = Callable[..., Any]
OTHER = {"champion": "challenger", "challenger": "champion"}


def judge(prediction: Prediction, truth: object) -> float:
    return 1.0 if (prediction.label == "y") == (truth == 1) else 0.25


def rivals_of(told: History) -> tuple[str, ...]:
    """The versions of the further challengers."""
    return tuple(str(9 + number) for number in range(told.rivals))


def begun(store: Store, told: History) -> Experiment:
    """Keeps an experiment as one began before values had windows."""
    plan = stored_plan(told.terms or {})
    began = Experiment("e1", TASK, "e1", plan, "7", "8", 0.0, told.shares, rivals=rivals_of(told), terms=told.terms)
    document = {name: value for name, value in began.to_document().items() if name != "rule"}
    store.save_experiment(document)
    return from_document(store.experiment("e1"))


def run(store: Store, clock: Any, begin: Make, told: History) -> Experiment:
    """Let everything arrive, and look at the end."""
    clock.now = 1.0
    experiment: Experiment = begun(store, told) if told.terms else begin(store, told.plan, rivals=rivals_of(told))
    for batch in told.batches:
        clock.now = batch.at
        store.append(batch.exposures, batch.outcomes, batch.covariates)
        if batch.looks:
            store.settle(TASK, judge)
            store.experiment_data("e1")
    clock.now = END
    store.settle(TASK, judge)
    return experiment


def valued_in_two_arms_or_another(store: Store) -> list[str]:
    """The units with a value in an arm that is not theirs, or with two of one metric."""
    query = """SELECT v.unit_id FROM unit_values v LEFT JOIN units u
        ON u.experiment_id = v.experiment_id AND u.unit_id = v.unit_id AND u.arm = v.arm
        WHERE u.unit_id IS NULL
        UNION SELECT unit_id FROM unit_values GROUP BY experiment_id, metric, unit_id HAVING COUNT(*) > 1"""
    with store._engine.connect() as connection:
        return [str(row[0]) for row in connection.execute(text(query))]


def verdict_of(found: Figures, experiment: Experiment) -> Verdict:
    """The verdict on what the reference found."""
    phases = tuple(phase_of(experiment, count) for count in phases_from(found))
    pooled = experiment.rule == "coverage" or len(experiment.shares) < 2
    return verdict_on(replace(data_from(found), phases=phases, pooled=pooled), experiment, None)


def in_plain_terms(verdict: Verdict) -> dict[str, Any]:
    """What the plain calculation says too, by the same names."""
    guardrails = {name: (one.p, one.safe_p, one.state) for name, one in verdict.guardrails.items()}
    found = {name: getattr(verdict, name) for name in Plain._fields}
    return found | {"guardrails": guardrails, "faults": frozenset(verdict.faults)}


@pytest.mark.parametrize("seed", range(30))
def test_the_store_counts_values_and_decides_as_the_reference_does(
    timed: Store, clock: Any, begin: Make, seed: int
) -> None:
    told = history(seed)
    experiment = run(timed, clock, begin, told)
    expected = Reference(told).figures()
    assert len(expected) > (30 if told.terms else 100)
    assert {name.split()[0] for name in expected if name.endswith(" assigned")} == set(arms_of(seed))
    assert experiment.rule == ("shares" if seed in OLD else "coverage")
    found = figures(timed.experiment_data("e1"), timed.phase_counts("e1"))
    assert close(found, expected) == {}
    assert valued_in_two_arms_or_another(timed) == []
    again = timed.counted("e1")
    assert close(figures(again.data(), again.phases()), expected) == {}
    verdict = look(timed, experiment)
    assert verdict.rule == RULES.get(seed, "unhealthy")
    assert close(flat(verdict.to_document()), flat(verdict_of(expected, experiment).to_document())) == {}
    plain = judged(expected, json.loads(told.plan.to_json()), told.shares if told.terms else (), arms_of(seed))
    for arm, one in {verdict.arm: verdict, **verdict.others}.items():
        assert close(flat(in_plain_terms(one)), flat(plain[arm]._asdict()), rel=1e-5) == {}, arm


@pytest.mark.parametrize("seed", [3, 9, 17])
def test_counting_anew_and_leaving_out_agree_with_what_was_counted(
    timed: Store, clock: Any, begin: Make, seed: int
) -> None:
    told = history(seed)
    run(timed, clock, begin, told)
    before = timed.experiment_data("e1")
    timed.recount("e1")
    assert not any(arm.metrics for arm in timed.experiment_data("e1").arms.values())
    timed.settle(TASK, judge)
    assert close(figures(timed.experiment_data("e1")), figures(before)) == {}
    left_out = {f"u{number}" for number in range(0, 60, 4)}
    rest = figures(timed.experiment_data("e1", left_out), timed.phase_counts("e1", left_out))
    assert close(without_records(rest), without_records(Reference(told.without(left_out)).figures())) == {}


@pytest.mark.parametrize("seed", [5, 11])
def test_leaving_out_and_counting_anew_under_the_old_rule(timed: Store, clock: Any, begin: Make, seed: int) -> None:
    told = history(seed)
    run(timed, clock, begin, told)
    left_out = {f"u{number}" for number in range(0, 60, 4)}
    rest = figures(timed.experiment_data("e1", left_out), timed.phase_counts("e1", left_out))
    assert close(without_records(rest), without_records(Reference(told.without(left_out)).figures())) == {}
    before = timed.experiment_data("e1")
    timed.recount("e1")
    assert close(figures(timed.experiment_data("e1")), figures(before)) == {}


def without_records(found: Figures) -> Figures:
    """Without what is of records and not of units."""
    return {name: n for name, n in found.items() if name.split()[0] not in {"late", "replayed", "seconds"}}


def swapped(batch: Batch) -> Batch:
    """The same records with the arms' names exchanged."""
    exposures = [
        replace(
            one,
            assigned_to=OTHER.get(one.assigned_to, one.assigned_to),
            served_by=OTHER.get(one.served_by, one.served_by),
        )
        if one.counted
        else one
        for one in batch.exposures
    ]
    return batch._replace(exposures=exposures)


@settings(max_examples=5, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(100, 2**31), st.randoms(use_true_random=False), st.integers(0, 60))
def test_the_arms_are_exchangeable(
    fresh_url: Callable[[], str], clock: Any, begin: Make, seed: int, order: random.Random, delayed: int
) -> None:
    """Whatever arrives in whatever order, late, again or contradicting, over the steps of a ramp: only names differ."""
    told = shuffled(history(seed), order, delayed)
    mirrored = told._replace(batches=list(map(swapped, told.batches)))
    found = []
    for each in (told, mirrored):
        store = Store(fresh_url(), clock=clock)
        run(store, clock, begin, each)
        found.append(figures(store.experiment_data("e1")))
        store.close()
    exchanged = {
        " ".join([OTHER.get(word, word) for word in name.split(" ")]): amount for name, amount in found[1].items()
    }
    assert close(found[0], exchanged) == {}


def shuffled(told: History, order: random.Random, delayed: int) -> History:
    """The same records in another order: batches trade their contents, and some arrive after all values are final."""
    moments = [(batch.at, batch.looks) for batch in told.batches]
    contents = [(batch.exposures, batch.outcomes, batch.covariates) for batch in told.batches]
    order.shuffle(contents)
    batches = [Batch(at, *content, looks) for (at, looks), content in zip(moments, contents, strict=True)]
    late = [Batch(END - 60 + number, *content, looks=False) for number, content in enumerate(contents[:delayed])]
    return told._replace(batches=[*batches, *late])
