"""From the store's aggregates to a verdict that is kept, with a store of a few numbers."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from contender.errors import InvalidInput
from contender.experiment.analysis import Clearance, Experiment, from_document, look, observe, verdict_on
from contender.experiment.data import (
    ArmData,
    Events,
    ExperimentData,
    GroupData,
    MetricData,
    PairedSample,
    PhaseCount,
    Sample,
    ShadowData,
)
from contender.experiment.plan import Plan, digest_of
from contender.values import CHALLENGER, CHAMPION, HOLDOUT, SHADOW

EXPERIMENT = Experiment("e1", "job-change", "e1", Plan(), "7", "8", 0.0, ((2, 0.1), (5, 0.5)))


def rewards(n: int, mean: float) -> Sample:
    return Sample(n, n * mean, n * (mean * mean + 0.04))


def arm(n: int, mean: float = 0.8) -> ArmData:
    metric = MetricData(n, 0, rewards(n, mean))
    return ArmData(n, n, metrics={"reward": metric}, groups={"gender=Female": GroupData(n, 0, metric)})


class FewNumbers:
    """A store of a thousand units in each arm, of which `bots` have contradictory records."""

    def __init__(self, mean: float = 0.8, bots: int = 0) -> None:
        self.kept: list[dict[str, Any]] = []
        self._mean, self._bots = mean, bots

    def experiment_data(self, experiment_id: str, without: Collection[str] = ()) -> ExperimentData:
        arms = {CHAMPION: arm(1000), CHALLENGER: arm(1000 - len(without), self._mean)}
        return ExperimentData(arms, 0, events=Events(contradictory=self._bots - len(without)), seconds=60.0)

    def phase_counts(self, experiment_id: str, without: Collection[str] = ()) -> Sequence[PhaseCount]:
        half = {CHAMPION: 1000, CHALLENGER: 1000}
        return [PhaseCount(1, {CHAMPION: 3}), PhaseCount(3, {CHAMPION: 9, CHALLENGER: 9}), PhaseCount(6, half)]

    def looks(self, experiment_id: str) -> Sequence[Mapping[str, Any]]:
        return self.kept

    def save_look(self, experiment_id: str, look: int, verdict: Mapping[str, Any]) -> None:
        self.kept.append({"look": look, "verdict": verdict})


def test_the_arms_proportions_are_the_same_in_every_phase() -> None:
    data = observe(FewNumbers(), EXPERIMENT)
    assert (data.arms[CHALLENGER].assigned, data.pooled, data.seconds) == (1000, True, 60.0)
    assert [phase.shares for phase in data.phases] == [{CHAMPION: 0.5, CHALLENGER: 0.5}] * 3
    assert [phase.generation for phase in data.phases] == [1, 3, 6]


def test_under_the_old_rule_every_phase_has_its_own() -> None:
    old = replace(EXPERIMENT, rule="shares")
    data = observe(FewNumbers(), old)
    shares = [phase.shares[CHALLENGER] for phase in data.phases]
    assert (shares, data.pooled) == ([0.0, pytest.approx(0.1), 0.5], False)
    assert observe(FewNumbers(), replace(old, shares=((1, 0.5),))).pooled


def test_looks_are_numbered_and_carry_the_smallest_p() -> None:
    store = FewNumbers(0.9)
    assert [look(store, EXPERIMENT).decision, look(store, EXPERIMENT).decision] == ["promote", "promote"]
    assert [kept["look"] for kept in store.kept] == [1, 2]
    store.kept[-1]["verdict"]["look"]["srm_p"] = 0.001
    assert look(store, EXPERIMENT).rule == "unhealthy"


def test_a_look_tells_more_than_its_verdict() -> None:
    store = FewNumbers(0.9)
    look(store, EXPERIMENT)
    kept = json.loads(json.dumps(store.kept[-1]["verdict"], allow_nan=False))
    assert set(kept["details"]) == {"metrics", "reviews", "outcomes", "latency_ms", "adjustment", "smallest_loss"}


def test_units_that_were_cleared_are_left_out_and_both_verdicts_are_shown() -> None:
    """V14: a person may clear what holds the experiment, and a new fault holds it again."""
    store = FewNumbers(0.9, bots=5)
    assert look(store, EXPERIMENT).faults == ("contradictory",)
    bots = tuple(f"bot-{number}" for number in range(4))
    clearance = Clearance("contradictory", bots, "a test client", "ann", 5.0)
    cleared = replace(EXPERIMENT, cleared=(clearance,))
    verdict = look(store, cleared)
    assert (verdict.decision, cleared.left_out) == ("promote", frozenset(bots))
    whole = verdict.details["without_clearing"]
    assert (whole["decision"], whole["rule"]) == ("hold", "unhealthy")
    assert look(FewNumbers(0.9, bots=9), cleared).faults == ("contradictory",)
    assert from_document(json.loads(json.dumps(cleared.to_document()))) == cleared


class AfterThePromotion(FewNumbers):
    """A store of what a holdout of a tenth sees, beside the champion's other four: the promoted version has `mean`."""

    def experiment_data(self, experiment_id: str, without: Collection[str] = ()) -> ExperimentData:
        return ExperimentData({CHAMPION: arm(4000, self._mean), HOLDOUT: arm(1000)}, 0, seconds=60.0)

    def phase_counts(self, experiment_id: str, without: Collection[str] = ()) -> Sequence[PhaseCount]:
        return [PhaseCount(7, {CHAMPION: 4000, HOLDOUT: 1000})]


@pytest.mark.parametrize(("mean", "decision"), [(0.9, "promote"), (0.7, "roll back"), (0.8, "hold")])
def test_a_holdout_compares_the_pair_of_its_experiment(mean: float, decision: str) -> None:
    led = replace(
        EXPERIMENT,
        plan=replace(Plan(), holdout=0.1),
        rivals=("9",),
        cleared=(Clearance("contradictory", ("bot",), "a bot", "ann", 5.0),),
    )
    held = led.stopped().held_out("challenger-2", 6, 50.0)
    assert (held.id, held.salt, held.champion, held.challenger) == ("e1-holdout", "e1", "7", "9")
    assert (held.status, held.started_at) == ("running", 50.0)
    assert (held.versions, held.cleared, held.shares) == ({CHALLENGER: "9"}, (), ((7, 0.8),))
    assert (held.plan.challenger_share, held.plan.holdout, held.plan.level) == (0.8, 0.0, 0.025)
    assert from_document(json.loads(json.dumps(held.to_document()))) == held
    data = observe(AfterThePromotion(mean), held)
    assert {name: one.assigned for name, one in data.arms.items()} == {CHAMPION: 1000, CHALLENGER: 4000}
    assert [(phase.units, phase.shares) for phase in data.phases] == [
        ({CHAMPION: 1000, CHALLENGER: 4000}, {CHAMPION: 0.2, CHALLENGER: 0.8})
    ]
    verdict = verdict_on(data, held, None)
    assert (verdict.decision, verdict.health) == (decision, ())


def test_a_step_is_a_new_share() -> None:
    assert EXPERIMENT.stepped(9, 0.5) is EXPERIMENT
    assert EXPERIMENT.stepped(5, 0.7) is EXPERIMENT
    assert EXPERIMENT.stepped(9, 0.7).shares[-1] == (9, 0.7)
    assert EXPERIMENT.at_full_share
    assert EXPERIMENT.stopped().status == "stopped"


def test_an_experiment_survives_being_written_but_not_a_changed_plan() -> None:
    document = EXPERIMENT.to_document()
    assert from_document(document) == EXPERIMENT
    assert document["rule"] == "coverage"
    with pytest.raises(InvalidInput, match="changed after the start"):
        from_document(document | {"plan": {"alpha": 0.2}})


def test_an_experiment_of_an_older_program_is_read_and_written_as_it_was() -> None:
    # Written by the program of commit 53e41de.
    document = {
        "id": "job-change-7-vs-8-r4",
        "task": "job-change",
        "salt": "job-change-7-vs-8-r4",
        "plan": json.loads(
            '{"alpha": 0.01, "challenger_share": 0.5, "covariate": "baseline", "error_margin": 0.005,'
            '"fallback_margin": 0.01, "favourable_label": "", "group_margin": 0.05, "group_units": 250,'
            '"guardrail_alpha": 0.01, "horizon_units": 20000, "max_contradictory_share": 0.001,'
            '"max_crossed_share": 0.0, "max_late_share": 0.05, "metric": "reward", "min_units": 250,'
            '"non_inferiority_margin": 0.0, "outcome_days": 30.0, "power": 0.8, "ratio_alpha": 0.01,'
            '"ratio_concentration": 100.0, "review_margin": 0.1, "slow_margin": 0.05, "slow_ms": 150.0,'
            '"smallest_effect": 0.02, "tuning_units": 5000, "unit": "unit_id"}'
        ),
        "plan_digest": "03a76fd842503411f237af28f808c30a8221f47e0021edcf99bfb17a1d433320",
        "champion": "7",
        "challenger": "8",
        "started_at": 1750000000.0,
        "shares": [[2, 0.1], [5, 0.5]],
        "status": "running",
    }
    found = from_document(document)
    assert found.to_document() == document
    assert (found.rule, found.plan.alpha) == ("shares", 0.01)
    # Terms that this program does not know the default of are still the ones that were hashed.
    fewer = {name: value for name, value in document["plan"].items() if name != "covariate"}
    assert from_document(document | {"plan": fewer, "plan_digest": digest_of(fewer)}).plan.covariate == ""


class NobodyYet(FewNumbers):
    """A store that has seen nobody."""

    def experiment_data(self, experiment_id: str, without: Collection[str] = ()) -> ExperimentData:
        return ExperimentData({}, 0)

    def phase_counts(self, experiment_id: str, without: Collection[str] = ()) -> Sequence[PhaseCount]:
        return []


class SeveralNumbers(FewNumbers):
    """A store with two challengers and a shadow: `means` are theirs."""

    def __init__(self, **means: float) -> None:
        super().__init__()
        self._means = means

    def experiment_data(self, experiment_id: str, without: Collection[str] = ()) -> ExperimentData:
        arms = {name.replace("_", "-"): arm(1000, mean) for name, mean in self._means.items() if name != SHADOW}
        shadow = {}
        if SHADOW in self._means:
            first, second = rewards(1000, 0.8), rewards(1000, self._means[SHADOW])
            pairs = PairedSample(first, second, first.total * second.total / first.n)
            shadow = {CHAMPION: ShadowData(rewards(1000, 0.9), confidence=pairs, reward=pairs, latency=(0, 900, 100))}
        return ExperimentData({CHAMPION: arm(2000 if len(arms) > 1 else 1000), **arms}, 0, shadow=shadow)

    def phase_counts(self, experiment_id: str, without: Collection[str] = ()) -> Sequence[PhaseCount]:
        names = [name.replace("_", "-") for name in self._means if name != SHADOW]
        return [PhaseCount(6, {CHAMPION: 1000 * max(1, len(names))} | dict.fromkeys(names, 1000))]


DECLARED = Plan(outcomes_ignore_answers=True)


def several(**means: float) -> tuple[SeveralNumbers, Experiment]:
    rivals = tuple("9" for name in means if name.endswith("_2"))
    alone = list(means) == [SHADOW]
    shadow = "" if SHADOW not in means else "8" if alone else "10"
    shares = ((5, 0.0),) if alone else ((5, 0.5),)
    return SeveralNumbers(**means), Experiment(
        "e1", "job-change", "e1", DECLARED, "7", "8", 0.0, shares, rivals=rivals, shadow=shadow
    )


def test_the_best_of_several_challengers_leads_and_all_are_kept() -> None:
    store, running = several(challenger=0.85, challenger_2=0.88)
    verdict = look(store, running)
    assert (verdict.decision, verdict.arm, list(verdict.others)) == ("promote", "challenger-2", [CHALLENGER])
    assert running.version_of(verdict.arm) == "9"
    kept = store.kept[-1]["verdict"]
    assert (kept["arm"], kept["others"][CHALLENGER]["decision"]) == ("challenger-2", "promote")
    kept["others"][CHALLENGER]["look"]["srm_p"] = 0.001
    assert look(store, running).others[CHALLENGER].rule == "unhealthy"
    assert from_document(json.loads(json.dumps(running.to_document()))) == running


def test_phases_of_several_challengers_have_the_shares_of_their_ranges() -> None:
    store, running = several(challenger=0.8, challenger_2=0.8)
    assert observe(store, running).phases[0].shares == {
        CHAMPION: 0.5,
        CHALLENGER: pytest.approx(0.25),
        "challenger-2": pytest.approx(0.25),
    }


@pytest.mark.parametrize(
    ("mean", "decision", "rule"),
    [(0.9, "hold", "shadow-better"), (0.7, "roll back", "worse"), (0.8, "hold", "undecided")],
)
def test_a_shadow_alone_is_judged_on_the_same_people_and_never_promoted(mean: float, decision: str, rule: str) -> None:
    store, running = several(shadow=mean)
    running = replace(running, plan=replace(DECLARED, smallest_effect=0.001))
    verdict = look(store, running)
    assert (verdict.decision, verdict.rule, verdict.arm, verdict.units) == (decision, rule, SHADOW, 1000)
    assert verdict.effect == pytest.approx(mean - 0.8)
    assert (running.versions, running.version_of(SHADOW)) == ({}, "8")
    assert store.kept[-1]["verdict"]["arm"] == SHADOW
    shadow = verdict.details["shadow"]
    assert (shadow["agreement"], shadow["units"]) == (pytest.approx(0.9), 1000)
    assert shadow["calibration"] == {
        "confidence": pytest.approx(0.8),
        "earned": pytest.approx(mean),
        "units": 1000,
    }
    assert shadow["latency_ms"]["p50"]["estimate_ms"] == pytest.approx(1.19, abs=0.01)


def test_a_shadow_beside_a_challenger_has_no_say() -> None:
    store, running = several(challenger=0.9, shadow=0.7)
    verdict = look(store, running)
    assert (verdict.arm, verdict.decision, verdict.others[SHADOW].decision) == (CHALLENGER, "promote", "roll back")


def test_a_shadow_that_nobody_was_compared_with_says_nothing() -> None:
    store, running = several(shadow=0.9)
    verdict = verdict_on(ExperimentData({CHAMPION: arm(10)}, 0), running, None)
    assert (verdict.rule, verdict.details) == ("too-few", {"shadow": {}})
    young = verdict_on(observe(store, running), replace(running, plan=replace(DECLARED, min_units=5000)), None)
    assert young.more_units == 4000


def test_before_anybody_was_seen_the_experiment_is_young_and_not_an_error() -> None:
    verdict = verdict_on(observe(NobodyYet(), EXPERIMENT), EXPERIMENT, None)
    assert (verdict.decision, verdict.rule) == ("hold", "too-few")
    assert set(observe(NobodyYet(), several(challenger=0.8, challenger_2=0.8)[1]).arms) == {
        CHAMPION,
        CHALLENGER,
        "challenger-2",
    }


def test_a_malformed_look_has_no_details() -> None:
    broken = ExperimentData({CHAMPION: arm(10), CHALLENGER: replace(arm(10), reviews=-1)})
    verdict = verdict_on(broken, EXPERIMENT, None)
    assert (verdict.decision, verdict.details) == ("error", {})
