"""Anytime-valid regression adjustment against least squares on the rows, and against its own guarantee."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from contender.experiment.data import NO_PAIRS, PairedSample, Sample
from contender.experiment.statistics.effect import Effect
from contender.experiment.statistics.regression import anytime_radius, anytime_regression, regression_effect

Floats = NDArray[np.float64]


def sums(first: Floats, second: Floats) -> PairedSample:
    one, two = (Sample(len(x), float(x.sum()), float((x**2).sum())) for x in (first, second))
    return PairedSample(one, two, float(first @ second))


def test_the_coefficient_is_that_of_least_squares_on_the_rows() -> None:
    rng = np.random.default_rng(3)
    arm, covariate = np.arange(400) % 3 == 0, rng.normal(size=400)
    outcome = 0.3 * arm + 0.8 * covariate + rng.normal(size=400)
    design = np.column_stack([np.ones(400), arm, covariate])
    fitted, residual, _, _ = np.linalg.lstsq(design, outcome, rcond=None)
    error = math.sqrt(residual[0] / 397 * np.linalg.inv(design.T @ design)[1, 1])
    found = regression_effect(sums(outcome[~arm], covariate[~arm]), sums(outcome[arm], covariate[arm]))
    assert found.estimate == pytest.approx(fitted[1])
    assert found.standard_error == pytest.approx(error)
    assert (found.n, found.freedom) == (400, 397)


def test_the_interval_leaves_zero_out_exactly_when_p_is_under_alpha() -> None:
    for n in (5, 50, 5_000):
        radius = anytime_radius(n, n - 3)
        if math.isinf(radius):
            continue
        for factor in (0.999, 1.001):
            answer = anytime_regression(Effect(radius * factor, 1.0, n, n - 3))
            assert (answer.low > 0.0) == (answer.p_value < 0.05) == (factor > 1.0)


def test_few_units_and_no_spread_tell_nothing() -> None:
    assert math.isinf(anytime_radius(4, 1))
    assert regression_effect(NO_PAIRS, NO_PAIRS).standard_error == math.inf
    one = sums(np.array([1.0]), np.array([1.0]))
    assert anytime_regression(regression_effect(one, one)).p_value == 1.0
    flat = sums(np.array([1.0, 2.0, 3.0]), np.ones(3))
    assert regression_effect(flat, flat).estimate == 0.0


def test_looking_at_every_unit_cries_in_few_experiments_without_effect() -> None:
    rng = np.random.default_rng(7)
    cried = 0
    for _ in range(200):
        covariate, arm = rng.normal(size=300), rng.random(300) < 0.5
        outcome = covariate + rng.normal(size=300)
        cried += any(
            anytime_regression(
                regression_effect(
                    *(sums(outcome[:n][arm[:n] == side], covariate[:n][arm[:n] == side]) for side in (False, True))
                )
            ).p_value
            < 0.05
            for n in range(10, 300, 10)
        )
    assert cried / 200 <= 0.05
