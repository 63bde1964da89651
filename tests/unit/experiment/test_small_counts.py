"""Exact evidence from few events, adjustment by strata, bounds of what is missing, quantiles, discoveries."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from contender.experiment.data import Sample, Stratum
from contender.experiment.fairness import impact_ratios
from contender.experiment.latency import upper_edge_ms
from contender.experiment.statistics.bernoulli import (
    Count,
    difference_bounds,
    excess_p_value,
    log_evidence,
    ratio_p_value,
)
from contender.experiment.statistics.effect import difference
from contender.experiment.statistics.missing import Observed, lee_bounds, manski_bounds
from contender.experiment.statistics.multiplicity import e_benjamini_hochberg
from contender.experiment.statistics.quantiles import quantile_bounds
from contender.experiment.statistics.sample_ratio import evidence, pooled_evidence, smallest_loss
from contender.experiment.statistics.strata import Stratified, adjust_by_strata


@pytest.mark.parametrize(
    ("champion", "challenger", "margin", "p_value"),
    [
        (Count(0, 20), Count(20, 20), 0.0, 5.8e-11),
        (Count(0, 20), Count(0, 20), 0.0, 1.0),
        (Count(0, 2000), Count(20, 2000), 0.0, 4.0e-3),
        (Count(0, 2000), Count(20, 2000), 0.01, 1.0),
        (Count(0, 2000), Count(0, 2000), -0.01, 1.2e-5),
        (Count(0, 2000), Count(60, 2000), 0.005, 6.1e-11),
        (Count(300, 1000), Count(450, 1000), 0.05, 3.3e-2),
        (Count(100, 1000), Count(100, 1000), -0.05, 1.0),
    ],
)
def test_rates_of_small_counts(champion: Count, challenger: Count, margin: float, p_value: float) -> None:
    """V2, V11: no event is evidence like any count, and as little of it as there is."""
    found = excess_p_value(champion, challenger, margin)
    assert found == pytest.approx(p_value, rel=0.1)
    if found < 1.0:
        assert found == pytest.approx(on_a_grid(champion, challenger, margin), rel=1e-2)


def on_a_grid(champion: Count, challenger: Count, margin: float) -> float:
    """The same by trying every rate of the null: its likelihood over both arms' Jeffreys mixtures."""
    rates = np.linspace(max(0.0, -margin), min(1.0, 1.0 - margin), 400_001)[1:-1]
    null = max(
        stats.binom.logpmf(champion.events, champion.trials, rates)
        + stats.binom.logpmf(challenger.events, challenger.trials, rates + margin)
    )
    mixtures = sum(stats.betabinom.logpmf(count.events, count.trials, 0.5, 0.5) for count in (champion, challenger))
    return float(np.exp(null - mixtures))


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.lists(st.floats(0.0, 1.0), min_size=1, max_size=6))
def test_values_between_0_and_1_are_no_more_evidence_than_events(
    null: float, alternative: float, values: list[float]
) -> None:
    """The likelihood ratio is convex in the value, so its mean is at most that of the yes-or-no value."""
    for value in values:
        ratio = (alternative / null) ** value * ((1 - alternative) / (1 - null)) ** (1 - value)
        line = value * alternative / null + (1 - value) * (1 - alternative) / (1 - null)
        assert ratio <= line * (1 + 1e-12)


def test_bounds_leave_out_what_is_rejected_and_hold_the_observed() -> None:
    first, second = Count(50, 1000), Count(90, 1000)
    low, high = difference_bounds(first, second, 0.1)
    assert low < 0.04 < high
    assert excess_p_value(first, second, low - 1e-4) < 0.05 < excess_p_value(first, second, low + 1e-3)
    assert excess_p_value(second, first, -high - 1e-4) < 0.05 < excess_p_value(second, first, 1e-3 - high)
    assert difference_bounds(Count(0, 0), Count(0, 0), 0.1) == (-1.0, 1.0)
    assert difference_bounds(Count(0, 5), Count(5, 5), 0.1).high == 1.0


def test_the_end_of_an_interval_is_no_coarser_than_what_it_decides() -> None:
    """Just under .02, which decided: sought to five digits it was just above, and the experiment went on for a look."""
    assert 0.01999 < difference_bounds(Count(9374, 9548), Count(344, 351), 0.02).high < 0.02


def test_false_alarms_of_the_exact_test_at_every_look() -> None:
    """A thousand pairs of arms with the same rare rate, looked at after every tenth unit."""
    rng = np.random.default_rng(1)
    alarms = 0
    for _ in range(300):
        first, second = ((rng.random(600) < 0.02).cumsum() for _ in range(2))
        looks = range(9, 600, 30)
        alarms += any(
            min(
                excess_p_value(Count(first[at], at + 1), Count(second[at], at + 1)),
                excess_p_value(Count(second[at], at + 1), Count(first[at], at + 1)),
            )
            <= 0.05
            for at in looks
        )
    assert alarms <= 15


def test_an_impact_ratio_of_nobody_selected_has_an_upper_end() -> None:
    table = impact_ratios({"m": Count(900, 2000), "f": Count(0, 2000)})
    row = next(one for one in table.groups if one.group == "f")
    assert row.surely_below
    nothing = impact_ratios({"m": Count(1, 2), "f": Count(0, 1)}, 0.01)
    interval = nothing.groups[1].interval
    assert interval is not None
    assert tuple(interval) == pytest.approx((0.0, 399.5), abs=0.1)
    few = impact_ratios({"m": Count(9, 20), "f": Count(0, 20)}, 0.01, 5000)
    assert not next(one for one in few.groups if one.group == "f").surely_below
    assert ratio_p_value(Count(0, 0), Count(0, 0), 0.8) == 1.0


def test_e_values_of_wang_and_ramdas() -> None:
    """Wang and Ramdas 2022, section 3: reject the k largest for the largest k with k e_(k) / K at least 1 / alpha."""
    assert e_benjamini_hochberg([60.0, 30.0, 20.0, 15.0], 0.05) == (False, False, False, False)
    assert e_benjamini_hochberg([80.0, 30.0, 20.0, 15.0], 0.05) == (True, False, False, False)
    assert e_benjamini_hochberg([60.0, 40.0, 27.0, 20.0], 0.05) == (True, True, True, True)
    assert e_benjamini_hochberg([], 0.05) == ()


def test_missing_outcomes_by_hand() -> None:
    wide = manski_bounds(Observed(50, 25.0, 50), Observed(100, 50.0, 0))
    assert tuple(wide) == pytest.approx((-0.25, 0.25))
    same = lee_bounds(Observed(50, 20.0, 50), Observed(100, 60.0, 100))
    assert tuple(same) == pytest.approx((0.2, 0.2))
    assert lee_bounds(Observed(10, 5.0, 0), Observed(1e-300, 0.0, 1e300)).high <= 1.0


def counts_of(values: np.ndarray) -> list[int]:
    numbers = np.clip(np.ceil(4 * np.log2(np.maximum(values, 1e-9))), 0, 63).astype(int)
    return [int(count) for count in np.bincount(numbers, minlength=64)]


def test_quantiles_are_covered_at_every_look() -> None:
    rng = np.random.default_rng(2)
    missed = 0
    for _ in range(200):
        values = rng.lognormal(3.0, 1.0, 2000)
        truth = math.exp(3.0)
        looks = (quantile_bounds(counts_of(values[:at]), 0.5) for at in range(100, 2001, 100))
        missed += any(not (found.low_ms <= truth <= found.high_ms) for found in looks)
    assert missed <= 10
    found = quantile_bounds(counts_of(rng.lognormal(3.0, 1.0, 5000)), 0.5)
    assert found.high_ms / found.low_ms < 1.5
    assert quantile_bounds([], 0.5) == quantile_bounds([0, 0], 0.5) == (0.0, 0.0, math.inf)


def test_the_last_bin_of_latency_has_no_end() -> None:
    found = quantile_bounds([0] * 63 + [1000], 0.5)
    assert found.low_ms == upper_edge_ms(62)
    assert found.high_ms == math.inf


def test_the_boundary_of_a_quantile_is_confseqs() -> None:
    """gostevehoward/confseq (MIT), test/uniform_boundaries_unittest.cpp, TestTwoSidedBetaBinomialMixture.

    With v = 100, g = 0.2 and h = 0.8 the bound is 31.4308: 625 units, of whom 125 should be at or below their quantile
    of 20 %, and demo/quantiles.py takes the bound from there.
    """
    assert log_evidence(Count(125 + 31.4308, 625), 0.2, 625) == pytest.approx(math.log(20), abs=1e-4)


@pytest.mark.parametrize("quantile", [0.2, 0.5, 0.9, 0.99])
def test_a_quantile_is_covered_where_many_units_share_a_bin(quantile: float) -> None:
    """Ties: the truth lies inside a bin with more than its share, at every look."""
    rng = np.random.default_rng(11)
    shares = [0.1, 0.35, 0.35, 0.15, 0.05]
    truth = next(at for at, below in enumerate(np.cumsum(shares)) if below >= quantile - 1e-9)
    missed = 0
    for _ in range(200):
        seen = rng.multinomial(50, shares, 40).cumsum(axis=0)
        looks = (quantile_bounds(counts.tolist(), quantile) for counts in seen)
        missed += any(not found.low_ms < upper_edge_ms(truth) <= found.high_ms for found in looks)
    assert missed <= 10


def stratified(values: np.ndarray, covariate: np.ndarray, folds: np.ndarray, weight: float = 1.0) -> Stratified:
    strata = {}
    for fold in (0, 1):
        for number in range(-1, 20):
            mine = values[(folds == fold) & (covariate == number)]
            strata[Stratum(fold, number)] = Sample(len(mine), float(mine.sum()), float((mine**2).sum()))
    return Stratified(strata, weight)


def test_a_covariate_with_a_correlation_of_60_per_cent_saves_a_third_and_biases_nothing() -> None:
    rng = np.random.default_rng(3)
    plain, adjusted, savings = [], [], []
    for _ in range(150):
        arms = []
        for shift in (0.0, 0.05):
            before = rng.normal(0.0, 1.0, 2000)
            after = np.clip(0.5 + shift + 0.15 * (0.6 * before + 0.8 * rng.normal(0.0, 1.0, 2000)), 0.0, 1.0)
            bins = np.clip(((before + 3.0) / 6.0 * 20).astype(int), 0, 19)
            arms.append((after, bins, rng.integers(0, 2, 2000)))
        found = adjust_by_strata(*(stratified(*one) for one in arms))
        plain.append(float(arms[1][0].mean() - arms[0][0].mean()))
        adjusted.append(difference(found.champion, found.challenger).estimate)
        savings.append(found.saving)
    assert np.mean(savings) > 0.3
    assert np.var(adjusted) < 0.8 * np.var(plain)
    assert abs(np.mean(adjusted) - np.mean(plain)) < 3 * np.std(np.subtract(adjusted, plain)) / 150**0.5


@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_a_covariate_that_one_arm_lost_more_often_biases_nothing(shift: float) -> None:
    """Unknown at random, of 5 % of one arm's units and 40 % of the other's; with an effect and without."""
    rng = np.random.default_rng(6)
    changes = []
    for _ in range(300):
        arms, means = [], []
        for unknown, gain in ((0.05, 0.0), (0.4, shift)):
            before = rng.normal(0.0, 1.0, 2000)
            after = (0.6 * before + 0.8 * rng.normal(0.0, 1.0, 2000) > 1.0 - gain).astype(float)
            bins = np.clip(((before + 3.0) / 6.0 * 20).astype(int), 0, 19)
            bins[rng.random(2000) < unknown] = -1
            arms.append((after, bins, rng.integers(0, 2, 2000)))
            means.append(after.mean())
        found = adjust_by_strata(*(stratified(*one) for one in arms))
        changes.append(difference(found.champion, found.challenger).estimate - (means[1] - means[0]))
    assert abs(np.mean(changes)) < 0.001


def test_a_covariate_that_knows_nothing_costs_nothing() -> None:
    rng = np.random.default_rng(4)
    savings = []
    for _ in range(50):
        arms = [(rng.random(1000), rng.integers(0, 20, 1000), rng.integers(0, 2, 1000)) for _ in range(2)]
        savings.append(adjust_by_strata(*(stratified(*one) for one in arms)).saving)
    assert np.mean(savings) > -0.005
    assert min(savings) > -0.02


def test_one_fold_or_one_unit_is_left_as_it_is() -> None:
    one = Stratified({Stratum(0, 3): Sample(1, 0.5, 0.25), Stratum(0, 4): Sample(0, 0.0, 0.0)})
    found = adjust_by_strata(one, one)
    assert (found.champion.mean, found.slope, found.saving) == (0.5, 0.0, 0.0)


def test_answered_units_stand_for_those_without_a_value() -> None:
    strata = {
        Stratum(0, 1): Sample(50, 50.0, 50.0),
        Stratum(1, 1): Sample(50, 50.0, 50.0),
        Stratum(0, 1, reviewed=True): Sample(100, 0.0, 0.0),
    }
    half = adjust_by_strata(Stratified(strata, 2.0), Stratified(strata, 1.0))
    assert half.champion.base == pytest.approx(200 / 300)
    assert half.challenger.base == pytest.approx(0.5)


def test_one_belief_over_all_phases_finds_a_loss_sooner() -> None:
    """V13: 5 % of the challenger's exposures lost, in a ramp of three steps of the same proportions."""
    phases = [((1000, 950), (0.5, 0.5)), ((5000, 4750), (0.5, 0.5)), ((10_000, 9500), (0.5, 0.5))]
    assert pooled_evidence(phases, (0.5, 0.5), 100.0) > evidence(phases, 100.0) + 1.0
    assert pooled_evidence([((1, 1), (1.0, 0.0))], (1.0, 0.0), 100.0) == math.inf
    assert pooled_evidence([], (0.0, 0.0), 100.0) == 0.0
    assert smallest_loss(10, (0.5, 0.5), 1, 100.0, 0.01) == 1.0
    assert evidence([((0, 0), (0.0, 0.0))], 100.0) == 0.0
    # Arms without a share are left out while nobody is in them.
    assert pooled_evidence([((5, 5, 0), (0.5, 0.5, 0.0))], (0.5, 0.5, 0.0), 100.0) < 0.0
