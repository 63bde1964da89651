"""Guardrails: what may not deteriorate even while the metric wins."""

from dataclasses import replace

import pytest

from contender.experiment.data import ArmData, ExperimentData, GroupData, MetricData, Phase, Sample
from contender.experiment.decision import judge
from contender.experiment.evidence import Look
from contender.experiment.impact import impact_guardrails, selections
from contender.experiment.inference import MarginTest
from contender.experiment.plan import Plan
from contender.experiment.statistics.bernoulli import Count, ratio_p_value
from contender.metrics import PlannedMetric
from contender.values import CHALLENGER, CHAMPION


def sample(n: int, mean: float, sd: float = 0.2) -> Sample:
    return Sample(n, n * mean, n * (mean * mean + sd * sd))


def arm(n: int, mean: float = 0.8, **happened: int) -> ArmData:
    reward = MetricData(n, 0, sample(n, mean))
    return ArmData(n, n, metrics={"reward": reward}, **happened)  # type: ignore[arg-type]


def pair(champion: ArmData, challenger: ArmData) -> ExperimentData:
    return ExperimentData({CHAMPION: champion, CHALLENGER: challenger}, 0)


@pytest.mark.parametrize("incident", ["error", "slow"])
def test_incidents_on_the_challengers_units_roll_a_winner_back(incident: str) -> None:
    data = pair(arm(2000), arm(2000, 0.9, **{f"{incident}_units": 300}))
    verdict = judge(data, Plan())
    assert (verdict.decision, verdict.rule) == ("roll back", "guardrail")
    assert verdict.reason == f"a guardrail is breached: {incident} 15.0% for the challenger, 0.0% for the champion"


@pytest.mark.parametrize(("incident", "units"), [("error", 9), ("slow", 90)])
def test_an_excess_within_the_margin_is_none(incident: str, units: int) -> None:
    verdict = judge(pair(arm(2000), arm(2000, **{f"{incident}_units": units})), Plan(guardrail_alpha=0.2))
    assert verdict.guardrails[incident].p == 1.0
    assert verdict.decision == "hold"


@pytest.mark.parametrize("incident", ["error", "slow"])
def test_an_outage_of_everybody_blames_nobody(incident: str) -> None:
    struck = {f"{incident}_units": 1000}
    verdict = judge(pair(arm(2000, **struck), arm(2000, **struck)), Plan())
    assert verdict.guardrails[incident].p == 1.0
    assert verdict.decision == "hold"


def test_incidents_are_counted_by_phase() -> None:
    shares = {CHAMPION: 0.9, CHALLENGER: 0.1}
    phase = Phase(shares, {CHAMPION: 900, CHALLENGER: 100}, {}, {CHALLENGER: 30}, {CHAMPION: 9, CHALLENGER: 1})
    data = replace(pair(arm(900, slow_units=9), arm(100, error_units=30, slow_units=1)), phases=(phase,))
    verdict = judge(data, Plan())
    assert verdict.guardrails["error"].breached
    assert verdict.guardrails["slow"].p == 1.0


def test_an_incident_that_did_not_fall_by_the_shares_needs_both_proofs() -> None:
    """A rate that is higher by more than the margin, in a phase of which the shares say that it had to be."""
    shares = {CHAMPION: 0.1, CHALLENGER: 0.9}
    phase = Phase(shares, {CHAMPION: 100, CHALLENGER: 900}, {}, {CHAMPION: 5, CHALLENGER: 45})
    data = replace(pair(arm(1000, error_units=5), arm(1000, error_units=45)), phases=(phase,))
    assert judge(data, Plan()).guardrails["error"].p == 1.0


def grouped(female: GroupData, male: GroupData, mean: float = 0.8) -> ArmData:
    units = female.units + male.units
    return replace(arm(units, mean), groups={"gender=Female": female, "gender=Male": male})


def group(mean: float, selected: int = 500, units: int = 1000) -> GroupData:
    return GroupData(units, selected, MetricData(units, 0, sample(units, mean, 0.1)))


def test_a_group_that_loses_rolls_back_while_the_whole_wins() -> None:
    data = pair(grouped(group(0.8), group(0.8)), grouped(group(0.7), group(0.97), 0.835))
    verdict = judge(data, Plan())
    assert (verdict.decision, verdict.rule) == ("roll back", "guardrail")
    assert verdict.guardrails["reward gender=Female"].breached
    assert not verdict.guardrails["reward gender=Male"].breached
    assert verdict.reason.startswith("a guardrail is breached: reward gender=Female 0.700 for the challenger, 0.800")
    assert judge(data, Plan(group_margin=0.15)).decision == "promote"
    assert judge(data, Plan(group_units=1001)).decision == "promote"


def partly(answered: int, known: int, mean: float) -> MetricData:
    return MetricData(answered, 0, sample(known, mean, 0.1))


def test_a_group_whose_truth_is_missing_in_one_arm_shows_no_harm() -> None:
    silent = partly(1000, 760, 0.9)
    group_ = GroupData(1000, 500, silent)
    champion = replace(grouped(group_, group_), metrics={"reward": partly(2000, 1520, 0.9)})
    verdict = judge(pair(champion, grouped(group(0.7), group(0.7), 0.7)), Plan())
    assert (verdict.decision, verdict.rule) == ("hold", "unhealthy")
    assert verdict.guardrails["reward gender=Female"].p == 1.0


@pytest.mark.parametrize("known", [1520, 2000])
def test_a_guarded_truth_that_is_missing_in_one_arm_has_not_passed(known: int) -> None:
    guarded = PlannedMetric("hire", "guardrail", default=None, margin=0.05)
    values = {"champion": Sample(2000, 1000, 1000), "challenger": Sample(known, 0.5 * known, 0.5 * known)}
    arms = {
        name: replace(one, metrics={**one.metrics, "hire": MetricData(2000, 0, values[name])})
        for name, one in {CHAMPION: arm(2000), CHALLENGER: arm(2000, 0.9)}.items()
    }
    passed = Look(safe_p={"hire": 1e-9})
    verdict = judge(ExperimentData(arms, 0), Plan(metrics=(guarded,)), passed)
    assert (verdict.rule, verdict.guardrails["hire"].state) == (
        ("better", "passed") if known == 2000 else ("guardrail-open", "open")
    )


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


@pytest.mark.parametrize(
    ("units", "before", "selected", "breached"),
    [
        (2000, 900, 0, True),
        (2000, 900, 1, True),
        (2000, 0, 0, False),
        (300, 135, 0, True),
        (300, 135, 100, False),
        (2000, 900, 880, False),
    ],
)
def test_nobody_selected_is_evidence_like_any_count(units: int, before: int, selected: int, breached: bool) -> None:
    """V5: 0 of 2 000 women against 900 decides as 1 of 2 000 does."""
    men = GroupData(units, units * 45 // 100)
    arms = (
        replace(arm(2 * units), groups={"gender=Female": GroupData(units, women), "gender=Male": men})
        for women in (before, selected)
    )
    verdict = judge(pair(*arms), Plan(favourable_label="invite"))
    assert verdict.guardrails["impact gender=Female"].breached is breached
    assert verdict.decision == ("roll back" if breached else "hold")


@pytest.mark.parametrize(
    ("best", "units", "selected", "decides"),
    [(9, 20, 0, False), (45, 100, 0, True), (900, 2000, 0, True), (900, 2000, 1, True), (9, 20, 9, False)],
)
def test_small_counts_decide_as_much_as_they_can(best: int, units: int, selected: int, decides: bool) -> None:
    """V5, exactly: at a level of .01, against a ratio of four fifths."""
    assert (ratio_p_value(Count(best, units), Count(selected, units), 0.8) <= 0.01) is decides


def impact_of(champion: ArmData, challenger: ArmData) -> list[tuple[str, MarginTest]]:
    plan = Plan(favourable_label="invite", group_units=100)
    return [(name, test) for name, _, test in impact_guardrails(champion.groups, challenger.groups, plan, 0.01)]


def test_a_group_that_is_best_in_another_arm_only_is_compared_with_what_there_is() -> None:
    old = {"g=a": GroupData(1000, 500), "g=b": GroupData(1000, 450)}
    new = {"g=a": GroupData(1000, 100), "g=b": GroupData(1000, 450), "g=c": GroupData(1000, 600)}
    found = dict(impact_of(replace(arm(2000), groups=old), replace(arm(3000), groups=new)))
    assert set(found) == {"impact g=a", "impact g=b"}
    assert found["impact g=a"].harm_p < 0.01


def test_a_ratio_that_was_as_low_before_is_not_the_challengers_fault() -> None:
    plan = Plan(favourable_label="invite", group_units=500)
    unfair = grouped(group(0.8, selected=250), group(0.8))
    assert not judge(pair(unfair, unfair), plan).guardrails["impact gender=Female"].breached
    by_chance = grouped(group(0.8, selected=240), group(0.8))
    found = judge(pair(unfair, by_chance), plan).guardrails["impact gender=Female"]
    assert found.challenger is not None
    assert found.champion is not None
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
    found = replace(arm(10), groups={"gender=Other": GroupData(3, 1), "age=old": group(0.5)})
    assert selections(found.groups, "gender") == {"Other": Count(1, 3)}
