"""Quantiles from counts in bins, against the published boundary, and how often their bounds hold at every look."""

import math

import numpy as np
import pytest

from contender.experiment.data import LATENCY_BINS
from contender.experiment.latency import latency_bin, upper_edge_ms
from contender.experiment.statistics.quantiles import quantile_bounds

# gostevehoward/confseq (MIT), test/uniform_boundaries_unittest.cpp, TestTwoSidedBetaBinomialMixture: at a variance of
# 100, tuned there, with steps of 0.2 and 0.8, the sum stays within 31.4308. Those are 625 values and a quantile of 0.2,
# whose upper bound is (demo/quantiles.py) the value of rank ceil(125 + 31.4308) = 157; by symmetry the lower bound of
# the quantile 0.8 is that of rank floor(500 - 31.4308 + 1) = 469.
VALUES, PUBLISHED = 625, 31.4308


def test_the_upper_bound_is_where_published() -> None:
    rank = math.ceil(0.2 * VALUES + PUBLISHED)
    assert rank == 157
    assert bounds(rank - 1, 0.2)[1] == upper_edge_ms(8)
    assert bounds(rank, 0.2)[1] == upper_edge_ms(4)


def test_the_lower_bound_is_where_published() -> None:
    rank = math.floor(0.8 * VALUES - PUBLISHED + 1)
    assert rank == 469
    assert bounds(rank - 1, 0.8)[0] == upper_edge_ms(7)
    assert bounds(rank, 0.8)[0] == upper_edge_ms(3)


def bounds(below: int, quantile: float) -> tuple[float, float]:
    """Of 625 values, so many of which are in the fifth bin and all others in the ninth."""
    found = quantile_bounds([0, 0, 0, 0, below, 0, 0, 0, VALUES - below], quantile, 0.05, VALUES)
    return found.low_ms, found.high_ms


@pytest.mark.parametrize("quantile", [0.5, 0.95, 0.99])
def test_bounds_hold_at_every_look(quantile: float) -> None:
    rng, missed = np.random.default_rng(10), 0
    truth = math.exp(3.0 + 0.8 * {0.5: 0.0, 0.95: 1.644854, 0.99: 2.326348}[quantile])
    for _ in range(100):
        numbers = [latency_bin(value) for value in rng.lognormal(3.0, 0.8, 1500)]
        looks = (np.bincount(numbers[:at], minlength=LATENCY_BINS).tolist() for at in range(50, 1501, 50))
        found = [quantile_bounds(counts, quantile) for counts in looks]
        missed += not all(each.low_ms <= truth <= each.high_ms for each in found)
    assert missed <= 5


def test_the_last_bin_has_no_end() -> None:
    slow = quantile_bounds([0] * (LATENCY_BINS - 1) + [1000], 0.5)
    assert slow.estimate_ms == upper_edge_ms(LATENCY_BINS - 1)
    assert (slow.low_ms, slow.high_ms) == (upper_edge_ms(LATENCY_BINS - 2), math.inf)


def test_more_units_narrow_the_bounds() -> None:
    few, many = (quantile_bounds([n] * 20, 0.5) for n in (10, 1000))
    assert few.low_ms < many.low_ms <= many.estimate_ms <= many.high_ms < few.high_ms
    assert quantile_bounds([0, 1, 0], 0.5) == (upper_edge_ms(1), 0.0, math.inf)
    assert quantile_bounds([], 0.5) == quantile_bounds([0, 0], 0.5) == (0.0, 0.0, math.inf)


def test_bounds_are_tightest_where_they_are_tuned() -> None:
    counts = [1] * LATENCY_BINS
    early, late = (quantile_bounds(counts, 0.5, 0.05, tuning) for tuning in (60.0, 1e7))
    assert late.low_ms < early.low_ms < early.high_ms < late.high_ms
