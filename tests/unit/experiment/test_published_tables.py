"""Published tables, typed with their source beside them, through the public functions."""

import math
from collections.abc import Sequence

import pytest

from contender.experiment.statistics.bernoulli import Count
from contender.experiment.statistics.effect import Alternative, difference
from contender.experiment.statistics.fixed import chi_square, welch, z_test
from contender.experiment.statistics.moments import Estimate, proportion_of
from contender.experiment.statistics.multiplicity import benjamini_hochberg, holm
from contender.experiment.statistics.power import Design, Goal, fixed_power, fixed_units

# Newcombe 1998, Statistics in Medicine 17, table II, method 1: two proportions, the simple asymptotic 95 % interval.
NEWCOMBE = [
    ((56, 70), (48, 80), 0.0575, 0.3425),
    ((9, 10), (3, 10), 0.2605, 0.9395),
    ((6, 7), (2, 7), 0.1481, 0.9947),
    ((5, 56), (0, 29), 0.0146, 0.1640),
]

# Three examples of Welch's t-test, as in Wikipedia, "Welch's t-test", section 6: both arms' units, mean and variance
# (all rounded to one decimal there), then t, degrees of freedom and p of the raw data.
WELCH = [
    ((15, 20.8, 7.9), (15, 23.0, 3.8), 2.46, 25.0, 0.021),
    ((10, 20.6, 9.0), (20, 22.1, 0.9), 1.57, 9.9, 0.149),
    ((10, 19.4, 1.4), (20, 21.6, 17.1), 2.22, 24.5, 0.036),
]

# R's pwr.2p.test (two arms of 80, deviation 1), as in statsmodels, stats/tests/test_power.py.
POWERS: list[tuple[float, Alternative, float]] = [
    (0.3, "two-sided", 0.475100870572638),
    (-0.01, "two-sided", 0.05045832927039234),
    (0.01, "greater", 0.056869534873146124),
    (0.01, "less", 0.0438089705093578),
]

# Garcia-Arenzana et al. 2014, 25 dietary variables, as in McDonald, Handbook of Biological Statistics, 3rd edition,
# "Multiple comparisons": p-values, of which five are significant at a false discovery rate of 25 %.
DIET = (
    *(0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205, 0.212, 0.216, 0.222, 0.251, 0.269),
    *(0.275, 0.34, 0.341, 0.384, 0.569, 0.594, 0.696, 0.762, 0.94, 0.942, 0.975, 0.986),
)
DIET_ADJUSTED = (0.025, 0.100, 0.210, 0.210, 0.210, 0.250, 0.264, 0.491)


@pytest.mark.parametrize(("higher", "lower", "low", "high"), NEWCOMBE)
def test_simple_intervals_of_newcombe(higher: tuple[int, int], lower: tuple[int, int], low: float, high: float) -> None:
    # His is the normal interval: `welch` gives it where the degrees of freedom are infinite.
    effect = difference(proportion_of(*lower), proportion_of(*higher))._replace(freedom=math.inf)
    found = welch(effect)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("first", "second", "t", "freedom", "p"), WELCH)
def test_three_examples_of_welch(
    first: Sequence[float], second: Sequence[float], t: float, freedom: float, p: float
) -> None:
    effect = difference(Estimate(*first), Estimate(*second))
    assert effect.estimate / effect.standard_error == pytest.approx(t, abs=0.035)  # their variances are rounded
    assert effect.freedom == pytest.approx(freedom, abs=0.2)
    assert welch(effect).p_value == pytest.approx(p, abs=0.006)


@pytest.mark.parametrize(("effect", "alternative", "power"), POWERS)
def test_powers_as_r_gives_them(effect: float, alternative: Alternative, power: float) -> None:
    assert fixed_power(Design(0.0, 1.0, 80, 80), effect, 0.05, alternative) == pytest.approx(power, abs=1e-13)


def test_corrections_of_the_handbook_and_the_encyclopedia() -> None:
    adjusted = benjamini_hochberg(DIET)
    assert [round(p, 3) for p in adjusted[:8]] == list(DIET_ADJUSTED)
    assert sum(p < 0.25 for p in adjusted) == 5
    # Wikipedia, "Holm-Bonferroni method", example: 0.01, 0.04, 0.03, 0.005 are adjusted to 0.03, 0.06, 0.06, 0.02.
    assert holm((0.01, 0.04, 0.03, 0.005)) == pytest.approx((0.03, 0.06, 0.06, 0.02))


def test_mendels_peas() -> None:
    # Mendel's 315, 108, 101 and 32 peas against 9:3:3:1, as in Fisher 1936, Annals of Science 1: chi-square 0.47.
    assert chi_square([315, 108, 101, 32], [9, 3, 3, 1]) == pytest.approx(0.9254, abs=5e-5)


def test_vitamin_c() -> None:
    # Pauling 1971, colds among 140 and 139 skiers, as in Fienberg, The Analysis of Cross-Classified Data:
    # 31 and 17 colds, chi-square 4.81.
    assert z_test(Count(31, 140), Count(17, 139)).z ** 2 == pytest.approx(4.81, abs=0.005)


def test_users_for_a_conversion_rate() -> None:
    # Kohavi, Longbotham, Sommerfield & Henne 2009, DMKD 18, section 3.2: 5 % conversions, 5 % change of them, 80 %
    # power: 121 600 users in each arm by the rule 16 variance / effect², which rounds 15.7 up.
    exact = 2 * (0.841621 + 1.959964) ** 2
    assert fixed_units(0.05 * 0.05, 0.05 * 0.95, Goal()) / 2 == pytest.approx(121_600 * exact / 16, rel=1e-4)
