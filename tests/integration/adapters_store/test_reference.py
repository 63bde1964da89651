"""Thirty random histories, through the store and through a plain reference: every figure, and the verdict."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from contender.adapters.store_sql import Store
from contender.experiment.analysis import Experiment, from_document, look, observe, verdict_on
from contender.experiment.plan import Plan, stored_plan
from contender.values import Prediction
from tests.integration.adapters_store.figures import Figures, close, figures, flat
from tests.integration.adapters_store.histories import END, OLD, RULES, TASK, History, arms_of, history
from tests.integration.adapters_store.other_terms import other_terms
from tests.integration.adapters_store.plain_judge import Trial, speaks, verdicts
from tests.integration.adapters_store.reference import Reference

Make = Callable[..., Any]
REACHED = {
    0: {"exhausted", "undecided", "contradictory", "crossed", "dwell passed"},
    4: {"better", "guardrail-open", "futile", "undecided"},
    7: {"better", "too-few", "dwell open"},
    13: {"missing", "covariate", "unhealthy"},
    14: {"worse", "reward g=a breached", "reward g=a open"},
    21: {"guardrail", "slow breached", "impact g=b breached"},
    23: {"sample-ratio", "old-rule"},
    29: {"too-few", "contradictory"},
}
"""What the verdicts under other plans are seen to rest on: rules, faults and states of guardrails, by history."""


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


def judged(found: Figures, told: History, plan: Plan) -> dict[str, dict[str, Any]]:
    """The plain judge's verdicts on what the reference found, by challenger."""
    terms = json.loads(plan.to_json())
    steps = told.shares if told.terms else ((2, 0.5),)
    return verdicts(Trial(found, terms, steps, old=told.terms is not None))


def by_arm(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A look's verdicts by challenger."""
    others: dict[str, dict[str, Any]] = document.get("others", {})
    return {document.get("arm", "challenger"): document} | others


def agreed(document: dict[str, Any], expected: dict[str, dict[str, Any]]) -> dict[str, tuple[Any, Any]]:
    """In what a look's document differs from the verdicts of the plain judge."""
    seen = {name: {key: one[key] for key in expected[name]} for name, one in by_arm(document).items()}
    return close(flat(seen), flat(expected), rounding=1e-6)


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
    verdict, plain = look(timed, experiment), judged(expected, told, told.plan)
    assert plain[speaks(plain)]["rule"] == verdict.rule == RULES.get(seed, "unhealthy")
    assert verdict.arm == speaks(plain)
    assert by_arm(verdict.to_document()).keys() == plain.keys()
    assert agreed(verdict.to_document(), plain) == {}


def barely(found: Figures, told: History) -> Plan:
    """The plan with a level that the smallest p-value is under, but not when it is adjusted for two challengers."""
    plan = replace(told.plan, max_crossed_share=0.9, max_contradictory_share=0.9, ratio_alpha=1e-9, restarts=1)
    for _ in range(8):
        smallest = min(one["p_value"] for one in judged(found, told, plan).values())
        plan = replace(plan, alpha=min(max(2 * 1.5 * smallest, 1e-300), 0.4))
    return plan


@pytest.mark.parametrize("seed", REACHED)
def test_other_plans_decide_as_the_plain_judge_does(timed: Store, clock: Any, begin: Make, seed: int) -> None:
    told = history(seed)
    experiment = run(timed, clock, begin, told)
    found, rules = Reference(told).figures(), set()
    for plan in [barely(found, told), *other_terms(told.plan, seed, 40)]:
        other = replace(experiment, plan=plan)
        verdict, plain = verdict_on(observe(timed, other), other, None), judged(found, told, plan)
        assert agreed(verdict.to_document(), plain) == {}
        assert verdict.arm == speaks(plain)
        for one in plain.values():
            rules |= {one["rule"], *one["faults"], *(f"{name} {g['state']}" for name, g in one["guardrails"].items())}
    assert rules >= REACHED[seed]


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
