"""A thousand experiments without effect, looked at a hundred times each, through `judge`."""

import pytest

from benchmarks.peeking import SAME, bernoulli, brier, naive, run
from benchmarks.peeking_courses import LOOKS, Scenario
from contender.experiment.plan import Plan

pytestmark = pytest.mark.slow


def test_false_verdicts_stay_under_alpha() -> None:
    tally = run(SAME["brier"], Plan(), experiments=1_000, seed=1)
    assert tally.verdicts < 0.05
    assert tally.guardrail < 0.02
    assert tally.ratio_alarms < 0.02


@pytest.mark.parametrize("name", ["bernoulli", "rare", "ramp"])
def test_other_rewards_and_a_ramp_raise_few_alarms_too(name: str) -> None:
    tally = run(SAME[name], Plan(), experiments=250, seed=1)
    assert tally.verdicts <= 0.05
    assert tally.ratio_alarms <= 0.03


def test_the_usual_z_test_would_have_cried() -> None:
    z_alarms, ratio_alarms = naive(SAME["brier"], experiments=300, seed=1)
    assert z_alarms > 0.25
    assert ratio_alarms > 0.25


def test_effects_are_found_and_faults_are_stopped() -> None:
    plan = Plan()
    better = run(Scenario(brier, gain=0.3), plan, experiments=40, seed=2)
    assert better.promoted == 1.0
    worse = run(Scenario(bernoulli(0.5), gain=-0.2), plan, experiments=40, seed=3)
    assert worse.rolled_back == 1.0
    assert worse.units < 5_000


def test_a_ramp_fills_the_looks() -> None:
    for scenario in SAME.values():
        assert sum(looks for _, looks in scenario.ramp) == LOOKS
