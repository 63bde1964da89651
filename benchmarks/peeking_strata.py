"""Adjustment by strata on arrays: what `contender.experiment.statistics.strata` says of every look at once."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from benchmarks.peeking_cells import Cell
from benchmarks.peeking_counts import Counts, Strata
from benchmarks.peeking_statistics import Floats, Means
from contender.experiment.statistics.strata import SHRINKAGE

NOTHING: Final = 1e-12
"""Spreads and units below this are none, and squares that are this small a part of those that they are left of."""

STRATA: Final = (2, 3, 4)
"""The axes of an arm's folds, bins, and answered or reviewed units."""


class _Arm(NamedTuple):
    """An arm's strata: the weight of a unit, units, sums of values and of their squares, and what was expected."""

    weight: Floats
    n: Floats
    total: Floats
    squares: Floats
    expected: Floats

    def weighed(self, values: Floats) -> Floats:
        """The weighted sum at every look."""
        return np.asarray((self.weight * values).sum(axis=STRATA))


def adjusted(cell: Cell, counts: Counts, strata: Strata, number: int) -> tuple[Means, Means]:
    """Both arms' adjusted means; strata are (experiments, looks, arms, folds, bins, answered or reviewed)."""
    pair = [0, number]
    n, total, squares = (array[:, :, pair] for array in (strata.n, strata.total, strata.squares))
    with np.errstate(invalid="ignore", divide="ignore"):
        weight = np.where(counts.values.n > 0, counts.values.answered / counts.values.n, 1.0)[:, :, pair]
    weights = np.stack([weight, np.ones_like(weight)], axis=-1)[..., None, None, :]
    expected = _expected((weights * n).sum(axis=5), (weights * total).sum(axis=5))[..., None]
    arms = [_Arm(weights[:, :, at], n[:, :, at], total[:, :, at], squares[:, :, at], expected) for at in (0, 1)]
    slope, centre = _slope(arms)
    first, second = (_estimate(cell, arm, slope, centre) for arm in arms)
    return first, second


def _expected(units: Floats, totals: Floats) -> Floats:
    """How much more than its arm's mean a unit is expected to be worth by the other fold, without the axis of arms."""
    mean = totals.sum(axis=4, keepdims=True) / np.maximum(units.sum(axis=4, keepdims=True), NOTHING)
    excess, pooled = (totals - mean * units).sum(axis=2), units.sum(axis=2)
    drawn: Floats = excess / (pooled + SHRINKAGE)
    lost = (excess - pooled * drawn)[..., :-1].sum(axis=3)
    # People without a covariate are in the last bin.
    drawn[..., :-1] += (lost / np.maximum(pooled[..., :-1].sum(axis=3), 1.0))[..., None]
    return drawn[:, :, ::-1]


def _slope(arms: list[_Arm]) -> tuple[Floats, Floats]:
    """What is taken out for each unit of what was expected, and the mean of that over both arms."""
    spread = shared = units = whole = np.zeros(arms[0].n.shape[:2])
    with np.errstate(invalid="ignore", divide="ignore"):
        for arm in arms:
            weight, value = arm.weighed(arm.n), arm.weighed(arm.total)
            expected = arm.weighed(arm.n * arm.expected)
            spread = spread + arm.weighed(arm.n * arm.expected**2) - expected**2 / weight
            shared = shared + arm.weighed(arm.total * arm.expected) - expected * value / weight
            units, whole = units + weight, whole + expected
        return np.where(spread > NOTHING, shared / spread, 0.0), whole / units


def _estimate(cell: Cell, arm: _Arm, slope: Floats, centre: Floats) -> Means:
    units, n = arm.weighed(arm.n), np.asarray(arm.n.sum(axis=STRATA))
    less = slope[..., None, None, None] * arm.expected
    totals = arm.total - less * arm.n
    squares = arm.squares - 2.0 * less * arm.total + less * less * arm.n
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = arm.weighed(totals) / units
        about = middle[..., None, None, None]
        residuals = (arm.weight**2 * (squares - 2.0 * about * totals + about**2 * arm.n)).sum(axis=STRATA)
        freedom = np.where(n > 1, n / (n - 1.0), 1.0)
        whole = (arm.weight**2 * (arm.squares + (less * less + about**2) * arm.n)).sum(axis=STRATA)
        variance = np.where(residuals > NOTHING * whole, residuals, 0.0) / units**2 * n * freedom
    events = np.asarray(arm.total.sum(axis=STRATA)) if cell.proportion else np.full(n.shape, np.nan)
    return Means(n, middle + slope * centre, variance, events)
