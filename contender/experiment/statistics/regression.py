"""Anytime-valid regression adjustment: a linear model's coefficient with an interval that holds at every look.

Lindon, Ham, Tingley and Bojinov, "Anytime-valid linear models and regression adjustment" (arXiv 2210.08589): a mixture
over the coefficient with precision `g` turns the t-statistic into an e-value. Unlike `sequential.always_valid` it is
exact at every number of units if the errors are normal, and asymptotic otherwise.
"""

from __future__ import annotations

import math

from contender.experiment.data import PairedSample, Sample
from contender.experiment.ranges import check, check_alpha, check_inside, check_pairs, check_test
from contender.experiment.statistics.effect import Effect, Inference
from contender.experiment.statistics.moments import covariance, mean_of

_COEFFICIENTS = 3
"""Intercept, arm, covariate."""

_LARGEST_SCORE = 1e100
"""Its square is still a number."""


def regression_effect(champion: PairedSample, challenger: PairedSample) -> Effect:
    """The arm's coefficient in the least-squares fit of `first` on arm and covariate `second`, from sums alone.

    One slope for both arms, that within arms (analysis of covariance); `freedom` is n - 3. Without freedom, or with an
    empty arm, the error is infinite.

    >>> first = PairedSample(Sample(3, 6.0, 14.0), Sample(3, 3.0, 5.0), 8.0)
    >>> second = PairedSample(Sample(3, 9.0, 29.0), Sample(3, 3.0, 5.0), 11.0)
    >>> round(regression_effect(first, second).estimate, 6)
    1.0
    """
    arms = (champion, challenger)
    for arm in arms:
        check_pairs(arm)
    spread, shared, total = (sum(found) for found in zip(*map(_within, arms), strict=True))
    slope = shared / spread if spread > 0.0 else 0.0
    n = sum(arm.first.n for arm in arms)
    if min(arm.first.n for arm in arms) == 0 or n <= _COEFFICIENTS:
        return Effect(0.0, math.inf, n, math.inf)
    outcome, covariate = (
        _mean(getattr(challenger, name)) - _mean(getattr(champion, name)) for name in ("first", "second")
    )
    residual = max(0.0, total - slope * shared) / (n - _COEFFICIENTS)
    unbalance = covariate * covariate / spread if spread > 0.0 else 0.0
    error = math.sqrt(residual * (sum(1.0 / arm.first.n for arm in arms) + unbalance))
    return Effect(outcome - slope * covariate, error, n, n - _COEFFICIENTS)


def anytime_regression(effect: Effect, alpha: float = 0.05, precision: float = 1.0) -> Inference:
    """The coefficient with an interval that covers the truth at every look with probability 1 - `alpha`, and p = 1/e.

    `effect` is of `regression_effect`, or any coefficient with its standard error, units and freedom. `precision` is
    the mixture's, in units: small values suit small effects. It must be fixed before the start.

    >>> answer = anytime_regression(Effect(0.4, 0.1, 1000, 997))
    >>> answer.low < 0.0 < answer.high, answer.p_value < 1.0
    (False, True)
    """
    check_test(effect)
    check_alpha(alpha)
    check_inside("precision", precision)
    if not 0.0 < effect.standard_error < math.inf:
        return Inference(effect.estimate, effect.standard_error, -math.inf, math.inf, 1.0)
    kept = precision / (precision + effect.n)
    reach = anytime_radius(effect.n, effect.freedom, alpha, precision) * effect.standard_error
    evidence = 0.5 * math.log(kept) + 0.5 * _gain(effect, kept)
    return Inference(
        effect.estimate,
        effect.standard_error,
        effect.estimate - reach,
        effect.estimate + reach,
        min(1.0, math.exp(-evidence)) if evidence > 0.0 else 1.0,
    )


def anytime_radius(n: float, freedom: float, alpha: float = 0.05, precision: float = 1.0) -> float:
    """How many standard errors the interval reaches to each side after `n` units; infinite while there are too few.

    With infinite freedom that of the normal mixture, the limit of many units.

    >>> 2.0 < anytime_radius(1000, 997, precision=100) < anytime_radius(1000, 997) < 4.5
    True
    """
    check_alpha(alpha)
    check_inside("precision", precision)
    check("n", n, 0.0)
    kept = precision / (precision + n)
    if kept == 1.0:
        return math.inf
    if math.isinf(freedom):
        return math.sqrt(-math.log(kept * alpha * alpha) / (1.0 - kept))
    check_inside("freedom", freedom)
    level = (kept * alpha * alpha) ** (1.0 / (freedom + 1.0))
    if level <= kept:
        return math.inf
    return math.sqrt(freedom * (1.0 - level) / (level - kept))


def _gain(effect: Effect, kept: float) -> float:
    score = min(abs(effect.estimate) / effect.standard_error, _LARGEST_SCORE)
    t2 = score * score
    if math.isinf(effect.freedom):
        return t2 * (1.0 - kept)
    return (effect.freedom + 1.0) * (math.log1p(t2 / effect.freedom) - math.log1p(kept * t2 / effect.freedom))


def _within(arm: PairedSample) -> tuple[float, float, float]:
    """Sums of squares and products around the arm's own means: of the covariate, of both, of the outcome."""
    n = arm.first.n
    if n < 2:
        return 0.0, 0.0, 0.0
    shared = covariance(n, arm.first.total, arm.second.total, arm.products)
    return (n - 1) * mean_of(arm.second).variance, (n - 1) * shared, (n - 1) * mean_of(arm.first).variance


def _mean(sample: Sample) -> float:
    return sample.total / sample.n
