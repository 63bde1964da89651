"""The published formulas that a verdict rests on, written out plainly with SciPy, and nothing of ours.

Where the code under test takes Newton's steps or closed forms, this maximizes with SciPy over the whole range.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import betaln, gammaln, xlog1py, xlogy

ROUNDING = 1e-12
"""What is left of sums that cancel to nothing, as a part of them."""


class Mean(NamedTuple):
    """An arm's mean: of how many units with a value, and the variance of one unit's value."""

    units: float
    mean: float
    variance: float

    @property
    def squared_error(self) -> float:
        """Of the mean; infinite where nobody knows the spread."""
        unknown = not self.units or (self.units < 2 and not self.variance)
        return math.inf if unknown else self.variance / self.units


def sample_mean(n: float, total: float, squares: float) -> Mean:
    """Mean and unbiased variance from sums."""
    if not n:
        return Mean(0.0, 0.0, 0.0)
    variance = (squares - total**2 / n) / (n - 1) if n > 1 else 0.0
    return Mean(n, total / n, variance if variance > ROUNDING * squares / n else 0.0)


def whole_variance(first: Mean, second: Mean) -> float:
    """The variance of all values of both arms together, by the law of total variance."""
    part = first.units / (first.units + second.units)
    apart = (first.mean - second.mean) ** 2
    if apart <= ROUNDING * (first.mean**2 + second.mean**2):
        apart = 0.0
    return part * first.variance + (1 - part) * second.variance + part * (1 - part) * apart


def error_of(first: Mean, second: Mean) -> float:
    """The standard error of a difference: at least that of two samples of all values together."""
    least = whole_variance(first, second) * (1 / first.units + 1 / second.units)
    return math.sqrt(max(first.squared_error + second.squared_error, least))


def _mixing(alpha: float, tuning_units: float) -> float:
    """Equation 161 of arXiv 2103.06476v7."""
    return (-2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))) / tuning_units


def two_sided(estimate: float, error: float, n: float, alpha: float, tuning_units: float) -> tuple[float, float]:
    """The reach to each side (equation 9) and the p-value against 0 (equation 155) of the asymptotic sequence."""
    if not 0 < error < math.inf:
        return math.inf, 1.0
    scale = n * _mixing(alpha, tuning_units)
    reach = error * math.sqrt(2 * (scale + 1) / scale * math.log(math.sqrt(scale + 1) / alpha))
    evidence = -0.5 * math.log(scale + 1) + (estimate / error) ** 2 * scale / (2 * (scale + 1))
    return reach, math.exp(-max(evidence, 0.0))


def above(estimate: float, error: float, n: float, alpha: float, tuning_units: float) -> float:
    """The p-value against effects of at most 0, one-sided: where the bound of equation 134 touches 0."""
    if not 0 < error < math.inf or estimate <= 0:
        return 1.0
    scale = n * _mixing(2 * alpha, tuning_units)
    exponent = (estimate / error) ** 2 * scale / (2 * (scale + 1))
    return min(1.0, math.sqrt(scale + 1) / (2 * math.expm1(min(exponent, 700.0))))


def dealt_otherwise(counts: Sequence[float], shares: Sequence[float], concentration: float) -> float:
    """The log Bayes factor of a Dirichlet-multinomial around the shares against them (Lindon and Malek 2022)."""
    return _mixture(counts, shares, concentration) - float(np.sum(xlogy(counts, shares)))


def dealt_otherwise_alike(
    phases: Sequence[tuple[Sequence[float], Sequence[float]]], prior: Sequence[float], concentration: float
) -> float:
    """The same over phases, with one belief about all: of the counts together, against each phase's own shares."""
    together = np.sum([counts for counts, _ in phases], axis=0)
    null = sum(float(np.sum(xlogy(counts, shares))) for counts, shares in phases)
    return _mixture(together, prior, concentration) - null


def _mixture(counts: Sequence[float], shares: Sequence[float], concentration: float) -> float:
    """The log-probability of an order of arrival, with Dirichlet shares."""
    alpha, held = concentration * np.asarray(shares, float), np.asarray(counts, float)
    each = gammaln(alpha + held) - gammaln(alpha)
    return float(gammaln(alpha.sum()) - gammaln(alpha.sum() + held.sum()) + each.sum())


Share = tuple[float, float]
"""How often something happened, and among how many units."""


def rate(share: Share) -> float:
    """The observed part; 0 among nobody."""
    return share[0] / share[1] if share[1] else 0.0


def excess(first: Share, second: Share, margin: float = 0.0) -> float:
    """The p-value of the second rate being at most `margin` above the first, by universal inference."""
    if rate(second) - rate(first) <= margin:
        return 1.0
    low, high = max(0.0, -margin), min(1.0, 1.0 - margin)
    null = _largest(lambda p: _likelihood(first, p) + _likelihood(second, p + margin), low, high)
    return _universal(null, first, second)


def falls_short(best: Share, group: Share, ratio: float) -> float:
    """The p-value of the group's rate being at least `ratio` times the best one's, by universal inference."""
    if rate(group) >= ratio * rate(best):
        return 1.0
    null = _largest(
        lambda p: _likelihood(best, p) + _likelihood(group, min(1.0, ratio * p)), 0.0, min(1.0, 1.0 / ratio)
    )
    return _universal(null, best, group)


def _universal(null: float, *shares: Share) -> float:
    """One over the evidence of each arm's Jeffreys mixture against the null's largest likelihood."""
    mixture = sum(float(betaln(x + 0.5, n - x + 0.5) - betaln(0.5, 0.5)) for x, n in shares)
    return math.exp(min(0.0, null - mixture))


def _likelihood(share: Share, p: float) -> float:
    p = min(max(p, 0.0), 1.0)
    return float(xlogy(share[0], p) + xlog1py(share[1] - share[0], -p))


def _largest(function: Callable[[float], float], low: float, high: float) -> float:
    """The largest value of a concave function of one variable."""
    found = minimize_scalar(lambda p: -function(p), bounds=(low, high), method="bounded", options={"xatol": 1e-12})
    return max(function(low), function(high), -float(found.fun))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values: the i-th smallest times how many are at least as large, never falling."""
    ordered = sorted(p_values)
    adjusted = [min(1.0, (len(ordered) - rank) * p) for rank, p in enumerate(ordered)]
    return [max(adjusted[: ordered.index(p) + 1]) for p in p_values]


def trimmed(first: tuple[float, float, float], second: tuple[float, float, float]) -> tuple[float, float]:
    """The lowest and the highest mean of the first arm once it has values as seldom as the second (Lee 2009).

    Each is how many values, their sum, how many lack one; values from 0 to 1, of which the excess may all be 1, or 0.
    """
    n, total, missing = first
    known, other = n / (n + missing), second[0] / (second[0] + second[2])
    kept = n * min(1.0, other / known)
    return max(0.0, (total - (n - kept)) / kept), min(1.0, total / kept)
