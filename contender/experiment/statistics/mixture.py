"""Howard's normal mixture boundary: how far a sum may stray from its mean, at any time, before it is news.

Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences", Annals of
Statistics 49 (2021), arXiv 1810.08240: proposition 5 (two-sided), proposition 6 (one-sided), section 3.5 (tuning).
Exact for sums whose increments are sub-Gaussian, such as bounded ones, with `variance` their accumulated variance
proxy. `tuning_variance` is where the boundary is tightest.
"""

from __future__ import annotations

import math

from contender.experiment.ranges import check, check_alpha, check_inside

_BISECTIONS = 200


def precision(tuning_variance: float, alpha: float = 0.05, *, one_sided: bool = False) -> float:
    """The mixture's parameter rho that makes the boundary at level `alpha` tightest at `tuning_variance`.

    >>> round(precision(100), 5)
    12.60056
    """
    check_alpha(alpha, one_sided=one_sided)
    check_inside("tuning_variance", tuning_variance)
    level = 2.0 * alpha if one_sided else alpha
    return tuning_variance / (-2.0 * math.log(level) + math.log1p(-2.0 * math.log(level)))


def log_evidence(total: float, variance: float, rho: float, *, one_sided: bool = False) -> float:
    """The logarithm of the mixture martingale for a centred sum `total`: log of the evidence against mean zero.

    >>> round(log_evidence(10, 100, precision(100)), 7)
    -0.6510052
    """
    check("total", total)
    _check(variance, rho)
    spread = variance + rho
    evidence = 0.5 * math.log(rho / spread) + total * total / (2.0 * spread)
    if not one_sided:
        return evidence
    # Only here: whoever serves or stores imports this module, and must not load SciPy, which its image has not.
    from scipy import special

    return evidence + math.log(2.0) + float(special.log_ndtr(total / math.sqrt(spread)))


def bound(variance: float, rho: float, alpha: float = 0.05, *, one_sided: bool = False) -> float:
    """What the sum's distance from its mean stays under, at all times at once, with probability 1 - `alpha`.

    >>> round(bound(100, precision(100)), 5)
    30.35209
    """
    check_alpha(alpha)
    _check(variance, rho)
    spread = variance + rho
    two_sided = math.sqrt(spread * (math.log(spread / rho) - 2.0 * math.log(alpha)))
    if not one_sided:
        return two_sided
    low, high = 0.0, two_sided
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2.0
        if log_evidence(middle, variance, rho, one_sided=True) < -math.log(alpha):
            low = middle
        else:
            high = middle
    return high


def _check(variance: float, rho: float) -> None:
    check("variance", variance, 0.0)
    check_inside("rho", rho)
