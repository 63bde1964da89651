"""The formulas on arrays are those of `contender.experiment.statistics`."""

import math

import numpy as np
import pytest

from benchmarks.peeking_before import first_signs
from benchmarks.peeking_statistics import (
    Means,
    always_valid,
    difference,
    excess_p,
    mean_of,
    one_sided_p,
    ratio_evidence,
    ratio_p,
    smallest,
)
from contender.experiment.data import Sample
from contender.experiment.statistics import moments, sample_ratio, sequential
from contender.experiment.statistics.bernoulli import Count, excess_p_value, ratio_p_value
from contender.experiment.statistics.effect import Effect
from contender.experiment.statistics.effect import difference as scalar_difference


def some(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


@pytest.mark.parametrize("margin", [-0.1, -0.005, 0.0, 0.01, 0.1])
def test_excess(margin: float) -> None:
    rng = np.random.default_rng(0)
    trials = rng.integers(0, 500, (2, 200))
    events = rng.binomial(trials, rng.random((2, 200)))
    found = excess_p((events[0], trials[0]), (events[1], trials[1]), margin)
    for number in range(200):
        first, second = (Count(int(events[arm, number]), int(trials[arm, number])) for arm in (0, 1))
        assert found[number] == pytest.approx(excess_p_value(first, second, margin), rel=1e-9, abs=1e-300)


def test_excess_is_one_outside_the_mask() -> None:
    found = excess_p((some(0, 0), some(20, 20)), (some(20, 20), some(20, 20)), 0.0, np.array([True, False]))
    assert found[0] < 1e-8
    assert found[1] == 1.0


def test_ratios() -> None:
    rng = np.random.default_rng(1)
    trials = rng.integers(1, 500, (2, 200))
    events = rng.binomial(trials, rng.random((2, 200)) * some(1.0, 0.5)[:, None])
    found = ratio_p((events[0], trials[0]), (events[1], trials[1]), 0.8, np.ones(200, bool))
    for number in range(200):
        best, group = (Count(int(events[arm, number]), int(trials[arm, number])) for arm in (0, 1))
        assert found[number] == pytest.approx(ratio_p_value(best, group, 0.8), rel=1e-8, abs=1e-300)


def test_phases_of_the_sample_ratio_are_pooled() -> None:
    shares = np.array([[0.9, 0.1], [0.88, 0.12]])
    counts = np.array([[[880.0, 120.0], [700.0, 300.0]]])
    phases = [(row.astype(int).tolist(), dealt.tolist()) for row, dealt in zip(counts[0], shares, strict=True)]
    expected = sample_ratio.pooled_evidence(phases, shares[-1].tolist(), 100.0)
    assert ratio_evidence(counts, shares, shares[-1].tolist(), 100.0)[0] == pytest.approx(expected)


def test_means_and_differences() -> None:
    samples = [Sample(0, 0.0, 0.0), Sample(1, 0.5, 0.25), Sample(4, 10.0, 30.0), Sample(5, 5.0, 5.0)]
    mean, variance = mean_of(*(some(*column) for column in zip(*samples, strict=True)))
    for number, sample in enumerate(samples):
        assert (mean[number], variance[number]) == pytest.approx(moments.mean_of(sample)[1:3])
    first, second = moments.Estimate(40, 0.2, 0.16), moments.Estimate(60, 0.3, 0.21)
    arms = [Means(some(one.n), some(one.mean), some(one.variance), some(math.nan)) for one in (first, second)]
    estimate, error = difference(arms[0], arms[1], floor=False)
    effect = scalar_difference(first, second)
    assert (estimate[0], error[0]) == pytest.approx((effect.estimate, effect.standard_error))


@pytest.mark.parametrize(
    ("estimate", "error", "n"), [(0.02, 0.005, 4_000.0), (-0.1, 0.04, 300.0), (0.0, 0.0, 10.0), (0.1, math.inf, 5.0)]
)
def test_sequences(estimate: float, error: float, n: float) -> None:
    effect = Effect(estimate, error, n, math.inf)
    found = always_valid(some(estimate), some(error), some(n), (0.05, 5_000), 0.0)
    expected = sequential.always_valid(effect, 0.05, 5_000)
    assert (found.low[0], found.high[0], found.p_value[0]) == pytest.approx(expected[2:5])
    with np.errstate(invalid="ignore", divide="ignore"):
        score = some(estimate) / some(error)
    greater = one_sided_p(score, some(n), some(error), (0.05, 5_000))
    assert greater[0] == pytest.approx(sequential.always_valid(effect, 0.05, 5_000, "greater").p_value)


def test_one_phase_of_the_sample_ratio() -> None:
    shares = some(0.9, 0.1)
    counts = np.array([[[880.0, 120.0]], [[700.0, 300.0]]])
    found = ratio_evidence(counts, shares[None], shares.tolist(), 100.0)
    for number, (row,) in enumerate(counts):
        expected = sample_ratio.evidence([(row.astype(int).tolist(), shares.tolist())], 100.0)
        assert found[number] == pytest.approx(expected)


def test_the_smallest_so_far_is_kept() -> None:
    assert smallest(np.array([[0.5, 0.2, 0.9]])).tolist() == [[0.5, 0.2, 0.2]]


def test_the_first_verdict_counts() -> None:
    signs = np.array([[[0], [1], [-1]], [[0], [0], [0]], [[-1], [0], [1]]])
    ends = first_signs(signs, np.array([[[10.0], [20.0], [30.0]]] * 3))
    assert ends.promoted.tolist() == [True, False, False]
    assert ends.rolled_back.tolist() == [False, False, True]
    assert ends.units.tolist() == [20, 30, 10]
