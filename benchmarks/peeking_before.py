"""The decision on the metric as it was before values had windows, kept to compare power with: frozen, not to be cured.

Rewards counted when they came, each arm's variance was its own, and the whole level was spent on one always-valid
interval of the difference (commit 19b984c). Guardrails and soundness are left out: they only delay a promotion.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.peeking_cells import Cell
from benchmarks.peeking_counts import adder
from benchmarks.peeking_people import People
from benchmarks.peeking_statistics import Bools, Means, always_valid, difference, mean_of

ALPHA, TUNING_UNITS, MIN_UNITS = 0.05, 5_000.0, 250


class Ends(NamedTuple):
    """By experiment: whether it was promoted or rolled back, and the units with a value until then, or at the end."""

    promoted: Bools
    rolled_back: Bools
    units: NDArray[np.int64]


def judge_before(cell: Cell, people: People, experiments: int) -> Ends:
    """The first verdict of each experiment on people who come once; of several challengers by Bonferroni's bound."""
    known = ~np.isnan(people.value)
    adding = adder(cell, people, experiments)
    counted = [adding.by_arm(people.came, weights, known) for weights in (None, people.value, np.square(people.value))]
    champion = _means(counted, 0)
    signs, units = [], []
    for arm in range(1, cell.challengers + 1):
        challenger = _means(counted, arm)
        estimate, error = difference(champion, challenger, floor=False)
        n = champion.n + challenger.n
        found = always_valid(estimate, error, n, (ALPHA / cell.challengers, TUNING_UNITS), 0.0)
        enough = np.minimum(champion.n, challenger.n) >= MIN_UNITS
        signs.append(np.where(enough & (found.low > 0.0), 1, np.where(enough & (found.high < 0.0), -1, 0)))
        units.append(n)
    return first_signs(np.stack(signs, axis=-1), np.stack(units, axis=-1))


def first_signs(signs: NDArray[np.int64], units: NDArray[np.float64]) -> Ends:
    """Where the first verdicts fall; `signs` (experiments, looks, challengers) are 1 to promote and -1 to roll back."""
    spoken = (signs != 0).any(axis=-1)
    look = np.where(spoken.any(axis=1), spoken.argmax(axis=1), spoken.shape[1] - 1)
    row = np.arange(len(look))
    at_end = signs[row, look]
    promoted = (at_end > 0).any(axis=-1)
    return Ends(promoted, (at_end < 0).any(axis=-1) & ~promoted, units[row, look].max(axis=-1).astype(np.int64))


def _means(counted: list[NDArray[np.float64]], arm: int) -> Means:
    n, total, squares = (array[..., arm] for array in counted)
    mean, variance = mean_of(n, total, squares)
    return Means(n, mean, variance, np.full(n.shape, np.nan))
