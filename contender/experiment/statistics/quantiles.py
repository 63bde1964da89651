"""Bounds of a quantile that hold at every look, from counts in bins.

Howard and Ramdas, "Sequential estimation of quantiles with applications to A/B testing and best-arm identification",
Bernoulli 28 (2022), arXiv 1906.09712, section 2: how many values lie at or below the quantile is a sum of yes-or-no
values whose rate is known, and the beta-binomial mixture bounds how far such a sum strays, at all times at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from contender.experiment.data import LATENCY_BINS
from contender.experiment.latency import upper_edge_ms
from contender.experiment.ranges import check, check_alpha, check_inside
from contender.experiment.statistics.bernoulli import Count, log_evidence

TUNING_TRIALS = 1_000.0
"""The bound is tightest at so many units, unless it is told otherwise."""


class QuantileBounds(NamedTuple):
    """A quantile of latency in milliseconds, to a bin, and what it may be. Without units: 0, 0 and infinity."""

    estimate_ms: float
    low_ms: float
    high_ms: float


def quantile_bounds(
    counts: Sequence[int], quantile: float, alpha: float = 0.05, tuning_trials: float = TUNING_TRIALS
) -> QuantileBounds:
    """The `quantile` of values counted in the bins of `contender.experiment.latency`, with bounds at level `alpha`.

    The estimate and the bounds are upper edges of bins. The last bin has no end: where the quantile may lie in it,
    `high_ms` is infinite, and its edge is the least that the estimate can be.

    Raises:
        InvalidInput: a negative count, a quantile or a level outside (0, 1), or `tuning_trials` out of range.

    >>> bounds = quantile_bounds([0, 0, 0, 0, 500, 0, 0, 0, 500], 0.5)
    >>> bounds.estimate_ms, bounds.low_ms, bounds.high_ms
    (2.0, 1.681792830507429, 4.0)
    """
    check_inside("quantile", quantile, 0.0, 1.0)
    check_alpha(alpha)
    for number, count in enumerate(counts):
        check(f"counts[{number}]", count, 0.0)
    below = list(accumulate(counts))
    if not below or not below[-1]:
        return QuantileBounds(0.0, 0.0, math.inf)
    total, line = below[-1], -math.log(alpha)
    estimate = next(at for at, n in enumerate(below) if n >= quantile * total)
    # What is in the last bin may be slower than its edge, so that nothing is known to lie at or below that.
    sure = [
        at
        for at, n in enumerate(below[: LATENCY_BINS - 1])
        if log_evidence(Count(n, total), quantile, tuning_trials, alpha) >= line
    ]
    low = max((upper_edge_ms(at) for at in sure if below[at] < quantile * total), default=0.0)
    high = min((upper_edge_ms(at) for at in sure if below[at] > quantile * total), default=math.inf)
    return QuantileBounds(upper_edge_ms(estimate), low, high)
