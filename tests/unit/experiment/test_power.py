"""How many units, and what can be seen with them."""

import math

import pytest

from contender.experiment.statistics.effect import Alternative
from contender.experiment.statistics.power import (
    Design,
    Goal,
    fixed_power,
    fixed_units,
    last_look_units,
    sequential_units,
    smallest_effect,
)

# growthbook/growthbook (MIT), packages/shared/test/power.test.ts: a mean of 10 over 400 000 users in three variations.
MEAN = Design(10, 3909.9997749994377, 400_000 / 3, 400_000 / 3, relative=True)

# Same file, "checks power": weeks of 4 500 users in three variations; (power, smallest effect) of a binomial metric
# with rate 0.1 at an effect of 5 %, and of revenue with mean 0.1 and variance 0.5 at an effect of 30 %.
WEEKS = [
    (1, (0.073, 0.36767), (0.17053, 1.26769)),
    (2, (0.0965, 0.24505), (0.29389, 0.71941)),
    (9, (0.26666, 0.10796), (0.85213, 0.27647)),
]


def test_power_of_a_mean() -> None:
    # "calculates power correctly", "calculates two-tailed mde correctly"
    assert fixed_power(MEAN, 0.05) == pytest.approx(0.52144, abs=1e-5)
    assert smallest_effect(MEAN) == pytest.approx(0.07027, abs=2e-5)


@pytest.mark.parametrize(("weeks", "clicks", "revenue"), WEEKS)
def test_power_by_week(weeks: int, clicks: tuple[float, float], revenue: tuple[float, float]) -> None:
    for mean, variance, effect, expected in ((0.1, 0.09, 0.05, clicks), (0.1, 0.5, 0.3, revenue)):
        design = Design(mean, variance, 1500 * weeks, 1500 * weeks, relative=True)
        assert fixed_power(design, effect) == pytest.approx(expected[0], abs=1e-5)
        assert smallest_effect(design) == pytest.approx(expected[1], abs=2e-5)


def test_power_of_unequal_arms() -> None:
    # spotify/confidence (Apache-2.0), tests/frequentist/test_chisquared.py test_power_calculation_binomial (G*Power)
    design = Design(0.34, 0.2244, 225_725, 22_572)
    assert fixed_power(design, 0.01, alpha=0.03) == pytest.approx(0.8, abs=0.005)


@pytest.mark.parametrize(("alternative", "sign"), [("two-sided", 1), ("greater", 1), ("less", -1)])
def test_smallest_effect_has_just_the_power(alternative: Alternative, sign: int) -> None:
    design = Design(0.5, 0.25, 500, 700, challenger_variance=0.2)
    found = smallest_effect(design, 0.9, 0.02, alternative)
    assert fixed_power(design, sign * found, 0.02, alternative) == pytest.approx(0.9)


def test_power_agrees_with_statsmodels() -> None:
    from statsmodels.stats.power import NormalIndPower

    for alternative, theirs in (("two-sided", "two-sided"), ("greater", "larger")):
        expected = NormalIndPower().power(0.2, 300, 0.05, ratio=2.0, alternative=theirs)
        assert fixed_power(Design(0.0, 4.0, 300, 600), 0.4, 0.05, alternative) == pytest.approx(expected)  # type: ignore[arg-type]


@pytest.mark.parametrize("effect", [0.02, 0.1, 0.5])
def test_fixed_units_agree_with_statsmodels(effect: float) -> None:
    from statsmodels.stats.power import NormalIndPower

    expected = NormalIndPower().solve_power(effect / 0.5, power=0.8, alpha=0.05, ratio=0.25) * 1.25
    assert fixed_units(effect, 0.25, Goal(challenger_share=0.2)) == math.ceil(expected)


def test_a_lift_too_noisy_to_see_has_no_smallest_effect() -> None:
    assert smallest_effect(Design(0.01, 1.0, 100, 100, relative=True)) == math.inf


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_fixed_units_have_the_power(share: float) -> None:
    goal = Goal(power=0.9, challenger_share=share)
    units = fixed_units(0.05, 0.2, goal)
    powers = [fixed_power(Design(0.0, 0.2, n * (1 - share), n * share), 0.05) for n in (units - 1, units)]
    assert powers[0] < 0.9 <= powers[1]


def test_sequential_units_are_reproducible_and_between_their_bounds() -> None:
    goal = Goal()
    first, again = sequential_units(0.02, 0.04, goal), sequential_units(-0.02, 0.04, goal)
    assert first == again
    assert first.fixed_units < first.units < last_look_units(0.02, 2 * 0.2, goal)
    assert first.expected_units < first.units


@pytest.mark.parametrize("seed", [1, 2])
def test_sequential_units_hardly_depend_on_the_seed(seed: int) -> None:
    expected = sequential_units(0.05, 0.25, Goal()).units
    assert sequential_units(0.05, 0.25, Goal(), seed).units == pytest.approx(expected, rel=0.03)


def test_large_effects_are_seen_at_the_first_look() -> None:
    assert sequential_units(0.5, 0.01, Goal(least_units=500)).units <= 500


def test_an_effect_of_nothing_is_never_seen() -> None:
    assert last_look_units(0.0, 1.0, Goal()) >= 2**60
