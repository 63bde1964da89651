"""An unsound experiment is held or rolled back, never promoted."""

from dataclasses import replace

import pytest

from contender.experiment.data import ArmData, Events, ExperimentData, Phase, Sample
from contender.experiment.decision import best, judge, judge_all
from contender.experiment.evidence import Look
from contender.experiment.plan import Plan
from contender.values import CHALLENGER, CHAMPION


def arm(n: int, mean: float = 0.8, outcomes: int | None = None) -> ArmData:
    settled = n if outcomes is None else outcomes
    reward = Sample(settled, settled * mean, settled * (mean * mean + 0.04))
    return ArmData(n, n, 0, 0, reward, 0, 0, outcome_units=settled)


def pair(champion: ArmData, challenger: ArmData, **other: object) -> ExperimentData:
    return ExperimentData({CHAMPION: champion, CHALLENGER: challenger}, 0, **other)  # type: ignore[arg-type]


def test_outcomes_that_miss_in_one_arm_hold_a_winner() -> None:
    verdict = judge(pair(arm(4000, outcomes=3000), arm(4000, 0.9, outcomes=2000)), Plan())
    assert (verdict.decision, verdict.rule) == ("hold", "unhealthy")
    assert verdict.look.missing_p < 1e-6
    assert verdict.srm_p > 0.1
    assert verdict.health[0].startswith(
        "outcomes are missing more often in one arm: 75.0% of the champion's units have one, 50.0% of the challenger's"
    )


def test_outcomes_that_miss_everywhere_are_no_fault() -> None:
    assert judge(pair(arm(4000, outcomes=1000), arm(4000, 0.9, outcomes=1010)), Plan()).decision == "promote"


def test_a_missing_alarm_is_not_forgotten() -> None:
    data = pair(arm(3000), arm(3000, 0.9))
    assert judge(data, Plan(), Look(missing_p=0.001)).rule == "unhealthy"
    assert judge(data, Plan(), Look(missing_p=0.5)).look.missing_p == 0.5


def test_where_only_rewards_are_known_they_tell_who_has_an_outcome() -> None:
    shares = {CHAMPION: 0.5, CHALLENGER: 0.5}
    phase = Phase(shares, {CHAMPION: 900, CHALLENGER: 900}, {}, outcome_units={CHAMPION: 900, CHALLENGER: 300})
    arms = (replace(arm(900), outcome_units=None), replace(arm(900, outcomes=300), outcome_units=None))
    assert "33.3% of the challenger's units" in judge(pair(*arms, phases=(phase,)), Plan()).health[0]


@pytest.mark.parametrize(
    ("events", "fault"),
    [
        (Events(contradictory=9), "9 records came twice and contradict each other"),
        (Events(late=401), "401 outcomes lie outside the 30 days after the answer"),
    ],
)
def test_records_that_cannot_be_trusted_hold_a_winner(events: Events, fault: str) -> None:
    verdict = judge(pair(arm(4000), arm(4000, 0.9), events=events), Plan())
    assert (verdict.rule, verdict.health) == ("unhealthy", (fault,))


def test_a_few_such_records_and_any_replay_are_allowed() -> None:
    events = Events(replayed=4000, contradictory=8, late=400)
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
    data = three(0.8175, 0.8)
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
