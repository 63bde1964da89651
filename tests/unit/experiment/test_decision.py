"""Verdicts: the whole table, and whole experiments through `judge`."""

import itertools
import json
from dataclasses import replace
from typing import Literal, get_args

import pytest

from contender.errors import InvalidInput
from contender.experiment.data import (
    ArmData,
    ExperimentData,
    GroupData,
    MetricData,
    PairedSample,
    Phase,
    Sample,
    ShadowData,
    Stratum,
)
from contender.experiment.decision import (
    RULES,
    Decision,
    evidence_digest,
    judge,
    judge_all,
    judge_shadow,
    lead,
    rule_for,
)
from contender.experiment.evidence import Look, look_from
from contender.experiment.guardrails import INCIDENTS
from contender.experiment.plan import Plan
from contender.experiment.signals import Direction, Signals
from contender.metrics import GUARDRAIL_RATES, PlannedMetric
from contender.values import CHALLENGER, CHAMPION


def make_arm(n: int, mean: float = 0.8, sd: float = 0.2, *, fallbacks: int = 0, reviews: int = 0) -> ArmData:
    """An arm of `n` units with one request and one final value each."""
    reward = MetricData(n, 0, Sample(n, n * mean, n * (mean * mean + sd * sd)))
    return ArmData(n, n, fallbacks, reviews, fallbacks, reviews, metrics={"reward": reward})


def make_data(champion: ArmData, challenger: ArmData, *, crossed: int = 0) -> ExperimentData:
    return ExperimentData({CHAMPION: champion, CHALLENGER: challenger}, crossed)


BOTH = (False, True)
EVERY = [
    Signals(*signals) for signals in itertools.product(BOTH, BOTH, BOTH, BOTH, get_args(Direction), BOTH, BOTH, BOTH)
]


def expected(s: Signals) -> str:
    """The same table, said as a sentence."""
    if s.malformed:
        return "error"
    if s.breached:
        return "roll back"
    if s.unhealthy or not s.enough:
        return "hold"
    if s.direction == "better":
        return "promote" if s.passed else "hold"
    return "roll back" if s.direction == "worse" else "hold"


def test_the_table_covers_every_state() -> None:
    assert len(EVERY) == len(set(EVERY)) == 384
    for signals in EVERY:
        assert rule_for(signals).decision == expected(signals), signals


def test_every_rule_is_reached_and_every_decision_has_words() -> None:
    assert {rule_for(signals).name for signals in EVERY} == {rule.name for rule in RULES}
    assert set(get_args(Decision)) == {rule.decision for rule in RULES}


def test_nothing_unsound_or_small_is_ever_promoted() -> None:
    for signals in EVERY:
        if signals.malformed or signals.breached or signals.unhealthy or not signals.enough or not signals.passed:
            assert rule_for(signals).decision != "promote"


def test_a_better_challenger_is_promoted() -> None:
    verdict = judge(make_data(make_arm(2000), make_arm(2010, 0.84)), Plan())
    assert (verdict.decision, verdict.more_units, verdict.health, verdict.units) == ("promote", None, (), 4010)
    assert verdict.effect == pytest.approx(0.04)
    assert verdict.interval is not None
    assert 0.0 < verdict.interval[0] < 0.04 < verdict.interval[1]
    assert verdict.p_value < 0.05
    assert verdict.reason == (
        "the challenger is better: reward +0.0400 (95 % always-valid interval +0.0207 to +0.0593)"
    )


def test_a_worse_challenger_is_rolled_back() -> None:
    verdict = judge(make_data(make_arm(2000), make_arm(2010, 0.76)), Plan())
    assert verdict.decision == "roll back"
    assert verdict.reason.startswith("the challenger is worse: reward -0.0400")


def test_a_young_experiment_is_held_and_says_how_long() -> None:
    verdict = judge(make_data(make_arm(200), make_arm(230, 0.95)), Plan())
    assert (verdict.decision, verdict.rule, verdict.more_units) == ("hold", "too-few", 100)
    assert "about 100 more units are needed" in verdict.reason


def test_the_smaller_arm_must_have_enough() -> None:
    verdict = judge(make_data(make_arm(2100), make_arm(240, 0.95)), Plan(challenger_share=0.1))
    assert (verdict.rule, verdict.more_units) == ("too-few", 100)


def test_no_outcomes_yet() -> None:
    verdict = judge(make_data(make_arm(0), make_arm(0)), Plan())
    assert (verdict.decision, verdict.effect, verdict.interval, verdict.p_value) == ("hold", None, None, 1.0)
    assert verdict.more_units == 500


def test_no_difference_yet_asks_for_what_the_plan_needs() -> None:
    verdict = judge(make_data(make_arm(1000), make_arm(1000)), Plan())
    assert (verdict.decision, verdict.rule) == ("hold", "undecided")
    assert verdict.more_units == pytest.approx(6_000 - 2_000, rel=0.02)


def test_past_the_plans_need_the_horizon_is_what_is_left() -> None:
    assert judge(make_data(make_arm(5000), make_arm(5000, 0.81)), Plan()).more_units == 10_000
    constant = make_data(make_arm(1000, 0.5, 0.0), make_arm(1000, 0.5, 0.0))
    verdict = judge(constant, Plan())
    assert (verdict.decision, verdict.interval, verdict.more_units) == ("hold", (-1.0, 1.0), 18_000)


def test_past_the_horizon_nothing_is_promoted() -> None:
    verdict = judge(make_data(make_arm(10_000), make_arm(10_000)), Plan(smallest_effect=0.001))
    assert (verdict.decision, verdict.rule, verdict.more_units) == ("hold", "exhausted", None)
    assert verdict.reason.startswith("no detectable difference within 20,000 units")


def test_a_guardrail_rolls_back_a_winner_and_a_young_one() -> None:
    for n in (2000, 60):
        verdict = judge(make_data(make_arm(n), make_arm(n, 0.95, 0.1, fallbacks=n // 2)), Plan())
        assert (verdict.decision, verdict.rule) == ("roll back", "guardrail")
        assert verdict.guardrails["fallback"].breached
        assert not verdict.guardrails["review"].breached
        assert "fallback 50.0% for the challenger, 0.0% for the champion" in verdict.reason


def test_an_effect_too_small_to_want_is_futile_before_the_horizon() -> None:
    """The upper end of the interval is under the smallest effect worth having: nothing is promoted by waiting."""
    verdict = judge(make_data(make_arm(9_000), make_arm(9_000)), Plan())
    assert (verdict.decision, verdict.rule, verdict.more_units) == ("hold", "futile", None)
    assert "stop the experiment" in verdict.reason
    assert judge(make_data(make_arm(9_000), make_arm(9_000)), Plan(smallest_effect=0.005)).rule == "undecided"
    assert judge(make_data(make_arm(9_000), make_arm(9_000)), Plan(non_inferiority_margin=0.001)).rule == "undecided"


def test_an_arm_that_is_always_right_against_one_that_never_is() -> None:
    """V15: neither arm has a variance of its own, and the difference is not in doubt."""
    verdict = judge(make_data(make_arm(1000, 1.0, 0.0), make_arm(1000, 0.0, 0.0)), Plan())
    assert (verdict.decision, verdict.effect) == ("roll back", -1.0)
    assert judge(make_data(make_arm(1000, 0.0, 0.0), make_arm(1000, 1.0, 0.0)), Plan()).decision == "promote"


@pytest.mark.parametrize(
    ("champion", "challenger", "decision"),
    [
        ((2_250, 11), (250, 0), "hold"),
        ((2_250, 11), (250, 3), "hold"),
        ((2_250, 2_239), (250, 250), "hold"),
        ((4_750, 9), (250, 0), "hold"),
        ((2_250, 11), (250, 30), "promote"),
        ((18_000, 90), (2_000, 80), "promote"),
    ],
)
def test_an_arm_without_an_event_proves_nothing(
    champion: tuple[int, int], challenger: tuple[int, int], decision: str
) -> None:
    """V2: rates of .005 and .995 at a share of .1, .002 at .05."""
    arms = [make_arm(n, hits / n, (hits / n * (1 - hits / n)) ** 0.5) for n, hits in (champion, challenger)]
    assert judge(make_data(*arms), Plan(challenger_share=0.1)).decision == decision


def test_fallbacks_of_the_champion_do_not_blame_the_challenger() -> None:
    verdict = judge(make_data(make_arm(2000, fallbacks=500), make_arm(2000)), Plan())
    assert verdict.guardrails["fallback"].state == "passed"
    assert verdict.decision == "hold"


def test_a_sure_but_tiny_excess_of_fallbacks_is_within_the_margin() -> None:
    verdict = judge(make_data(make_arm(9000, fallbacks=2), make_arm(9000, fallbacks=60)), Plan())
    assert verdict.guardrails["fallback"].state == "open"
    assert verdict.decision == "hold"


@pytest.mark.parametrize(
    ("champion", "challenger", "state"),
    [
        (0, 0, "passed"),
        (0, 25, "open"),
        (20, 64, "open"),
        (0, 120, "breached"),
        (500, 560, "open"),
        (500, 900, "breached"),
    ],
)
def test_the_margin_is_tested_and_not_the_difference(champion: int, challenger: int, state: str) -> None:
    """V11: of 1 000 units each, slower by more than .05; an excess under the margin rolls nobody back."""
    arms = [replace(make_arm(1000), slow_units=slow) for slow in (champion, challenger)]
    found = judge(make_data(*arms), Plan()).guardrails["slow"]
    assert found.state == state


def test_reviews_may_rise_by_the_margin_only() -> None:
    within = judge(make_data(make_arm(1000, reviews=100), make_arm(1000, reviews=190)), Plan())
    beyond = judge(make_data(make_arm(1000, reviews=100), make_arm(1000, reviews=300)), Plan())
    assert (within.decision, beyond.decision) == ("hold", "roll back")
    assert beyond.reason.startswith("a guardrail is breached: review 30.0%")


def test_a_guardrail_needs_evidence_not_only_a_difference() -> None:
    for data in (
        make_data(make_arm(20), make_arm(20, fallbacks=3)),
        make_data(make_arm(20, reviews=2), make_arm(20, reviews=8)),
        make_data(make_arm(1000, reviews=100), make_arm(1000, reviews=215)),
    ):
        assert judge(data, Plan()).decision == "hold"


def test_guardrails_keep_the_smallest_p_of_all_looks() -> None:
    before = Look(1.0, {"fallback": 0.3, "review": 0.2, "error": 0.4, "slow": 0.5})
    verdict = judge(make_data(make_arm(1000), make_arm(1000)), Plan(), before)
    assert verdict.look.guardrail_p == before.guardrail_p
    assert {name: guardrail.p for name, guardrail in verdict.guardrails.items()} == before.guardrail_p


def test_requests_of_one_unit_are_one() -> None:
    busy = replace(make_arm(1000), exposures=5000, fallbacks=900, reviews=900, fallback_units=3, review_units=3)
    verdict = judge(make_data(make_arm(1000), busy), Plan())
    assert verdict.decision == "hold"
    assert verdict.guardrails["fallback"].challenger == 0.003


def test_a_skewed_split_is_held_even_when_better() -> None:
    verdict = judge(make_data(make_arm(2000), make_arm(2500, 0.9)), Plan())
    assert (verdict.decision, verdict.rule) == ("hold", "unhealthy")
    assert verdict.srm_p < 1e-6
    assert verdict.health[0].startswith("sample ratio mismatch: traffic was not split according to plan")
    assert verdict.faults == ("sample-ratio",)


@pytest.mark.parametrize(
    ("crossed", "allowed", "decision"), [(1, 0.0, "promote"), (3, 0.0, "hold"), (3, 0.01, "promote")]
)
def test_units_in_two_arms_are_held_but_not_for_one(crossed: int, allowed: float, decision: str) -> None:
    """V14: one unit that crossed in thousands is no reason to hold everybody."""
    data = make_data(make_arm(2000), make_arm(2000, 0.9), crossed=crossed)
    verdict = judge(data, Plan(max_crossed_share=allowed))
    assert verdict.decision == decision
    assert (verdict.faults == ("crossed",)) == (decision == "hold")


def test_an_alarm_is_not_forgotten() -> None:
    alarmed = judge(make_data(make_arm(500), make_arm(700)), Plan())
    recovered = make_data(make_arm(3000), make_arm(3000))
    assert judge(recovered, Plan()).health == ()
    assert judge(recovered, Plan(), alarmed.look).srm_p == alarmed.srm_p < 0.01
    assert judge(recovered, Plan(), alarmed.look).rule == "unhealthy"


def test_a_ramp_of_the_old_rule_is_judged_by_its_own_shares_and_never_rolled_back_by_rates() -> None:
    data = make_data(make_arm(1400, fallbacks=14), make_arm(600, fallbacks=6))
    small = Phase({CHAMPION: 0.9, CHALLENGER: 0.1}, {CHAMPION: 900, CHALLENGER: 100}, {CHAMPION: 9, CHALLENGER: 1})
    half = Phase({CHAMPION: 0.5, CHALLENGER: 0.5}, {CHAMPION: 500, CHALLENGER: 500}, {CHAMPION: 5, CHALLENGER: 5})
    assert judge(data, Plan()).rule == "unhealthy"
    assert judge(replace(data, phases=(small, half), pooled=False), Plan()).health == ()
    reviewed = make_data(make_arm(1400), make_arm(600, reviews=400))
    verdict = judge(replace(reviewed, phases=(small, half), pooled=False), Plan())
    assert (verdict.decision, verdict.faults) == ("hold", ("old-rule",))
    assert "review: worse, but this ramp moved people" in verdict.reason
    assert judge(replace(reviewed, phases=(half,)), Plan()).decision == "roll back"


def test_a_phase_without_the_challenger_says_nothing_of_it() -> None:
    alone = Phase({CHAMPION: 1.0, CHALLENGER: 0.0}, {CHAMPION: 300}, {CHAMPION: 30})
    nobody = Phase({"other": 1.0}, {"other": 5}, {})
    data = replace(make_data(make_arm(300, fallbacks=30), make_arm(0)), phases=(alone, nobody))
    verdict = judge(data, Plan())
    assert verdict.health == ()
    assert verdict.guardrails["fallback"].p == 1.0


def test_another_challenger_can_be_judged() -> None:
    data = ExperimentData({CHAMPION: make_arm(2000), "second": make_arm(2000, 0.9)}, 0)
    assert judge(data, Plan(), challenger="second").decision == "promote"
    assert judge(data, Plan()).reason == "the experiment data failed consistency checks: no arm named challenger"


def measured(**changed: object) -> ArmData:
    """Ten units whose reward is as `changed`."""
    reward = MetricData(10, 0, Sample(10, 5.0, 3.0))._replace(**changed)  # type: ignore[arg-type]
    return ArmData(10, 12, 1, 1, metrics={"reward": reward})


GOOD = measured()
FINE = Phase({CHAMPION: 0.5, CHALLENGER: 0.5}, {CHAMPION: 5}, {})
SUMS = "the sums are not those of values of at least 0"


@pytest.mark.parametrize(
    ("arm", "fault"),
    [
        (replace(GOOD, fallbacks=-1), "a count is negative"),
        (replace(GOOD, assigned=13), "more units than exposures"),
        (replace(GOOD, fallbacks=13), "more fallbacks or reviews than exposures"),
        (replace(GOOD, reviews=13), "more fallbacks or reviews than exposures"),
        (replace(GOOD, review_units=11), "more units counted than assigned"),
        (replace(GOOD, fallback_units=-1), "a count is negative"),
        (measured(matured=11), "more units counted than assigned"),
        (measured(reviewed=1), "reward: more units have a value than could have one"),
        (measured(value=Sample(10, float("nan"), 3.0)), f"reward: {SUMS}"),
        (measured(value=Sample(10, 5.0, float("inf"))), f"reward: {SUMS}"),
        (measured(value=Sample(10, -1.0, 1.0)), f"reward: {SUMS}"),
        (measured(value=Sample(10, 5.0, 2.0)), f"reward: {SUMS}"),
        (replace(GOOD, strata={Stratum(0, 1): Sample(-1, 0.0, 0.0)}), SUMS),
        (replace(GOOD, groups={"g=a": GroupData(3, 4)}), "g=a: 4 of 3 units are selected"),
    ],
)
def test_data_that_cannot_be_right_are_an_error(arm: ArmData, fault: str) -> None:
    look = Look(0.5, {"fallback": 0.5})
    verdict = judge(ExperimentData({CHAMPION: GOOD, CHALLENGER: arm}, 0), Plan(), look)
    assert (verdict.decision, verdict.look) == ("error", look)
    assert verdict.reason == f"the experiment data failed consistency checks: challenger: {fault}"


@pytest.mark.parametrize(
    ("phase", "fault"),
    [
        (FINE._replace(shares={CHAMPION: 0.5, CHALLENGER: 0.4}), "shares do not sum to 1"),
        (FINE._replace(shares={CHAMPION: 1.5, CHALLENGER: -0.5}), "shares do not sum to 1"),
        (FINE._replace(units={"other": 1}), "counts an arm that has no share"),
        (FINE._replace(fallback_units={CHAMPION: -1}), "a count is negative"),
    ],
)
def test_phases_that_cannot_be_right_are_an_error(phase: Phase, fault: str) -> None:
    verdict = judge(ExperimentData({CHAMPION: GOOD, CHALLENGER: GOOD}, 0, (FINE, phase)), Plan())
    assert verdict.reason == f"the experiment data failed consistency checks: phase 1: {fault}"


def test_negative_crossings_are_an_error() -> None:
    assert judge(ExperimentData({CHAMPION: GOOD, CHALLENGER: GOOD}, -1), Plan()).decision == "error"


def test_rounding_is_no_fault() -> None:
    total = sum([0.1] * 1000)
    arms = (Sample(1000, total, sum([0.1**2] * 1000)), Sample(1000, 1000.0, 1000.0000000001))
    champion, challenger = (ArmData(1000, 1000, metrics={"reward": MetricData(1000, 0, one)}) for one in arms)
    assert judge(ExperimentData({CHAMPION: champion, CHALLENGER: challenger}, 0), Plan()).decision == "promote"


def test_verdict_and_look_are_json() -> None:
    verdict = judge(make_data(make_arm(2000), make_arm(2010, 0.84, fallbacks=3)), Plan())
    document = json.loads(json.dumps(verdict.to_document(), allow_nan=False))
    assert document["decision"] == "promote"
    rates = {"champion", "challenger", "p", "breached", "state", "margin", "safe_p", "required"}
    assert set(document["guardrails"]["fallback"]) == rates
    assert look_from(document["look"]) == verdict.look == look_from(verdict.look.to_document())


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"srm_p": "x", "guardrail_p": {}},
        {"srm_p": 1, "guardrail_p": []},
        {"srm_p": 2, "guardrail_p": {}},
        {"srm_p": 1, "guardrail_p": {"review": float("nan")}},
    ],
)
def test_what_is_no_look_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match="look"):
        look_from(document)


def test_evidence_is_named_alike_before_and_after_the_store() -> None:
    document = judge(ExperimentData({}, 0), Plan()).to_document()
    kept = json.loads(json.dumps(document))
    assert evidence_digest(kept) == evidence_digest(document)
    assert evidence_digest(kept | {"decision": "promote"}) != evidence_digest(document)


def test_a_breach_of_any_challenger_speaks_for_all() -> None:
    arms = {CHAMPION: make_arm(2000), "a": make_arm(1000, 0.9), "b": make_arm(1000, 0.8, reviews=900)}
    verdicts = judge_all(ExperimentData(arms, 0), Plan(), {"a": Look(), "b": Look()})
    assert (verdicts["a"].decision, verdicts["b"].decision, lead(verdicts)) == ("promote", "roll back", "b")


def test_who_leads_without_a_breach() -> None:
    def among(a: float, b: float) -> str:
        arms = {CHAMPION: make_arm(4000), "a": make_arm(2000, a), "b": make_arm(2000, b)}
        return lead(judge_all(ExperimentData(arms, 0), Plan(), {"a": Look(), "b": Look()}))

    assert among(0.85, 0.9) == "b"
    assert among(0.7, 0.8) == "b"
    assert among(0.7, 0.6) == "a"


def test_a_shadow_is_compared_and_judged_only_where_outcomes_ignore_answers() -> None:
    """V4: an outcome that followed the champion's answer must not count against the shadow."""
    reward = Sample(2000, 1400.0, 1000.0)
    worse = PairedSample(reward, Sample(2000, 1000.0, 520.0), 701.0)
    data = ExperimentData({CHAMPION: make_arm(2000)}, shadow={CHAMPION: ShadowData(reward, reward=worse)})
    verdict = judge_shadow(data, Plan())
    assert (verdict.decision, verdict.rule, verdict.effect, verdict.units) == ("hold", "shadow", None, 2000)
    declared = judge_shadow(data, Plan(outcomes_ignore_answers=True))
    assert (declared.decision, declared.rule) == ("roll back", "worse")
    assert judge_shadow(ExperimentData({CHAMPION: make_arm(5)}), Plan()).rule == "shadow"
    impossible = ExperimentData({CHAMPION: make_arm(5)}, shadow={CHAMPION: ShadowData(Sample(1, -1.0, 1.0))})
    assert judge_shadow(impossible, Plan()).decision == "error"


ACCEPTANCE = PlannedMetric("acceptance", "guardrail", margin=0.05)


def accepted(n: int, mean: float, hits: int) -> ArmData:
    arm = make_arm(n, mean)
    return replace(arm, metrics={**arm.metrics, "acceptance": MetricData(n, 0, Sample(n, hits, hits))})


@pytest.mark.parametrize(
    ("hits", "required", "decision", "state"),
    [
        (1200, True, "promote", "passed"),
        (1080, True, "hold", "open"),
        (1080, False, "promote", "open"),
        (700, False, "roll back", "breached"),
    ],
)
def test_a_users_guardrail_must_have_passed_before_a_promotion(
    hits: int, required: bool, decision: str, state: str
) -> None:
    plan = Plan(metrics=(replace(ACCEPTANCE, required=required),))
    verdict = judge(make_data(accepted(4000, 0.8, 1200), accepted(4000, 0.9, hits)), plan)
    assert (verdict.decision, verdict.guardrails["acceptance"].state) == (decision, state)
    if decision == "hold":
        assert "a guardrail has not passed yet (acceptance)" in verdict.reason


def test_a_guardrail_without_values_or_with_few_is_open() -> None:
    plan = Plan(metrics=(ACCEPTANCE,))
    assert judge(make_data(make_arm(2000), make_arm(2000, 0.9)), plan).rule == "guardrail-open"
    few = make_data(accepted(200, 0.8, 100), accepted(200, 0.8, 0))
    assert judge(few, plan).guardrails["acceptance"].state == "open"


def test_a_breach_is_told_in_the_unit_of_the_guardrail() -> None:
    """Shares as parts of a hundred; minutes are minutes."""
    dwell = PlannedMetric("dwell", "guardrail", "mean", cap=100.0, margin=1.0)
    arms = (
        replace(
            arm,
            metrics={**arm.metrics, "dwell": MetricData(4000, 0, Sample(4000, 4000 * mean, 4000 * (mean**2 + 25.0)))},
        )
        for arm, mean in ((accepted(4000, 0.8, 1200), 30.0), (accepted(4000, 0.9, 700), 25.0))
    )
    reason = judge(make_data(*arms), Plan(metrics=(ACCEPTANCE, dwell))).reason
    assert "acceptance 17.5% for the challenger, 30.0% for the champion" in reason
    assert "dwell 25.000 for the challenger, 30.000 for the champion" in reason


def test_a_guardrail_of_nobody_yet_has_no_figures() -> None:
    found = judge(make_data(make_arm(2000), make_arm(2000, 0.9)), Plan(metrics=(ACCEPTANCE,))).guardrails["acceptance"]
    assert (found.champion, found.challenger, found.state) == (None, None, "open")


def test_the_built_in_guardrails_are_named_once() -> None:
    assert {*INCIDENTS, "review"} == set(GUARDRAIL_RATES)


def test_a_metric_of_which_less_is_good_is_promoted_when_it_falls() -> None:
    plan = Plan(metrics=(PlannedMetric("days", "primary", "mean", "down", cap=100.0, smallest_effect=1.0),))
    slow, fast = (
        ArmData(2000, 2000, metrics={"days": MetricData(2000, 0, Sample(2000, 2000 * mean, 2000 * (mean**2 + 25.0)))})
        for mean in (30.0, 25.0)
    )
    verdict = judge(make_data(slow, fast), plan)
    assert (verdict.decision, verdict.effect) == ("promote", -5.0)
    assert judge(make_data(fast, slow), plan).decision == "roll back"
    assert judge(make_data(slow, slow), plan).rule == "futile"


def test_few_events_of_a_proportion_are_decided_exactly() -> None:
    plan = Plan(metrics=(PlannedMetric("hire", "primary"),))

    def hired(n: int, hits: int) -> ArmData:
        return ArmData(n, n, metrics={"hire": MetricData(n, 0, Sample(n, hits, hits))})

    verdict = judge(make_data(hired(4000, 2), hired(4000, 40)), plan)
    assert verdict.decision == "promote"
    assert verdict.interval is not None
    assert 0.0 < verdict.interval[0] < 0.0095 < verdict.interval[1]
    assert judge(make_data(hired(4000, 40), hired(4000, 2)), plan).decision == "roll back"
    assert judge(make_data(hired(4000, 2), hired(4000, 7)), plan).decision == "hold"
    assert judge(make_data(hired(300, 0), hired(300, 0)), plan).decision == "hold"
    many = judge(make_data(hired(4000, 800), hired(4000, 1000)), plan)
    assert many.decision == "promote"


@pytest.mark.parametrize(
    ("direction", "hits", "state"),
    [("up", 0, "breached"), ("up", 400, "passed"), ("down", 0, "passed"), ("down", 400, "breached")],
)
def test_a_guardrail_on_a_proportion_with_few_events_is_exact(
    direction: Literal["up", "down"], hits: int, state: str
) -> None:
    """All or none of the challenger's units: no spread in an arm, and nothing in doubt."""
    metric = PlannedMetric("acceptance", "guardrail", direction=direction, margin=0.05)
    few = make_data(accepted(400, 0.8, 200), accepted(400, 0.8, hits))
    assert judge(few, Plan(metrics=(metric,))).guardrails["acceptance"].state == state
