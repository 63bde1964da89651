"""Rates of yes-or-no values, exact at every n and at every look: for rare outcomes and young experiments."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from contender.experiment.ranges import MOST, check, check_alpha, check_count, check_inside
from contender.experiment.statistics.mixture import precision

_BISECTIONS = 60
_EDGE = 1e-12
"""Rates nearer to 0 or 1 than this are taken for them."""


class Count(NamedTuple):
    """How often it happened among `trials` units."""

    events: int
    trials: int

    @property
    def rate(self) -> float:
        """The observed rate; 0 for no trials."""
        return self.events / self.trials if self.trials else 0.0


class Interval(NamedTuple):
    """The values of a rate that the data leave open."""

    low: float
    high: float


def log_evidence(count: Count, rate: float, tuning_trials: float = 100, alpha: float = 0.05) -> float:
    """The logarithm of the evidence against `rate` in (0, 1): a martingale that starts at 0 when `rate` is true.

    The two-sided beta-binomial mixture of Howard et al. 2021 (arXiv 1810.08240, proposition 7), tuned to be tightest at
    `tuning_trials`: a Beta(r / (1 - rate), r / rate) prior over the alternative, with mean `rate`.

    >>> round(log_evidence(Count(135, 625), 0.2, 625), 4)
    -0.6941
    """
    _check(count, tuning_trials)
    check_inside("rate", rate, 0.0, 1.0)
    spread = rate * (1.0 - rate)
    r = max(precision(tuning_trials * spread, alpha) - spread, 1e-3 * spread)
    hits, misses = r / (1.0 - rate), r / rate
    marginal = _log_beta(hits + count.events, misses + (count.trials - count.events)) - _log_beta(hits, misses)
    return marginal - _log_likelihood(count, rate)


def confidence_sequence(count: Count, alpha: float = 0.05, tuning_trials: float = 100) -> Interval:
    """The rates that stand at every look with probability 1 - `alpha`, exactly, whatever n.

    Howard et al. 2021 (arXiv 1810.08240, proposition 7 and section 4.2): all rates whose `log_evidence` stays under
    log(1 / alpha), found by bisection to the side of the observed rate.

    Raises:
        InvalidInput: more events than trials, or `alpha` or `tuning_trials` out of range.

    >>> interval = confidence_sequence(Count(700, 1000))
    >>> round(interval.low, 5), round(interval.high, 5)
    (0.65163, 0.74595)
    """

    def rejected(rate: float) -> bool:
        return log_evidence(count, rate, tuning_trials, alpha) >= -math.log(alpha)

    _check(count, tuning_trials)
    check_alpha(alpha)
    observed = min(max(count.rate, _EDGE), 1.0 - _EDGE)
    low = _frontier(rejected, _EDGE, observed) if rejected(_EDGE) else 0.0
    high = _frontier(rejected, 1.0 - _EDGE, observed) if rejected(1.0 - _EDGE) else 1.0
    return Interval(low, high)


def excess_p_value(champion: Count, challenger: Count, margin: float = 0.0) -> float:
    """How surprising the counts are if the challenger's rate exceeds the champion's by at most `margin`.

    Exact at any n and at any time: one over an e-value whose numerator is the Jeffreys mixture of each arm (a product
    of predictions made before each unit, so a martingale) and whose denominator is the largest likelihood under the
    null (universal inference: Wasserman, Ramdas and Balakrishnan 2020, PNAS 117, section 8; for two samples: Turner,
    Ly and Grünwald 2024, JSPI 230). `margin` lies in [0, 1). 1.0 while the observed excess is within it.

    Raises:
        InvalidInput: more events than trials, or a margin out of range.

    >>> excess_p_value(Count(0, 20), Count(20, 20)) < 1e-8
    True
    >>> excess_p_value(Count(10, 100), Count(18, 100), margin=0.1)
    1.0
    """
    for count in (champion, challenger):
        _check(count)
    check("margin", margin, 0.0, 1.0)
    if challenger.rate <= champion.rate + margin:
        return 1.0
    evidence = _log_jeffreys(champion) + _log_jeffreys(challenger)
    return math.exp(min(0.0, _log_null(champion, challenger, margin) - evidence))


def _check(count: Count, tuning_trials: float = 1.0) -> None:
    check_count("count", *count)
    check("count.trials", count.trials, 0.0, MOST)
    check_inside("tuning_trials", tuning_trials)
    check("tuning_trials", tuning_trials, 0.0, MOST)


def _log_null(champion: Count, challenger: Count, margin: float) -> float:
    """The largest log-likelihood with rates `margin` apart: concave in the champion's rate, so one slope to bisect.

    The best rates lie between the observed ones, which are further apart than the margin.
    """

    def too_high(rate: float) -> bool:
        return _slope(champion, rate) + _slope(challenger, rate + margin) < 0.0

    low, high = max(champion.rate, _EDGE), min(challenger.rate, 1.0 - _EDGE) - margin
    rate = _frontier(too_high, high, low)
    return _log_likelihood(champion, rate) + _log_likelihood(challenger, rate + margin)


def _frontier(holds: Callable[[float], bool], inside: float, outside: float) -> float:
    """Where a condition that holds at `inside` and not at `outside` begins to hold."""
    for _ in range(_BISECTIONS):
        middle = (inside + outside) / 2.0
        if holds(middle):
            inside = middle
        else:
            outside = middle
    return (inside + outside) / 2.0


def _slope(count: Count, rate: float) -> float:
    return count.events / rate - (count.trials - count.events) / (1.0 - rate)


def _log_likelihood(count: Count, rate: float) -> float:
    return count.events * math.log(rate) + (count.trials - count.events) * math.log1p(-rate)


def _log_jeffreys(count: Count) -> float:
    return _log_beta(count.events + 0.5, count.trials - count.events + 0.5) - _log_beta(0.5, 0.5)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
