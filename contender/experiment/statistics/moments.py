"""From aggregates to what an arm's sample says: mean and variance of a unit's value."""

from __future__ import annotations

from typing import NamedTuple

from contender.experiment.data import PairedSample, Sample
from contender.experiment.ranges import check, check_count, check_pairs, check_sample

_NOISE = 1e-12
"""A variance that is this small a part of the mean square is rounding."""


class Estimate(NamedTuple):
    """An arm's estimate: `n` units, `mean`, and `variance` of one unit's value (not of the mean).

    A planned `n` need not be whole.
    `unadjusted` is the mean before a covariate was taken into account, when it was: relative effects refer to it.
    """

    n: float
    mean: float
    variance: float
    unadjusted: float | None = None

    @property
    def base(self) -> float:
        """The mean as it was observed."""
        return self.mean if self.unadjusted is None else self.unadjusted

    @property
    def squared_error(self) -> float:
        """The variance of the mean; infinite for no units, and for a single one whose spread nobody knows."""
        if self.n == 0.0 or (self.n < 2.0 and self.variance == 0.0):
            return float("inf")
        return self.variance / self.n


def mean_of(sample: Sample) -> Estimate:
    """Mean and unbiased variance of the sample's values; zeros where there are too few for them.

    Raises:
        InvalidInput: sums that no such values have.

    >>> mean_of(Sample(4, 10.0, 30.0))
    Estimate(n=4, mean=2.5, variance=1.6666666666666667, unadjusted=None)
    """
    check_sample(sample)
    if sample.n == 0:
        return Estimate(0, 0.0, 0.0)
    variance = covariance(sample.n, sample.total, sample.total, sample.squares)
    # Of equal values cancellation leaves noise, of either sign.
    spread = variance if variance > _NOISE * sample.squares / sample.n else 0.0
    return Estimate(sample.n, sample.total / sample.n, spread)


def proportion_of(successes: float, n: float) -> Estimate:
    """The share of successes with the variance p (1 - p) of a yes-or-no value.

    Raises:
        InvalidInput: more successes than `n`, or fewer than none.

    >>> proportion_of(14, 28)
    Estimate(n=28, mean=0.5, variance=0.25, unadjusted=None)
    """
    check_count("proportion", successes, n)
    share = successes / n if n else 0.0
    return Estimate(n, share, share * (1.0 - share))


def ratio_of(sample: PairedSample) -> Estimate:
    """The ratio of two sums, such as answers accepted per answer given, when units bring several of each.

    Its variance is the delta method's (Deng, Knoblich and Lu 2018, arXiv 1803.06336, section 3): with numerator m and
    denominator d, (Var m - 2 R Cov(m, d) + R² Var d) / mean(d)² for R = mean(m) / mean(d).

    >>> ratio_of(PairedSample(Sample(3, 6.0, 14.0), Sample(3, 6.0, 14.0), 14.0))
    Estimate(n=3, mean=1.0, variance=0.0, unadjusted=None)
    """
    check_pairs(sample)
    top, bottom = mean_of(sample.first), mean_of(sample.second)
    if bottom.mean == 0.0:
        return Estimate(top.n, 0.0, 0.0)
    ratio = top.mean / bottom.mean
    shared = covariance(top.n, sample.first.total, sample.second.total, sample.products)
    spread = top.variance - 2.0 * ratio * shared + ratio * ratio * bottom.variance
    return Estimate(top.n, ratio, max(spread, 0.0) / bottom.mean**2)


def covariance(n: float, first: float, second: float, products: float) -> float:
    """The unbiased covariance from two sums and the sum of products; 0 for fewer than two units.

    >>> covariance(3, 6.0, 6.0, 14.0)
    1.0
    """
    check("n", n, 0.0)
    for name, value in {"first": first, "second": second, "products": products}.items():
        check(name, value)
    if n < 2:
        return 0.0
    return (products - first * second / n) / (n - 1)
