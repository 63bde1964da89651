"""Guardrails: what may not deteriorate even while the metric wins."""

from dataclasses import replace

import pytest

from contender.experiment.data import ArmData, ExperimentData, GroupData, Phase, Sample
from contender.experiment.decision import judge
from contender.experiment.evidence import Look
from contender.experiment.guardrails import happened, selections
from contender.experiment.plan import Plan
from contender.experiment.statistics.bernoulli import Count
from contender.values import CHALLENGER, CHAMPION


def sample(n: int, mean: float, sd: float = 0.2) -> Sample:
    return Sample(n, n * mean, n * (mean * mean + sd * sd))


def arm(n: int, mean: float = 0.8, **happened: int) -> ArmData:
    return ArmData(n, n, 0, 0, sample(n, mean), 0, 0, outcome_units=n, **happened)  # type: ignore[arg-type]


def pair(champion: ArmData, challenger: ArmData) -> ExperimentData:
    return ExperimentData({CHAMPION: champion, CHALLENGER: challenger}, 0)


@pytest.mark.parametrize("incident", ["error", "slow"])
def test_incidents_on_the_challengers_units_roll_a_winner_back(incident: str) -> None:
    data = pair(arm(2000), arm(2000, 0.9, **{f"{incident}_units": 300}))
    verdict = judge(data, Plan())
    assert (verdict.decision, verdict.rule) == ("roll back", "guardrail")
    assert verdict.reason == f"a guardrail is breached: {incident} 15.0% for the challenger, 0.0% for the champion"


@pytest.mark.parametrize(("incident", "units"), [("error", 9), ("slow", 90)])
def test_a_sure_excess_within_the_margin_is_none(incident: str, units: int) -> None:
    verdict = judge(pair(arm(2000), arm(2000, **{f"{incident}_units": units})), Plan(guardrail_alpha=0.2))
    assert verdict.guardrails[incident].p < 0.2
    assert verdict.decision == "hold"


@pytest.mark.parametrize("incident", ["error", "slow"])
def test_an_outage_of_everybody_blames_nobody(incident: str) -> None:
    struck = {f"{incident}_units": 1000}
    verdict = judge(pair(arm(2000, **struck), arm(2000, **struck)), Plan())
    assert verdict.guardrails[incident].p > 0.5
    assert verdict.decision == "hold"


def test_incidents_are_counted_by_phase() -> None:
    shares = {CHAMPION: 0.9, CHALLENGER: 0.1}
    phase = Phase(shares, {CHAMPION: 900, CHALLENGER: 100}, {}, {CHALLENGER: 30}, {CHAMPION: 9, CHALLENGER: 1})
    data = replace(pair(arm(900), arm(100, error_units=30)), phases=(phase,))
    verdict = judge(data, Plan())
    assert verdict.guardrails["error"].breached
    assert verdict.guardrails["slow"].p == 1.0


@pytest.mark.parametrize(
    ("what", "count"),
    [("fallback", Count(7, 10)), ("review", Count(2, 10)), ("error", Count(1, 10)), ("slow", Count(3, 10))],
)
def test_units_to_whom_it_happened(what: str, count: Count) -> None:
    found = ArmData(10, 30, 7, 25, Sample(0, 0.0, 0.0), None, 2, error_units=1, slow_units=3)
    assert happened(found, what) == count


def grouped(female: GroupData, male: GroupData, mean: float = 0.8) -> ArmData:
    units = female.units + male.units
    return replace(arm(units, mean), groups={"gender=Female": female, "gender=Male": male})


def group(mean: float, selected: int = 500, units: int = 1000) -> GroupData:
    return GroupData(units, selected, sample(units, mean, 0.1))


def test_a_group_that_loses_rolls_back_while_the_whole_wins() -> None:
    data = pair(grouped(group(0.8), group(0.8)), grouped(group(0.7), group(0.97), 0.835))
    verdict = judge(data, Plan())
    assert (verdict.decision, verdict.rule) == ("roll back", "guardrail")
    assert verdict.guardrails["reward gender=Female"].breached
    assert not verdict.guardrails["reward gender=Male"].breached
    assert verdict.reason.startswith("a guardrail is breached: reward gender=Female 70.0% for the challenger, 80.0%")
    assert judge(data, Plan(group_margin=0.15)).decision == "promote"
    assert judge(data, Plan(group_units=1001)).decision == "promote"


def test_a_group_of_one_arm_only_is_not_compared() -> None:
    data = pair(arm(2000), grouped(group(0.1), group(0.1), 0.8))
    assert set(judge(data, Plan()).guardrails) == {"fallback", "error", "slow", "review"}


def test_impact_is_guarded_where_a_label_is_favourable() -> None:
    plan = Plan(favourable_label="invite", group_units=500)
    fair, unfair = grouped(group(0.8), group(0.8)), grouped(group(0.8, selected=250), group(0.8))
    assert "impact gender=Female" not in judge(pair(fair, unfair), Plan(group_units=500)).guardrails
    verdict = judge(pair(fair, unfair), plan)
    found = verdict.guardrails["impact gender=Female"]
    assert (found.champion, found.challenger, found.breached) == (1.0, 0.5, True)
    assert verdict.guardrails["impact gender=Male"].p == 1.0
    assert verdict.decision == "roll back"


def test_a_ratio_that_was_as_low_before_is_not_the_challengers_fault() -> None:
    plan = Plan(favourable_label="invite", group_units=500)
    unfair = grouped(group(0.8, selected=250), group(0.8))
    assert not judge(pair(unfair, unfair), plan).guardrails["impact gender=Female"].breached
    by_chance = grouped(group(0.8, selected=240), group(0.8))
    found = judge(pair(unfair, by_chance), plan).guardrails["impact gender=Female"]
    assert (found.challenger < found.champion < 0.8, found.breached) == (True, False)


def test_a_ratio_that_was_low_and_is_surely_lower_is() -> None:
    plan = Plan(favourable_label="invite", group_units=500)
    low, lower = grouped(group(0.8, selected=360), group(0.8)), grouped(group(0.8, selected=180), group(0.8))
    assert judge(pair(low, lower), plan).guardrails["impact gender=Female"].breached


def test_ratios_need_people_and_selections() -> None:
    nobody = grouped(group(0.8, selected=0), group(0.8, selected=0))
    plan = Plan(favourable_label="invite", group_units=1000)
    assert not [name for name in judge(pair(nobody, nobody), plan).guardrails if name.startswith("impact")]
    few = grouped(group(0.8, units=900), group(0.8, units=1100))
    assert "impact gender=Female" not in judge(pair(few, few), plan).guardrails


def test_the_smallest_p_of_a_group_is_kept() -> None:
    data = pair(grouped(group(0.8), group(0.8)), grouped(group(0.8), group(0.8)))
    plan = Plan(favourable_label="invite", group_units=500)
    before = Look(1.0, {"reward gender=Male": 0.25, "impact gender=Female": 0.125})
    look = judge(data, plan, before).look
    assert look.guardrail_p["reward gender=Male"] == 0.25
    assert look.guardrail_p["impact gender=Female"] == 0.125


def test_selections_are_of_one_attribute() -> None:
    found = replace(arm(10), groups={"gender=Other": GroupData(3, 1, Sample(0, 0.0, 0.0)), "age=old": group(0.5)})
    assert selections(found, "gender") == {"Other": Count(1, 3)}
