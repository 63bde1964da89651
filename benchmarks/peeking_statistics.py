"""The judge's statistics for whole arrays: the formulas of `contender.experiment.statistics`, without its loops.

All arguments broadcast against each other. `benchmarks.peeking_check` holds them against the judge itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, gammaln

from contender.experiment.statistics.sequential import mixing

EDGE: Final = 1e-12
BISECTIONS: Final = 40
LARGEST_EXPONENT: Final = 700.0
NOISE: Final = 1e-12

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Means(NamedTuple):
    """An arm's estimate as `inference.ArmMean` has it, NaN where there is none; `events` is NaN of a mean."""

    n: Floats
    mean: Floats
    variance: Floats
    events: Floats

    @property
    def known(self) -> Bools:
        """Where there is an estimate."""
        return ~np.isnan(self.mean)

    def few(self, least: int) -> Bools:
        """Where events or non-events are too few for the normal approximation."""
        return (self.events < least) | (self.n - self.events < least)


class Comparison(NamedTuple):
    """Challenger minus champion with its interval at a level."""

    effect: Floats
    low: Floats
    high: Floats
    p_value: Floats


def mean_of(n: Floats, total: Floats, squares: Floats) -> tuple[Floats, Floats]:
    """Mean and unbiased variance, zeros where there are too few."""
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(n > 0, total / n, 0.0)
        variance = np.where(n > 1, (squares - total * total / n) / (n - 1.0), 0.0)
        noise = np.where(n > 0, NOISE * squares / n, 0.0)
    return mean, np.where(variance > noise, variance, 0.0)


def pooled_variance(first: Means, second: Means) -> Floats:
    """The variance of both arms' values together, a difference of their means among it."""
    units = first.n + second.n
    with np.errstate(invalid="ignore", divide="ignore"):
        inside = (first.n * first.variance + second.n * second.variance) / units
        apart = (first.mean - second.mean) ** 2 * first.n * second.n / units**2
        return inside + np.where(apart > NOISE * (first.mean**2 + second.mean**2), apart, 0.0)


def squared_error(arm: Means) -> Floats:
    """The variance of the arm's mean, infinite where nobody knows it."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((arm.n == 0) | ((arm.n < 2) & (arm.variance == 0.0)), np.inf, arm.variance / arm.n)


def difference(first: Means, second: Means, *, floor: bool = True) -> tuple[Floats, Floats]:
    """The difference of two means and its standard error; at least that of two samples of all values together."""
    with np.errstate(invalid="ignore", divide="ignore"):
        least = pooled_variance(first, second) * (1.0 / first.n + 1.0 / second.n) if floor else 0.0
    squared = np.maximum(squared_error(first) + squared_error(second), np.where(np.isnan(least), 0.0, least))
    return second.mean - first.mean, np.sqrt(squared)


def always_valid(estimate: Floats, error: Floats, n: Floats, level: tuple[float, float], null: float) -> Comparison:
    """The two-sided interval and p-value at (alpha, tuning units), as `sequential.always_valid`."""
    alpha, tuning = level
    rho2 = mixing(alpha, tuning)
    usable = (n > 0) & (error > 0.0) & np.isfinite(error)
    growth = n * rho2 + 1.0
    with np.errstate(invalid="ignore", divide="ignore"):
        reach = np.sqrt(2.0 * growth * np.log(np.sqrt(growth) / alpha) / (n * rho2)) * error
        score = (estimate - null) / error
        p_value = np.minimum(1.0, np.sqrt(growth) * np.exp(-rho2 * n * score * score / (2.0 * growth)))
    return Comparison(
        estimate,
        np.where(usable, estimate - reach, -np.inf),
        np.where(usable, estimate + reach, np.inf),
        np.where(usable, p_value, 1.0),
    )


def one_sided_p(score: Floats, n: Floats, error: Floats, level: tuple[float, float]) -> Floats:
    """The one-sided p-value of a score that is positive against the null, as `sequential`."""
    alpha, tuning = level
    rho2 = mixing(2.0 * alpha, tuning)
    usable = (n > 0) & (error > 0.0) & np.isfinite(error) & (score > 0.0)
    growth = n * rho2 + 1.0
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        exponent = np.minimum(rho2 * n * score * score / (2.0 * growth), LARGEST_EXPONENT)
        p_value = np.minimum(1.0, np.sqrt(growth) / (2.0 * np.expm1(exponent)))
    return np.where(usable, p_value, 1.0)


def excess_p(
    first: tuple[Floats, Floats], second: tuple[Floats, Floats], margin: float, where: Bools | None = None
) -> Floats:
    """The exact p-value of the second rate exceeding the first by more than `margin`, as `bernoulli.excess_p_value`.

    `first` and `second` are events and trials; 1 outside `where`.
    """
    if where is not None and not where.any():
        return np.ones(where.shape)
    events_1, trials_1, events_2, trials_2 = np.broadcast_arrays(*first, *second)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate_1 = np.where(trials_1 > 0, events_1 / trials_1, 0.0)
        rate_2 = np.where(trials_2 > 0, events_2 / trials_2, 0.0)
    excess = rate_2 > rate_1 + margin
    if where is not None:
        excess &= where
    found = np.ones(excess.shape)
    if excess.any():
        chosen = [array[excess] for array in (events_1, trials_1, events_2, trials_2, rate_1, rate_2)]
        found[excess] = _excess(chosen, margin)
    return found


def _excess(arrays: list[Floats], margin: float) -> Floats:
    events_1, trials_1, events_2, trials_2, rate_1, rate_2 = arrays
    if margin == 0.0:
        rate = np.clip((events_1 + events_2) / (trials_1 + trials_2), EDGE, 1.0 - EDGE)
    else:
        low = np.maximum(np.maximum(rate_1, EDGE), EDGE - margin)
        high = np.minimum(np.minimum(rate_2, 1.0 - EDGE) - margin, 1.0 - EDGE)
        for _ in range(BISECTIONS):
            rate = (low + high) / 2.0
            slope = _slope(events_1, trials_1, rate) + _slope(events_2, trials_2, rate + margin)
            low, high = np.where(slope > 0.0, rate, low), np.where(slope > 0.0, high, rate)
        rate = (low + high) / 2.0
    null = _log_likelihood(events_1, trials_1, rate) + _log_likelihood(events_2, trials_2, rate + margin)
    evidence = log_jeffreys(events_1, trials_1) + log_jeffreys(events_2, trials_2)
    return np.exp(np.minimum(0.0, null - evidence))


def ratio_p(best: tuple[Floats, Floats], group: tuple[Floats, Floats], ratio: float, where: Bools) -> Floats:
    """The exact p-value against the group's rate being at least `ratio` times the best one's; 1 outside `where`.

    As `bernoulli.ratio_p_value`.
    """
    found = np.ones(where.shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        under = where & (group[0] / group[1] < ratio * best[0] / best[1])
    if not under.any():
        return found
    events_1, trials_1, events_2, trials_2 = (array[under] for array in (*best, *group))
    low = np.full(events_1.shape, EDGE)
    high = np.full(events_1.shape, min(1.0, 1.0 / ratio) - EDGE)
    for _ in range(BISECTIONS + 10):
        rate = (low + high) / 2.0
        slope = _slope(events_1, trials_1, rate) + ratio * _slope(events_2, trials_2, ratio * rate)
        low, high = np.where(slope > 0.0, rate, low), np.where(slope > 0.0, high, rate)
    rate = (low + high) / 2.0
    null = _log_likelihood(events_1, trials_1, rate) + _log_likelihood(events_2, trials_2, ratio * rate)
    evidence = log_jeffreys(events_1, trials_1) + log_jeffreys(events_2, trials_2)
    found[under] = np.exp(np.minimum(0.0, null - evidence))
    return found


def log_jeffreys(events: Floats, trials: Floats) -> Floats:
    """The log of the Jeffreys mixture of all rates."""
    mixed: Floats = betaln(events + 0.5, trials - events + 0.5) - math.log(math.pi)
    return mixed


def _slope(events: Floats, trials: Floats, rate: Floats) -> Floats:
    return events / rate - (trials - events) / (1.0 - rate)


def _log_likelihood(events: Floats, trials: Floats, rate: Floats) -> Floats:
    return events * np.log(rate) + (trials - events) * np.log1p(-rate)


def ratio_evidence(counts: Floats, shares: Floats, whole: Sequence[float], concentration: float) -> Floats:
    """The log Bayes factor of `sample_ratio.pooled_evidence`: counts (..., phases, arms), shares (phases, arms)."""
    prior = concentration * np.asarray(whole, dtype=np.float64)
    pooled = counts.sum(axis=-2)
    mass = float(prior.sum())
    mixture = gammaln(mass) - gammaln(mass + pooled.sum(axis=-1))
    mixture = mixture + (gammaln(prior + pooled) - gammaln(prior)).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        null = np.where(counts > 0, counts * np.log(shares), 0.0).sum(axis=(-2, -1))
    return np.asarray(mixture - null, dtype=np.float64)


def p_of(log_evidence: Floats) -> Floats:
    """The p-value of that evidence, at one look."""
    return np.exp(np.minimum(0.0, -log_evidence))


def smallest(p_values: NDArray[Any]) -> Floats:
    """The smallest of all looks so far; looks are the second axis."""
    kept: Floats = np.minimum.accumulate(p_values, axis=1)
    return kept
