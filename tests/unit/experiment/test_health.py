"""An unsound experiment is held or rolled back, never promoted."""

from dataclasses import replace

import pytest

from contender.experiment.data import ArmData, Events, ExperimentData, MetricData, Phase, Sample, Stratum
from contender.experiment.decision import best, judge, judge_all
from contender.experiment.evidence import Look
from contender.experiment.plan import Plan
from contender.values import CHALLENGER, CHAMPION


def arm(n: int, mean: float = 0.8, outcomes: int | None = None, reviewed: int = 0) -> ArmData:
    known = n - reviewed if outcomes is None else outcomes
    reward = MetricData(n, reviewed, Sample(known, known * mean, known * (mean * mean + 0.04)))
    return ArmData(n, n, metrics={"reward": reward})


def pair(champion: ArmData, challenger: ArmData, **other: object) -> ExperimentData:
    return ExperimentData({CHAMPION: champion, CHALLENGER: challenger}, 0, **other)  # type: ignore[arg-type]


def test_outcomes_that_miss_in_one_arm_hold_a_winner_whose_lead_may_come_of_that() -> None:
    verdict = judge(pair(arm(4000, outcomes=3000), arm(4000, 0.9, outcomes=2000)), Plan())
    assert (verdict.decision, verdict.rule, verdict.faults) == ("hold", "unhealthy", ("missing",))
    assert verdict.look.missing_p < 1e-6
    assert verdict.srm_p > 0.1
    assert verdict.health[0].startswith(
        "outcomes are missing more often in one arm: 75.0% of the champion's 4,000 answered units have one, 50.0%"
    )
    assert verdict.bounds is not None
    assert verdict.bounds[0] < 0.0 < verdict.bounds[1]
    assert "the verdict depends on them: the effect may lie anywhere from" in verdict.reason


def test_a_verdict_that_holds_whatever_the_missing_outcomes_were_stands() -> None:
    verdict = judge(pair(arm(4000, 0.2, outcomes=3900), arm(4000, 0.9, outcomes=3700)), Plan())
    assert verdict.faults == ("missing",)
    assert verdict.decision == "promote"
    worse = judge(pair(arm(4000, 0.9, outcomes=3900), arm(4000, 0.2, outcomes=3700)), Plan())
    assert worse.decision == "roll back"


def test_outcomes_that_miss_everywhere_are_no_fault() -> None:
    """V8: what was late and has come is no alarm any more."""
    assert judge(pair(arm(4000, outcomes=1000), arm(4000, 0.9, outcomes=1010)), Plan()).decision == "promote"


def test_a_missing_alarm_goes_back_when_the_outcomes_have_come() -> None:
    late = judge(pair(arm(3000, outcomes=2500), arm(3000, 0.9, outcomes=1500)), Plan())
    assert late.faults == ("missing",)
    come = judge(pair(arm(3000), arm(3000, 0.9)), Plan(), late.look)
    assert (come.decision, come.faults, come.look.missing_p) == ("promote", (), 1.0)


def test_where_outcomes_are_missing_and_nothing_is_shown_there_is_nothing_to_stand() -> None:
    verdict = judge(pair(arm(4000, outcomes=3900), arm(4000, 0.8, outcomes=3000)), Plan())
    assert (verdict.rule, verdict.faults) == ("unhealthy", ("missing",))
    none = judge(pair(arm(4000, outcomes=3900), arm(4000, outcomes=0)), Plan())
    assert (none.effect, none.bounds, none.faults) == (None, None, ("missing",))


def test_reviewed_units_are_never_missing_and_earn_their_price() -> None:
    """V9: more reviews in one arm, and fewer outcomes of those who are reviewed."""
    plan = Plan(review_value=0.8)
    data = pair(arm(10_000, 0.8, outcomes=6300, reviewed=1000), arm(10_000, 0.8, outcomes=5740, reviewed=1800))
    verdict = judge(data, plan)
    assert verdict.health == ()
    assert verdict.effect == pytest.approx(0.0, abs=1e-9)
    dear = judge(data, replace(plan, review_value=0.3))
    assert dear.effect == pytest.approx(0.08 * (0.3 - 0.8))


@pytest.mark.parametrize(("units", "decision"), [(1, "promote"), (8, "promote"), (9, "hold")])
def test_units_whose_records_contradict_hold_a_winner_and_one_bot_holds_nobody(units: int, decision: str) -> None:
    """V14: twelve contradictory outcomes by one bot are one unit."""
    verdict = judge(pair(arm(4000), arm(4000, 0.9), events=Events(contradictory=units)), Plan())
    assert verdict.decision == decision
    assert verdict.health == (
        () if decision == "promote" else (f"{units} units have records that contradict each other",)
    )


def test_in_a_small_experiment_one_such_unit_is_allowed_too() -> None:
    verdict = judge(pair(arm(300), arm(300), events=Events(contradictory=1)), Plan())
    assert verdict.health == ()


def test_replays_and_late_outcomes_are_no_fault() -> None:
    events = Events(replayed=4000, late=4000)
    assert judge(pair(arm(4000), arm(4000, 0.9), events=events), Plan()).decision == "promote"


def test_a_hold_tells_the_days_at_the_rate_so_far() -> None:
    verdict = judge(pair(arm(100), arm(100), seconds=2 * 86_400.0), Plan())
    assert (verdict.more_units, verdict.more_days) == (300, 3.0)
    assert verdict.reason.endswith("about 300 more units are needed, 3.0 days at this rate")
    assert judge(pair(arm(100), arm(100), seconds=60.0), Plan()).reason.endswith("needed, hours at this rate")
    assert judge(pair(arm(0), arm(0), seconds=86_400.0), Plan()).more_days is None


def test_a_challenger_that_need_only_be_as_good() -> None:
    data = pair(arm(9000), arm(9000, 0.8))
    assert judge(data, Plan()).decision == "hold"
    verdict = judge(data, Plan(non_inferiority_margin=0.02))
    assert (verdict.decision, verdict.p_value < 0.05) == ("promote", True)
    assert verdict.reason.startswith("the challenger is not worse by 0.02: reward +0.0000")
    worse = judge(pair(arm(9000), arm(9000, 0.76)), Plan(non_inferiority_margin=0.02))
    assert worse.reason.startswith("the challenger is worse by more than 0.02")


def three(first: float, second: float, n: int = 2000) -> ExperimentData:
    return ExperimentData({CHAMPION: arm(2 * n), "first": arm(n, first), "second": arm(n, second)}, 0)


LOOKS = {"first": Look(), "second": Look()}


def test_of_several_winners_the_best_is_named() -> None:
    verdicts = judge_all(three(0.85, 0.9), Plan(), LOOKS)
    assert {name: verdict.decision for name, verdict in verdicts.items()} == {"first": "promote", "second": "promote"}
    assert best(verdicts) == "second"
    assert best(judge_all(three(0.8, 0.8), Plan(), LOOKS)) is None


def test_several_challengers_share_alpha() -> None:
    # An effect that one alone shows barely is not shown by two together.
    data = three(0.8172, 0.8)
    alone = judge(
        replace(data, arms={name: data.arms[name] for name in (CHAMPION, "first")}),
        Plan(challenger_share=1 / 3),
        challenger="first",
    )
    together = judge_all(data, Plan(), LOOKS)["first"]
    assert alone.decision == "promote"
    assert together.rule == "undecided"
    assert 0.025 < together.p_value < 0.05


def test_faults_of_one_challenger_are_its_own() -> None:
    verdicts = judge_all(three(0.9, 0.9), Plan(), {"first": Look(), "third": Look()})
    assert {name: verdict.decision for name, verdict in verdicts.items()} == {"first": "promote", "third": "error"}


def with_covariate(one: ArmData, known: int) -> ArmData:
    """The arm, of whose units `known` have a covariate, in two bins that tell nothing."""
    n = one.assigned
    bins = {-1: n - known, 3: known - known // 2, 7: known // 2}
    mean = one.metrics["reward"].value.total / n
    strata = {
        Stratum(fold, number): Sample(half, half * mean, half * (mean**2 + 0.04))
        for number, units in bins.items()
        for fold, half in ((0, units // 2), (1, units - units // 2))
    }
    return replace(one, covariate_units=bins, strata=strata)


def test_a_covariate_that_is_missing_in_one_arm_holds() -> None:
    plan = Plan(covariate="baseline")
    even = judge(pair(with_covariate(arm(2000), 1900), with_covariate(arm(2000, 0.9), 1900)), plan)
    assert (even.decision, even.health) == ("promote", ())
    verdict = judge(pair(with_covariate(arm(2000), 1900), with_covariate(arm(2000, 0.9), 1500)), plan)
    assert (verdict.decision, verdict.faults) == ("hold", ("covariate",))
    again = judge(pair(with_covariate(arm(2000), 1900), with_covariate(arm(2000, 0.9), 1900)), plan, verdict.look)
    assert again.faults == ("covariate",)


def test_a_covariate_that_nobody_has_yet_or_an_arm_without_a_share_is_no_fault_or_a_sure_one() -> None:
    plan = Plan(covariate="history")
    assert judge(pair(arm(2000), arm(2000, 0.9)), plan).health == ()
    shares = {CHAMPION: 1.0, CHALLENGER: 0.0}
    phase = Phase(shares, {CHAMPION: 2000, CHALLENGER: 0})
    where_nobody_should_be = pair(with_covariate(arm(2000), 1900), with_covariate(arm(2000), 1900), phases=(phase,))
    assert judge(where_nobody_should_be, plan).faults == ("covariate",)
