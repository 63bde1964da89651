"""Both arms' means adjusted by the bins of a covariate, from the definitions, with arrays; nothing of ours.

What a bin is worth beyond its arm's mean is learnt on one half of all units and taken out of the other, with one slope.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tests.integration.adapters_store.plain_statistics import ROUNDING, Mean

SHRINKAGE = 10.0
Array = NDArray[np.float64]


def adjusted_means(strata: tuple[Mapping[str, float], ...], weights: tuple[float, ...]) -> list[Mean]:
    """Champion's and challenger's mean; of figures such as ``1 -1 0 total`` (fold, bin, reviewed).

    A unit that was answered stands for `weights` units of its arm, those without a value among them.
    """
    rows = np.array([row for arm, found in enumerate(strata) for row in _rows(arm, found, weights[arm])])
    arm, fold, number, weight, n, total, _ = rows.T
    expected = np.zeros(len(rows))
    for half in (0.0, 1.0):
        learnt = _learnt(rows[fold != half])
        for at in np.flatnonzero(fold == half):
            expected[at] = learnt.get(number[at], learnt[np.inf] if number[at] >= 0 else 0.0)
    units = weight * n
    products = spread = 0.0
    for each in (arm == 0, arm == 1):
        centred = expected[each] - np.average(expected[each], weights=units[each])
        spread += float(np.sum(units[each] * centred**2))
        products += float(np.sum((weight * total)[each] * centred))
    slope = products / spread if spread > ROUNDING else 0.0
    taken = slope * (expected - np.average(expected, weights=units))
    return [_mean(rows[arm == each], taken[arm == each]) for each in (0, 1)]


def _rows(arm: int, found: Mapping[str, float], weight: float) -> list[list[float]]:
    names = sorted({name.rpartition(" ")[0] for name in found})
    rows = []
    for name in names:
        fold, number, reviewed = map(float, name.split())
        sums = [found.get(f"{name} {figure}", 0.0) for figure in ("n", "total", "squares")]
        rows.append([arm, fold, number, 1.0 if reviewed else weight, *sums])
    return rows


def _learnt(rows: Array) -> dict[float, float]:
    """What a unit of each bin is worth beyond its arm; under infinity that of a known bin without units here."""
    arm, _, number, weight, n, total, _ = rows.T
    surplus = np.zeros(len(rows))
    for each in np.unique(arm):
        mine = arm == each
        mean = np.sum((weight * total)[mine]) / np.sum((weight * n)[mine])
        surplus[mine] = (weight * (total - mean * n))[mine]
    units = {one: float(np.sum((weight * n)[number == one])) for one in np.unique(number)}
    beyond = {one: float(np.sum(surplus[number == one])) for one in units}
    drawn = {one: beyond[one] / (units[one] + SHRINKAGE) for one in units}
    known = [one for one in units if one >= 0]
    lost = sum(beyond[one] - units[one] * drawn[one] for one in known)
    back = lost / max(sum(units[one] for one in known), 1.0)
    return {one: worth + back * (one >= 0) for one, worth in drawn.items()} | {np.inf: back}


def _mean(rows: Array, taken: Array) -> Mean:
    _, _, _, weight, n, total, squares = rows.T
    count, whole = float(np.sum(n)), float(np.sum(weight * n))
    mean = float(np.sum(weight * (total - taken * n))) / whole
    off = taken + mean
    residuals = float(np.sum(weight**2 * (squares - 2 * off * total + off**2 * n)))
    if residuals < ROUNDING * float(np.sum(weight**2 * (squares + off**2 * n))):
        residuals = 0.0
    freedom = count / (count - 1) if count > 1 else 1.0
    return Mean(count, mean, residuals / whole**2 * count * freedom)
