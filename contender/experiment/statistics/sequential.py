"""Intervals and p-values that hold at every look: the asymptotic confidence sequence.

Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic confidence
sequences" (arXiv 2103.06476v7), in the form GrowthBook uses: equations 9, 134, 155 and 161. The guarantee is
asymptotic: under some hundreds of units in each arm make no decision by it (`Plan.min_units`).
"""

from __future__ import annotations

import math
from functools import lru_cache

from contender.experiment.ranges import check, check_alpha, check_inside, check_test
from contender.experiment.statistics.effect import Alternative, Effect, Inference

_LARGEST_EXPONENT = 700.0
"""exp of more than this overflows; the p-value is 0 long before."""


@lru_cache(maxsize=256)
def mixing(alpha: float, tuning_units: float) -> float:
    """The mixing variance rho² that makes the interval tightest at `tuning_units` units (equation 161).

    >>> round(mixing(0.05, 5000), 7)
    0.0015872
    """
    check_alpha(alpha)
    check_inside("tuning_units", tuning_units)
    return (-2.0 * math.log(alpha) + math.log1p(-2.0 * math.log(alpha))) / tuning_units


def critical_value(n: float, alpha: float, tuning_units: float, *, one_sided: bool = False) -> float:
    """How many standard errors the interval reaches to each side after `n` units of both arms.

    Two-sided by equation 9, one-sided by equation 134. `tuning_units` must be fixed before the start. Infinite before
    the first unit.

    >>> round(critical_value(5000, 0.05, 5000), 4)
    3.0352
    """
    check_alpha(alpha, one_sided=one_sided)
    check("n", n, 0.0)
    if n == 0:
        return math.inf
    rho2 = mixing(2.0 * alpha if one_sided else alpha, tuning_units)
    growth = n * rho2 + 1.0
    evidence = math.log1p(math.sqrt(growth) / (2.0 * alpha)) if one_sided else math.log(math.sqrt(growth) / alpha)
    return math.sqrt(2.0 * growth * evidence / (n * rho2))


def always_valid(
    effect: Effect,
    alpha: float = 0.05,
    tuning_units: float = 5000,
    alternative: Alternative = "two-sided",
    null: float = 0.0,
) -> Inference:
    """The effect with an interval that covers the truth at *every* look with probability 1 - `alpha`.

    `p_value` is against an effect of `null` and may be read at any time too; it is at most `alpha` exactly when the
    interval leaves `null` out. A standard error of zero or infinity tells nothing: the interval is everything, p is 1.

    Raises:
        InvalidInput: naming the argument that is out of its range.

    >>> from contender.experiment.data import Sample
    >>> from contender.experiment.statistics.effect import difference, lift
    >>> from contender.experiment.statistics.moments import mean_of
    >>> arms = mean_of(Sample(3000, 1396.87, 52377.9767)), mean_of(Sample(3461, 2422.7, 134698.29))
    >>> answer = always_valid(lift(*arms), tuning_units=1000)
    >>> round(answer.low, 5), round(answer.high, 5), answer.p_value
    (-0.55844, 1.56516, 1.0)
    """
    one_sided = alternative != "two-sided"
    check_test(effect, alternative, null)
    check_alpha(alpha, one_sided=one_sided)
    check_inside("tuning_units", tuning_units)
    if effect.n == 0 or not 0.0 < effect.standard_error < math.inf:
        return Inference(effect.estimate, effect.standard_error, -math.inf, math.inf, 1.0)
    reach = critical_value(effect.n, alpha, tuning_units, one_sided=one_sided) * effect.standard_error
    low = -math.inf if alternative == "less" else effect.estimate - reach
    high = math.inf if alternative == "greater" else effect.estimate + reach
    score = (effect.estimate - null) / effect.standard_error
    if one_sided:
        p_value = _one_sided_p(score if alternative == "greater" else -score, effect.n, mixing(2 * alpha, tuning_units))
    else:
        p_value = _two_sided_p(score, effect.n, mixing(alpha, tuning_units))
    return Inference(effect.estimate, effect.standard_error, low, high, p_value)


def non_inferiority(effect: Effect, margin: float, alpha: float = 0.05, tuning_units: float = 5000) -> Inference:
    """Whether the challenger is at most `margin` worse: shown when ``low`` > -margin, that is when p is under `alpha`.

    One-sided always-valid test of effect ≤ -margin; `margin` is in the effect's unit and not negative.

    >>> non_inferiority(Effect(0.0, 0.01, 8000, 7998.0), margin=0.05).low > -0.05
    True
    """
    check("margin", margin, 0.0)
    return always_valid(effect, alpha, tuning_units, "greater", -margin)


def deterioration(effect: Effect, margin: float, alpha: float = 0.05, tuning_units: float = 5000) -> Inference:
    """Whether the challenger is more than `margin` worse: shown when ``high`` < -margin, that is when p is under alpha.

    One-sided always-valid test of effect ≥ -margin; `margin` is in the effect's unit and not negative.

    >>> deterioration(Effect(-0.1, 0.01, 8000, 7998.0), margin=0.05).p_value < 0.05
    True
    """
    check("margin", margin, 0.0)
    return always_valid(effect, alpha, tuning_units, "less", -margin)


def _two_sided_p(score: float, n: float, rho2: float) -> float:
    """One over the e-value of equation 155."""
    growth = n * rho2 + 1.0
    exponent = rho2 * n * score * score / (2.0 * growth)
    return min(1.0, math.sqrt(growth) * math.exp(-exponent))


def _one_sided_p(score: float, n: float, rho2: float) -> float:
    """The alpha at which the bound of equation 134 touches the null, the mixture held as it was tuned."""
    if score <= 0.0:
        return 1.0
    growth = n * rho2 + 1.0
    exponent = min(rho2 * n * score * score / (2.0 * growth), _LARGEST_EXPONENT)
    return min(1.0, math.sqrt(growth) / (2.0 * math.expm1(exponent)))
