"""What a look tells beside its verdict."""

from dataclasses import replace

import pytest

from contender.experiment.data import ArmData, ExperimentData, MetricData, Phase, Sample, Stratum
from contender.experiment.details import details, metric_reports, smallest_loss
from contender.experiment.plan import Plan
from contender.metrics import PlannedMetric
from contender.values import CHALLENGER, CHAMPION

HIRE = PlannedMetric("hire", "primary")
METRICS = (
    PlannedMetric("acceptance"),
    PlannedMetric("dwell", type="mean", cap=10.0),
    PlannedMetric("ctr", type="ratio"),
)


def rewards(n: int, mean: float, matured: int = 0, reviewed: int = 0, weight: float = 0.0) -> MetricData:
    value = Sample(n, n * mean, n * (mean * mean + 0.04))
    return MetricData(matured or n + reviewed, reviewed, value, review_weight=weight)


def yes(n: int, hits: int) -> MetricData:
    return MetricData(n, 0, Sample(n, hits, hits))


def arm(**metrics: MetricData) -> ArmData:
    return ArmData(2000, 2000, review_units=200, metrics=metrics)


def pair(champion: ArmData, challenger: ArmData) -> ExperimentData:
    return ExperimentData({CHAMPION: champion, CHALLENGER: challenger})


def test_secondary_metrics_inform_with_few_false_discoveries() -> None:
    plan = Plan(metrics=METRICS)
    ratio = MetricData(2000, 0, Sample(2000, 400.0, 500.0), Sample(2000, 4000.0, 9000.0), 900.0)
    champion = arm(reward=rewards(2000, 0.8), acceptance=yes(2000, 400), dwell=rewards(2000, 4.0), ctr=ratio)
    challenger = arm(reward=rewards(2000, 0.8), acceptance=yes(2000, 600), dwell=rewards(2000, 4.0), ctr=ratio)
    found = details(pair(champion, challenger), plan, CHALLENGER)["metrics"]
    assert {name: report["discovery"] for name, report in found.items()} == {
        "acceptance": True,
        "dwell": False,
        "ctr": False,
    }
    assert found["acceptance"]["level"] == pytest.approx(0.05 / 3)
    assert found["acceptance"]["effect"] == pytest.approx(0.1)
    assert found["ctr"]["champion"] == pytest.approx(0.1)
    assert (found["dwell"]["level"], found["dwell"]["approximate"]) == (0.05, True)


def test_a_metric_without_values_or_with_few_units_says_what_it_knows() -> None:
    plan = Plan(metrics=METRICS)
    young = metric_reports(
        {
            CHAMPION: arm(dwell=rewards(9, 4.0), acceptance=yes(50, 1)),
            CHALLENGER: arm(dwell=rewards(9, 5.0), acceptance=yes(50, 2)),
        },
        plan,
    )
    assert (young["ctr"].effect, young["ctr"].champion) == (None, None)
    assert (young["dwell"].effect, young["dwell"].champion) == (None, 4.0)
    assert young["acceptance"].effect == pytest.approx(0.02)
    assert not young["acceptance"].approximate
    sure = metric_reports({CHAMPION: arm(dwell=rewards(2000, 0.1)), CHALLENGER: arm(dwell=rewards(2000, 9.9))}, plan)
    assert sure["dwell"].discovery


def test_the_effect_is_shown_at_other_prices_of_a_review() -> None:
    """V12: nine points more reviews of the hard cases."""
    plan = Plan(review_value=0.5)
    champion = arm(reward=rewards(900, 0.8, reviewed=100))
    challenger = arm(reward=rewards(810, 0.8, reviewed=190, weight=81.0))
    found = details(pair(champion, challenger), plan, CHALLENGER)["reviews"]
    assert (found[CHAMPION], found["price"], found["step"]) == (0.1, 0.5, 0.1)
    assert found["effect"]["same"] == pytest.approx(0.09 * (0.5 - 0.8))
    assert found["effect"]["higher"] - found["effect"]["same"] == pytest.approx(0.1 * (0.09 + 0.081))
    assert details(pair(arm(), arm()), plan, CHALLENGER)["reviews"]["effect"]["same"] is None
    hired = Plan(metrics=(HIRE,))
    assert "price" not in details(pair(arm(hire=yes(9, 1)), arm(hire=yes(9, 1))), hired, CHALLENGER)["reviews"]


def test_missing_outcomes_are_told_with_their_bounds() -> None:
    champion, challenger = arm(reward=rewards(800, 0.5, 1000)), arm(reward=rewards(700, 0.5, 1000, 100))
    found = details(pair(champion, challenger), Plan(review_value=0.5), CHALLENGER)["outcomes"]
    assert found[CHALLENGER] == {"units": 2000, "matured": 1000, "answered": 900, "with_value": 800, "missing": 200}
    low, high = found["bounds"]["manski"]
    assert (low, high) == (pytest.approx(-0.2), pytest.approx(0.2))
    assert found["bounds"]["lee"] == [pytest.approx(0.0), pytest.approx(0.0)]
    nobody = details(pair(champion, arm(reward=MetricData(10))), Plan(), CHALLENGER)["outcomes"]
    assert "bounds" not in nobody
    assert (
        "bounds"
        not in details(pair(arm(hire=yes(9, 1)), arm(hire=yes(9, 1))), Plan(metrics=(HIRE,)), CHALLENGER)["outcomes"]
    )


def test_latency_and_the_saving_of_a_covariate_are_told() -> None:
    fast = tuple(100 if number in (4, 8) else 0 for number in range(64))
    strata = {Stratum(fold, one): Sample(250, 250.0 * one, 250.0 * one) for fold in (0, 1) for one in (0, 1)}
    one = replace(arm(reward=yes(1000, 500)), latency=fast, strata=strata)
    found = details(pair(one, one), Plan(covariate="baseline"), CHALLENGER)
    assert found["latency_ms"][CHAMPION]["p50"] == {"estimate_ms": 2.0, "low_ms": 2**0.75, "high_ms": 4.0}
    assert found["adjustment"] == {"covariate": "baseline", "saving": pytest.approx(1.0, abs=0.01)}
    assert details(pair(arm(), arm()), Plan(covariate="baseline"), CHALLENGER)["adjustment"] is None


def test_the_smallest_loss_that_would_have_been_found_is_told() -> None:
    """V13: 2 % of one arm are found in 171 000 units."""
    half = {CHAMPION: 0.5, CHALLENGER: 0.5}
    phases = tuple(Phase(half, {CHAMPION: 28_500, CHALLENGER: 28_500}) for _ in range(3))
    data = replace(pair(arm(), arm()), phases=phases)
    assert smallest_loss(data, Plan(), CHALLENGER) == pytest.approx(0.02, abs=0.001)
    assert smallest_loss(replace(data, pooled=False), Plan(), CHALLENGER) == 1.0
    assert smallest_loss(data, Plan(), "other") == 1.0
    assert smallest_loss(pair(ArmData(0, 0), ArmData(0, 0)), Plan(), CHALLENGER) == 1.0
