"""Rates of yes-or-no values, exact at every n and at every look: for rare outcomes and young experiments."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from contender.experiment.ranges import MOST, check, check_alpha, check_count, check_inside
from contender.experiment.statistics.mixture import precision

_BISECTIONS = 45
_STEPS = 60
_CLOSE = 1e-13
_FINE = 1e-5
_RESOLUTION = 1e-9
"""How exactly an end of an interval is sought: what is decided by it must not depend on it."""
_EDGE = 1e-12
"""Rates nearer to 0 or 1 than this are taken for them."""


class Count(NamedTuple):
    """How often it happened among `trials` units.

    `events` may be a sum of values in [0, 1]: the likelihood ratio of a yes-or-no value, (q/p)^x ((1-q)/(1-p))^(1-x),
    is convex in x, so its mean under any distribution on [0, 1] with mean p is at most that of the yes-or-no value
    (Waudby-Smith and Ramdas 2024, JRSS B 86, section 4), and what is exact for events is valid for such sums.
    """

    events: float
    trials: float

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
    Ly and Grünwald 2024, JSPI 230). `margin` lies in (-1, 1): below 0 the question is whether the challenger's rate is
    surely not that much lower. 1.0 while the observed excess is within the margin.

    Raises:
        InvalidInput: more events than trials, or a margin out of range.

    >>> excess_p_value(Count(0, 20), Count(20, 20)) < 1e-8
    True
    >>> excess_p_value(Count(10, 100), Count(18, 100), margin=0.1)
    1.0
    """
    for count in (champion, challenger):
        _check(count)
    check_inside("margin", margin, -1.0, 1.0)
    return _excess(champion, challenger, margin)


def difference_bounds(champion: Count, challenger: Count, alpha: float) -> Interval:
    """How much the challenger's rate may differ from the champion's, at every look with probability 1 - `alpha`.

    All differences that neither side of `excess_p_value` rejects at `alpha` / 2, to nine digits.

    Raises:
        InvalidInput: more events than trials, or a level out of range.

    >>> bounds = difference_bounds(Count(50, 1000), Count(90, 1000), 0.05)
    >>> round(bounds.low, 3), round(bounds.high, 3)
    (-0.014, 0.096)
    """
    for count in (champion, challenger):
        _check(count)
    check_alpha(alpha)
    level, observed = alpha / 2.0, challenger.rate - champion.rate
    low = _farthest(lambda margin: _excess(champion, challenger, margin) <= level, observed, -1.0)
    high = _farthest(lambda margin: _excess(challenger, champion, -margin) <= level, observed, 1.0)
    return Interval(low, high)


def ratio_p_value(best: Count, group: Count, ratio: float) -> float:
    """How surprising the counts are if the group's rate is at least `ratio` times the best group's.

    Exact at any n and at any time, by universal inference as `excess_p_value`. 1.0 while the observed ratio is that
    large.

    Raises:
        InvalidInput: more events than trials, or a ratio that is not above 0.

    >>> ratio_p_value(Count(900, 2000), Count(0, 2000), 0.8) < 1e-9
    True
    >>> ratio_p_value(Count(5, 20), Count(0, 20), 0.8) > 0.05
    True
    """
    for count in (best, group):
        _check(count)
    check_inside("ratio", ratio)
    if not group.rate < ratio * best.rate:
        return 1.0

    def slope(rate: float) -> tuple[float, float]:
        (first, bend), (second, other) = _slope(best, rate), _slope(group, ratio * rate)
        return first + ratio * second, bend + ratio * ratio * other

    low, most = max(group.rate / ratio, _EDGE), (1.0 - _EDGE) / max(ratio, 1.0)
    rate = _summit(slope, min(low, most), max(low, min(best.rate, most)))
    null = _log_likelihood(best, rate) + _log_likelihood(group, ratio * rate)
    return math.exp(min(0.0, null - _log_jeffreys(best) - _log_jeffreys(group)))


def _excess(champion: Count, challenger: Count, margin: float) -> float:
    if not challenger.rate > champion.rate + margin:
        return 1.0
    evidence = _log_jeffreys(champion) + _log_jeffreys(challenger)
    return math.exp(min(0.0, _log_null(champion, challenger, margin) - evidence))


def _farthest(rejected: Callable[[float], bool], observed: float, end: float) -> float:
    """The rejected difference that is nearest to the observed one, on the side of `end`; `end` if none is rejected."""
    far, near = end * (1.0 - _FINE), observed
    if abs(end - observed) <= _FINE or not rejected(far):
        return end
    while abs(near - far) > _RESOLUTION:
        middle = (far + near) / 2.0
        if rejected(middle):
            far = middle
        else:
            near = middle
    return far


def _check(count: Count, tuning_trials: float = 1.0) -> None:
    check_count("count", *count)
    check("count.trials", count.trials, 0.0, MOST)
    check_inside("tuning_trials", tuning_trials)
    check("tuning_trials", tuning_trials, 0.0, MOST)


def _log_null(champion: Count, challenger: Count, margin: float) -> float:
    """The largest log-likelihood with rates `margin` apart: concave in the champion's rate, so it has one summit.

    The best rates lie between the observed ones, which are further apart than the margin; equal ones are the pooled.
    """

    def slope(rate: float) -> tuple[float, float]:
        (first, bend), (second, other) = _slope(champion, rate), _slope(challenger, rate + margin)
        return first + second, bend + other

    if margin == 0.0:
        rate = (champion.events + challenger.events) / (champion.trials + challenger.trials)
        rate = min(max(rate, _EDGE), 1.0 - _EDGE)
    else:
        low = max(champion.rate, _EDGE, _EDGE - margin)
        high = min(challenger.rate - margin, 1.0 - _EDGE, 1.0 - _EDGE - margin)
        rate = _summit(slope, low, high)
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


def _summit(slope: Callable[[float], tuple[float, float]], low: float, high: float) -> float:
    """Where a concave function is largest in [low, high]: Newton's steps on its slope, halving where they leave."""
    rate, following, left = low, (low + high) / 2.0, _STEPS
    while left and abs(following - rate) > _CLOSE:
        rate, left = following, left - 1
        value, bend = slope(rate)
        low, high = (rate, high) if value > 0.0 else (low, rate)
        step = rate - value / bend if bend else rate
        following = step if low <= step <= high else (low + high) / 2.0
    return following


def _slope(count: Count, rate: float) -> tuple[float, float]:
    """The slope of the log-likelihood, and how the slope changes."""
    inside = _inside(rate)
    hits, misses = count.events / inside, (count.trials - count.events) / (1.0 - inside)
    return hits - misses, -hits / inside - misses / (1.0 - inside)


def _log_likelihood(count: Count, rate: float) -> float:
    inside = _inside(rate)
    return count.events * math.log(inside) + (count.trials - count.events) * math.log1p(-inside)


def _inside(rate: float) -> float:
    """A rate that may have brought either, however rarely."""
    return min(max(rate, _EDGE), 1.0 - _EDGE)


def _log_jeffreys(count: Count) -> float:
    return _log_beta(count.events + 0.5, count.trials - count.events + 0.5) - _log_beta(0.5, 0.5)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
