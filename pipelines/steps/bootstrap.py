"""How far a metric on held-out rows may be trusted: its spread over resampled rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from contender.tasks.groups import Indices

RESAMPLES: Final = 80

LOW: Final = "_low"
HIGH: Final = "_high"
"""What the names of a metric's bounds end in, where they are registered beside it."""

_SEED: Final = 20_26
_QUANTILE: Final = 1.959964
"""Of the standard normal distribution, at 0.975."""


def resamples(labels: Sequence[str], groups: Indices, count: int = RESAMPLES) -> list[Indices]:
    """`count` draws of row numbers with replacement; the same rows give the same draws.

    What is drawn are whole groups (of duplicates, which tell nothing new), and as many of each class as there are: a
    rare class is never lost, where ranking and per-class metrics are undefined, and the spread is that of other people
    in the same mix. Davison & Hinkley, Bootstrap Methods and their Application, 1997, sections 3.2 (strata) and 3.8
    (groups).
    """
    rng = np.random.default_rng(_SEED)
    order = np.argsort(groups, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    strata = defaultdict[str, list[Indices]](list)
    for rows in members:
        strata[labels[int(rows[0])]].append(rows)
    return [_draw(rng, list(strata.values())) for _ in range(count)]


def spread(values: Sequence[float]) -> float:
    """The bootstrap's standard error: the deviation of the values of at least two draws."""
    return float(np.std(values, ddof=1))


def interval(point: float, values: Sequence[float]) -> tuple[float, float]:
    """The 95 % standard normal interval around `point`, given the metric's value in every draw.

    Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapter 12; 50 to 200 draws are enough for a standard
    error (section 6.4). It may reach past the range of a metric.

    >>> low, high = interval(0.8, [0.78, 0.80, 0.82])
    >>> round(low, 4), round(high, 4)
    (0.7608, 0.8392)
    """
    reach = _QUANTILE * spread(values)
    return point - reach, point + reach


def with_bounds(metrics: Mapping[str, float], intervals: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """The metrics, and beside each that has an interval its bounds: ``NAME_low`` and ``NAME_high``.

    >>> with_bounds({"accuracy": 0.8}, {"accuracy": (0.7, 0.9)})
    {'accuracy': 0.8, 'accuracy_low': 0.7, 'accuracy_high': 0.9}
    """
    bounds = {name + end: found[at] for name, found in intervals.items() for at, end in enumerate((LOW, HIGH))}
    return {**metrics, **bounds}


def _draw(rng: np.random.Generator, strata: Sequence[Sequence[Indices]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    drawn = [groups[int(at)] for groups in strata for at in rng.integers(0, len(groups), len(groups))]
    return np.concatenate(drawn)
