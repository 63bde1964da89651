"""How much the challenger's mean differs from the champion's, with its standard error."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from contender.experiment.ranges import check
from contender.experiment.statistics.moments import Estimate

Alternative = Literal["two-sided", "greater", "less"]
"""What would be news: any difference, an effect above the null value, or one below it."""


class Effect(NamedTuple):
    """Challenger against champion: `estimate` with its `standard_error`, over `n` units of both arms.

    `freedom` is Welch and Satterthwaite's degrees of freedom, which only fixed-horizon tests use.
    """

    estimate: float
    standard_error: float
    n: float
    freedom: float


class Inference(NamedTuple):
    """An effect with its interval and p-value; a one-sided interval is infinite on its other side."""

    estimate: float
    standard_error: float
    low: float
    high: float
    p_value: float


def difference(champion: Estimate, challenger: Estimate) -> Effect:
    """Challenger's mean minus champion's, in the metric's own unit.

    >>> effect = difference(Estimate(4, 7.0, 2.0), Estimate(15, 5.0, 0.5))
    >>> effect.estimate, round(effect.standard_error**2, 5)
    (-2.0, 0.53333)
    """
    _check(champion, challenger)
    variance = champion.squared_error + challenger.squared_error
    return _effect(champion, challenger, challenger.mean - champion.mean, variance)


def lift(champion: Estimate, challenger: Estimate) -> Effect:
    """The difference of means relative to the champion's observed mean: 0.1 is ten per cent more.

    The standard error is the delta method's (Deng, Knoblich and Lu 2018, arXiv 1803.06336, section 2). A champion's
    mean of zero leaves the lift unknown: estimate 0, infinite error.

    >>> round(lift(Estimate(4, 7.0, 2.0), Estimate(15, 5.0, 0.5)).standard_error ** 2, 5)
    0.00589
    """
    _check(champion, challenger)
    base = champion.base
    if base == 0.0:
        return _effect(champion, challenger, 0.0, math.inf)
    ratio = challenger.base / base
    variance = (challenger.squared_error + ratio * ratio * champion.squared_error) / base**2
    return _effect(champion, challenger, (challenger.mean - champion.mean) / base, variance)


def _check(champion: Estimate, challenger: Estimate) -> None:
    for name, arm in {"champion": champion, "challenger": challenger}.items():
        check(f"{name}.n", arm.n, 0.0)
        check(f"{name}.variance", arm.variance, 0.0)
        for mean in (arm.mean, arm.base):
            check(f"{name}.mean", mean)


def _effect(champion: Estimate, challenger: Estimate, estimate: float, variance: float) -> Effect:
    freedom = _freedom(champion, challenger)
    return Effect(estimate, math.sqrt(variance), champion.n + challenger.n, freedom)


def _freedom(champion: Estimate, challenger: Estimate) -> float:
    """Welch 1947 and Satterthwaite 1946; infinite where the samples do not tell."""
    first, second = champion.squared_error, challenger.squared_error
    if min(champion.n, challenger.n) < 2 or first + second == 0.0:
        return math.inf
    part = first / (first + second)  # squares of the errors themselves may be too small for a float
    return 1.0 / (part**2 / (champion.n - 1) + (1.0 - part) ** 2 / (challenger.n - 1))
