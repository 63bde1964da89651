"""Two answers to the same units, such as the shadow's beside the champion's: a test on the units' own differences."""

from __future__ import annotations

import math

from contender.experiment.data import PairedSample
from contender.experiment.ranges import check_pairs
from contender.experiment.statistics.effect import Effect
from contender.experiment.statistics.moments import covariance, mean_of


def paired_difference(pairs: PairedSample) -> Effect:
    """How much `second` exceeds `first` on the same units; `n` counts pairs, and `always_valid` and `welch` apply.

    The variance of a difference is Var(second) + Var(first) - 2 Cov (Student 1908, Biometrika 6): whatever the two
    have in common cancels, so far fewer units are needed than with two arms.

    >>> from contender.experiment.data import Sample
    >>> effect = paired_difference(PairedSample(Sample(3, 6.0, 14.0), Sample(3, 9.0, 29.0), 20.0))
    >>> effect.estimate, round(effect.standard_error, 6), effect.n, effect.freedom
    (1.0, 0.0, 3, 2)
    """
    check_pairs(pairs)
    first, second = mean_of(pairs.first), mean_of(pairs.second)
    shared = covariance(first.n, pairs.first.total, pairs.second.total, pairs.products)
    variance = max(0.0, first.variance + second.variance - 2.0 * shared)
    if first.n < 2:
        return Effect(second.mean - first.mean, math.inf, first.n, math.inf)
    return Effect(second.mean - first.mean, math.sqrt(variance / first.n), first.n, first.n - 1)
