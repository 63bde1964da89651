"""Tests that may be read once, at a number of units fixed beforehand. Verdicts do not use them; reports may."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from scipy import special

from contender.errors import InvalidInput
from contender.experiment.ranges import check_alpha, check_count, check_shares, check_test
from contender.experiment.statistics.bernoulli import Count
from contender.experiment.statistics.effect import Alternative, Effect, Inference


class ZTest(NamedTuple):
    """A z-score and its two-sided p-value."""

    z: float
    p_value: float


def welch(effect: Effect, alpha: float = 0.05, alternative: Alternative = "two-sided", null: float = 0.0) -> Inference:
    """The effect with Student's interval and p-value for unequal variances (Welch 1947, Biometrika 34).

    `null` is the effect tested against: -margin with ``greater`` is a non-inferiority test.

    >>> from contender.experiment.statistics.effect import difference
    >>> from contender.experiment.statistics.moments import Estimate
    >>> answer = welch(difference(Estimate(3407, 0.41, 15.21), Estimate(3461, 0.7, 38.44)))
    >>> round(answer.low, 5), round(answer.high, 5), round(answer.p_value, 5)
    (0.04538, 0.53462, 0.02016)
    """
    check_test(effect, alternative, null)
    check_alpha(alpha)
    if not 0.0 < effect.standard_error < math.inf:
        return Inference(effect.estimate, effect.standard_error, -math.inf, math.inf, 1.0)
    score = (effect.estimate - null) / effect.standard_error
    sides = 2.0 if alternative == "two-sided" else 1.0
    reach = -_student_quantile(effect.freedom, alpha / sides) * effect.standard_error
    low = -math.inf if alternative == "less" else effect.estimate - reach
    high = math.inf if alternative == "greater" else effect.estimate + reach
    tail = {"two-sided": -abs(score), "greater": -score, "less": score}[alternative]
    return Inference(effect.estimate, effect.standard_error, low, high, sides * _student_tail(effect.freedom, tail))


def z_test(champion: Count, challenger: Count) -> ZTest:
    """The pooled two-sample z-test of equal rates; z is positive where the challenger's rate is higher.

    Fleiss, Levin and Paik 2003, "Statistical Methods for Rates and Proportions", section 3.2, without continuity
    correction. Rates that are both 0 or both 1 do not differ: z 0, p 1.

    >>> answer = z_test(Count(20034, 44700), Count(20119, 45489))
    >>> round(answer.z, 6), round(answer.p_value, 6)
    (-1.784086, 0.07441)
    """
    check_count("champion", *champion)
    check_count("challenger", *challenger)
    trials = champion.trials + challenger.trials
    pooled = (champion.events + challenger.events) / trials if trials else 0.0
    variance = pooled * (1.0 - pooled)
    if variance == 0.0 or not champion.trials or not challenger.trials:
        return ZTest(0.0, 1.0)
    z = (challenger.rate - champion.rate) / math.sqrt(variance * (1 / champion.trials + 1 / challenger.trials))
    return ZTest(z, 2.0 * float(special.ndtr(-abs(z))))


def chi_square(counts: Sequence[float], weights: Sequence[float]) -> float:
    """The p-value of Pearson's chi-square test that `counts` fell by `weights` (Pearson 1900): sample ratio, one look.

    Weights are brought to sum 1; an arm of weight 0 is left out with its count. Nothing counted is no news: 1.0.

    Raises:
        InvalidInput: counts or weights that are negative or no numbers, or no weight above 0.

    >>> round(chi_square([1000, 1200], [0.5, 0.5]), 9)
    2.0079e-05
    """
    check_shares(counts, weights)
    expected = [(count, weight) for count, weight in zip(counts, weights, strict=True) if weight > 0.0]
    total, scale = sum(count for count, _ in expected), sum(weight for _, weight in expected)
    if not expected:
        raise InvalidInput("weights", "none is above 0")
    if total == 0.0 or len(expected) == 1:
        return 1.0
    shares = [(count, total * weight / scale) for count, weight in expected]
    statistic = sum((count - share) ** 2 / share for count, share in shares)
    return float(special.chdtrc(len(shares) - 1, statistic))


def _student_tail(freedom: float, score: float) -> float:
    return float(special.ndtr(score) if math.isinf(freedom) else special.stdtr(freedom, score))


def _student_quantile(freedom: float, level: float) -> float:
    return float(special.ndtri(level) if math.isinf(freedom) else special.stdtrit(freedom, level))
