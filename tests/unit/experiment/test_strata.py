"""Adjustment by strata: what it saves, and that it moves no effect, whatever the covariate's holes."""

import numpy as np
import pytest

from contender.experiment.data import Sample, Stratum
from contender.experiment.statistics.cuped import Adjusted
from contender.experiment.statistics.effect import difference
from contender.experiment.statistics.strata import Stratified, adjust_by_strata

UNKNOWN = -1


def stratified(values: np.ndarray, bins: np.ndarray, folds: np.ndarray) -> Stratified:
    strata = {}
    for fold, number in {*zip(folds.tolist(), bins.tolist(), strict=True)}:
        mine = values[(folds == fold) & (bins == number)]
        strata[Stratum(fold, number)] = Sample(len(mine), float(mine.sum()), float((mine**2).sum()))
    return Stratified(strata)


def arm(
    rng: np.random.Generator, units: int, shift: float, unknown: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values that depend on a covariate by a curve, of whose values some are unknown."""
    before = rng.random(units)
    values = np.clip(0.5 + shift + 0.4 * np.sin(7.0 * before) + rng.normal(0.0, 0.2, units), 0.0, 1.0)
    bins = np.where(rng.random(units) < unknown, UNKNOWN, (20 * before).astype(int))
    return values, bins, rng.integers(0, 2, units)


def test_unknown_covariates_in_one_arm_bias_nothing() -> None:
    """Half of the challenger's covariates are lost at random: they are a bin of their own."""
    rng, errors, savings = np.random.default_rng(11), [], []
    for _ in range(200):
        arms = [arm(rng, 1000, 0.0, 0.0), arm(rng, 1000, 0.0, 0.5)]
        found = adjust_by_strata(*(stratified(*one) for one in arms))
        errors.append(difference(found.champion, found.challenger).estimate)
        savings.append(found.saving)
    assert abs(np.mean(errors)) < 3.0 * np.std(errors) / 200**0.5
    assert np.mean(savings) > 0.3


def test_a_curve_is_taken_out_that_a_line_would_miss() -> None:
    rng, savings, errors, stated = np.random.default_rng(12), [], [], []
    for _ in range(200):
        found = adjust_by_strata(*(stratified(*arm(rng, 1000, shift, 0.0)) for shift in (0.0, 0.02)))
        effect = difference(found.champion, found.challenger)
        savings.append(found.saving)
        errors.append(effect.estimate)
        stated.append(effect.standard_error)
    assert np.mean(savings) > 0.6
    # What is stated is what happens: the standard error is the spread of the estimates.
    assert np.std(errors) == pytest.approx(np.mean(stated), rel=0.15)


def compared(**weights: float) -> Adjusted:
    strata = {
        Stratum(0, 1): Sample(40, 10.0, 10.0),
        Stratum(1, 1): Sample(40, 30.0, 30.0),
        Stratum(0, 2): Sample(60, 50.0, 50.0),
        Stratum(1, 2): Sample(60, 55.0, 55.0),
    }
    return adjust_by_strata(Stratified(strata, **weights), Stratified(strata, **weights))


def test_weights_that_all_units_share_change_nothing() -> None:
    one, two = compared(), compared(answered_weight=2.0)
    assert two.champion.base == pytest.approx(one.champion.base) == pytest.approx(145 / 200)
    # The expectations are shrunk by a fixed number of units, which count for less beside twice as many.
    assert two.champion.squared_error == pytest.approx(one.champion.squared_error, rel=0.01)


def test_an_arm_in_one_bin_keeps_its_own_variance() -> None:
    one = Stratified({Stratum(fold, 0): Sample(50, 20.0, 20.0) for fold in (0, 1)})
    found = adjust_by_strata(one, one)
    assert found.saving == pytest.approx(0.0, abs=1e-9)
    assert found.champion.variance == pytest.approx(0.4 * 0.6 * 100 / 99)


def test_a_single_unit_of_no_value_has_no_spread() -> None:
    """What it was expected to be worth cancels, and leaves rounding: it must not pass for a variance."""
    values = {(0, 0): 0.5, (0, 1): 1.0, (0, 2): 0.0, (1, 0): 0.0, (1, 1): 1.0, (1, 2): 0.0}
    champion = {Stratum(*at): Sample(1, value, value**2) for at, value in values.items()}
    challenger = {Stratum(1, 1): Sample(1, 0.0, 0.0)}
    assert adjust_by_strata(Stratified(champion), Stratified(challenger)).challenger.variance == 0.0
