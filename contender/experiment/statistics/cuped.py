"""Taking out of an outcome what was known about the unit before: CUPED."""

from __future__ import annotations

from typing import NamedTuple

from contender.experiment.data import PairedSample, Sample
from contender.experiment.ranges import check_pairs
from contender.experiment.statistics.moments import Estimate, covariance, mean_of


class Adjusted(NamedTuple):
    """Both arms after adjustment: compare them by `difference` or `lift` like any others.

    `slope` is what was subtracted per unit of the covariate. `saving` in [0, 1] is the part of the units that the
    covariate spares: the fall of the pooled variance.
    """

    champion: Estimate
    challenger: Estimate
    slope: float
    saving: float


def adjust(champion: PairedSample, challenger: PairedSample) -> Adjusted:
    """Both arms' outcomes (`first`) adjusted for a covariate (`second`) that the arm cannot have changed.

    One slope for both arms, Cov(y, x) / Var(x) over all units (Deng, Xu, Kohavi and Walker 2013, WSDM, section 3.2), so
    that the difference stays unbiased. A constant covariate leaves the outcomes as they are.

    >>> arm = PairedSample(Sample(4, 10.0, 30.0), Sample(4, 10.0, 30.0), 30.0)
    >>> adjust(arm, arm).saving
    1.0
    """
    for pairs in (champion, challenger):
        check_pairs(pairs)
    pooled = _pool(champion, challenger)
    spread = mean_of(pooled.second).variance
    slope = _covariance(pooled) / spread if spread else 0.0
    total = mean_of(pooled.first).variance
    saving = slope * slope * spread / total if total else 0.0
    return Adjusted(_adjusted(champion, slope), _adjusted(challenger, slope), slope, saving)


def _adjusted(sample: PairedSample, slope: float) -> Estimate:
    outcome, covariate = mean_of(sample.first), mean_of(sample.second)
    variance = outcome.variance + slope * slope * covariate.variance - 2.0 * slope * _covariance(sample)
    return Estimate(outcome.n, outcome.mean - slope * covariate.mean, max(variance, 0.0), unadjusted=outcome.mean)


def _covariance(sample: PairedSample) -> float:
    return covariance(sample.first.n, sample.first.total, sample.second.total, sample.products)


def _pool(one: PairedSample, other: PairedSample) -> PairedSample:
    return PairedSample(_add(one.first, other.first), _add(one.second, other.second), one.products + other.products)


def _add(one: Sample, other: Sample) -> Sample:
    return Sample(one.n + other.n, one.total + other.total, one.squares + other.squares)
