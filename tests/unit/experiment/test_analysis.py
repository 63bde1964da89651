"""From the store's aggregates to a verdict that is kept, with a store of a few numbers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from contender.errors import InvalidInput
from contender.experiment.analysis import Experiment, from_document, look, observe, verdict_on
from contender.experiment.data import (
    NO_PAIRS,
    NOTHING,
    ArmData,
    ExperimentData,
    GroupData,
    PairedSample,
    PhaseCount,
    Sample,
)
from contender.experiment.decision import judge
from contender.experiment.plan import Plan, digest_of
from contender.values import BASELINE, CHALLENGER, CHAMPION, SHADOW

EXPERIMENT = Experiment("e1", "job-change", "e1", Plan(), "7", "8", 0.0, ((2, 0.1), (5, 0.5)))


def arm(n: int, mean: float = 0.8) -> ArmData:
    reward = Sample(n, n * mean, n * (mean * mean + 0.04))
    paired = PairedSample(reward, reward, reward.squares)
    groups = {"gender=Female": GroupData(n, 0, reward)}
    return ArmData(n, n, 0, 0, reward, 0, 0, outcome_units=n, baseline=paired, groups=groups)


class FewNumbers:
    """A store whose whole is 1000 units of each arm and whose last step is 600."""

    def __init__(self, mean: float = 0.8) -> None:
        self.kept: list[dict[str, Any]] = []
        self._mean = mean

    def experiment_data(self, experiment_id: str, since_generation: int | None = None) -> ExperimentData:
        n = 600 if since_generation == 5 else 1000
        return ExperimentData({CHAMPION: arm(n), CHALLENGER: arm(n, self._mean)}, 1000 - n, seconds=60.0)

    def phase_counts(self, experiment_id: str) -> Sequence[PhaseCount]:
        half = {CHAMPION: 1000, CHALLENGER: 1000}
        return [PhaseCount(1, {CHAMPION: 3}, {}), PhaseCount(6, half, {}, outcome_units=half)]

    def looks(self, experiment_id: str) -> Sequence[Mapping[str, Any]]:
        return self.kept

    def save_look(self, experiment_id: str, look: int, verdict: Mapping[str, Any]) -> None:
        self.kept.append({"look": look, "verdict": verdict})


def test_rewards_and_crossings_count_from_the_last_step_on() -> None:
    data = observe(FewNumbers(), EXPERIMENT)
    assert (data.arms[CHALLENGER].assigned, data.arms[CHALLENGER].reward.n, data.crossed_units) == (1000, 600, 400)
    assert (data.arms[CHALLENGER].baseline.first.n, data.arms[CHALLENGER].groups["gender=Female"].reward.n) == (
        600,
        600,
    )
    assert data.seconds == 60.0
    assert [phase.shares[CHALLENGER] for phase in data.phases] == [0.0, 0.5]


def test_before_the_planned_share_no_reward_counts() -> None:
    young = Experiment("e1", "job-change", "e1", Plan(), "7", "8", 0.0, ((2, 0.1),))
    found = observe(FewNumbers(), young).arms[CHALLENGER]
    assert (found.reward, found.baseline, found.groups["gender=Female"].reward) == (NOTHING, NO_PAIRS, NOTHING)
    unstarted = Experiment("e1", "job-change", "e1", Plan(), "7", "8", 0.0, ())
    assert observe(FewNumbers(), unstarted).arms[CHALLENGER].reward == NOTHING


def test_looks_are_numbered_and_carry_the_smallest_p() -> None:
    store = FewNumbers(0.9)
    plan = Plan(max_crossed_share=0.5)
    running = Experiment("e1", "job-change", "e1", plan, "7", "8", 0.0, EXPERIMENT.shares)
    assert [look(store, running).decision, look(store, running).decision] == ["promote", "promote"]
    assert [kept["look"] for kept in store.kept] == [1, 2]
    store.kept[-1]["verdict"]["look"]["srm_p"] = 0.001
    assert look(store, running).rule == "unhealthy"


def test_with_a_covariate_the_adjusted_rewards_are_compared() -> None:
    plan = Plan(max_crossed_share=0.5, covariate=BASELINE)
    running = Experiment("e1", "job-change", "e1", plan, "7", "8", 0.0, EXPERIMENT.shares)
    # The covariate tells everything, so nothing is left to differ.
    assert look(FewNumbers(0.9), running).effect == pytest.approx(0.0)
    young = Experiment("e1", "job-change", "e1", plan, "7", "8", 0.0, ((2, 0.1),))
    assert look(FewNumbers(0.9), young).effect is None


def test_a_step_is_a_new_share() -> None:
    assert EXPERIMENT.stepped(9, 0.5) is EXPERIMENT
    assert EXPERIMENT.stepped(5, 0.7) is EXPERIMENT
    assert EXPERIMENT.stepped(9, 0.7).shares[-1] == (9, 0.7)
    assert EXPERIMENT.at_full_share
    assert EXPERIMENT.stopped().status == "stopped"


def test_an_experiment_survives_being_written_but_not_a_changed_plan() -> None:
    document = EXPERIMENT.to_document()
    assert from_document(document) == EXPERIMENT
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
    assert from_document(document).to_document() == document
    # Terms that this program does not know the default of are still the ones that were hashed.
    fewer = {name: value for name, value in document["plan"].items() if name != "covariate"}
    assert from_document(document | {"plan": fewer, "plan_digest": digest_of(fewer)}).plan.covariate == ""


class NobodyYet(FewNumbers):
    """A store that has seen nobody."""

    def experiment_data(self, experiment_id: str, since_generation: int | None = None) -> ExperimentData:
        return ExperimentData({}, 0)

    def phase_counts(self, experiment_id: str) -> Sequence[PhaseCount]:
        return []


class SeveralNumbers(FewNumbers):
    """A store with two challengers and a shadow: `means` are theirs."""

    def __init__(self, **means: float) -> None:
        super().__init__()
        self._means = means

    def experiment_data(self, experiment_id: str, since_generation: int | None = None) -> ExperimentData:
        arms = {name.replace("_", "-"): arm(1000, mean) for name, mean in self._means.items() if name != SHADOW}
        shadow = {}
        if SHADOW in self._means:
            first, second = arm(1000).reward, arm(1000, self._means[SHADOW]).reward
            shadow = {CHAMPION: PairedSample(first, second, first.total * second.total / first.n)}
        return ExperimentData({CHAMPION: arm(2000 if len(arms) > 1 else 1000), **arms}, 0, shadow=shadow)

    def phase_counts(self, experiment_id: str) -> Sequence[PhaseCount]:
        names = [name.replace("_", "-") for name in self._means if name != SHADOW]
        units = {CHAMPION: 1000 * max(1, len(names))} | dict.fromkeys(names, 1000)
        return [PhaseCount(6, units, {}, outcome_units=units)]


def several(**means: float) -> tuple[SeveralNumbers, Experiment]:
    rivals = tuple("9" for name in means if name.endswith("_2"))
    alone = list(means) == [SHADOW]
    shadow = "" if SHADOW not in means else "8" if alone else "10"
    shares = ((5, 0.0),) if alone else ((5, 0.5),)
    return SeveralNumbers(**means), Experiment(
        "e1", "job-change", "e1", Plan(), "7", "8", 0.0, shares, rivals=rivals, shadow=shadow
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
    verdict = look(store, running)
    assert (verdict.decision, verdict.rule, verdict.arm, verdict.units) == (decision, rule, SHADOW, 1000)
    assert verdict.effect == pytest.approx(mean - 0.8)
    assert (running.versions, running.version_of(SHADOW)) == ({}, "8")
    assert store.kept[-1]["verdict"]["arm"] == SHADOW


def test_a_shadow_beside_a_challenger_has_no_say() -> None:
    store, running = several(challenger=0.9, shadow=0.7)
    verdict = look(store, running)
    assert (verdict.arm, verdict.decision, verdict.others[SHADOW].decision) == (CHALLENGER, "promote", "roll back")


def test_a_shadow_without_pairs_or_with_impossible_ones_says_nothing() -> None:
    store, running = several(shadow=0.9)
    assert verdict_on(ExperimentData({CHAMPION: arm(10)}, 0), running, None).rule == "too-few"
    impossible = ExperimentData(
        {CHAMPION: arm(10)}, 0, shadow={CHAMPION: PairedSample(Sample(2, 9.0, 1.0), NOTHING, 0.0)}
    )
    assert verdict_on(impossible, running, None).decision == "error"
    young = verdict_on(observe(store, running), replace(running, plan=Plan(min_units=5000, horizon_units=10_000)), None)
    assert young.more_units == 4000


def test_a_covariate_that_is_missing_in_one_arm_holds() -> None:
    plan = Plan(covariate=BASELINE)
    reward = arm(2000, 0.9)
    fewer = replace(reward, baseline=arm(1500, 0.9).baseline)
    even = judge(ExperimentData({CHAMPION: reward, CHALLENGER: reward}, 0), plan)
    verdict = judge(ExperimentData({CHAMPION: reward, CHALLENGER: fewer}, 0), plan)
    assert even.health == ()
    assert "the covariate is missing more often in one arm" in verdict.health[0]
    assert (verdict.decision, verdict.units) == ("hold", 3500)


def test_before_anybody_was_seen_the_experiment_is_young_and_not_an_error() -> None:
    verdict = verdict_on(observe(NobodyYet(), EXPERIMENT), EXPERIMENT, None)
    assert (verdict.decision, verdict.rule) == ("hold", "too-few")
    assert set(observe(NobodyYet(), several(challenger=0.8, challenger_2=0.8)[1]).arms) == {
        CHAMPION,
        CHALLENGER,
        "challenger-2",
    }
