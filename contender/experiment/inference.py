"""How much a metric differs between two arms, with an interval that holds at every look.

Exact for few events: until each arm has `FEW` events and as many non-events, a proportion is decided by beta-binomial
e-values at `EXACT_PART` of the level, from then on by the asymptotic sequence at the rest. For every metric the error
of the difference is at least that of two samples of all values together: an arm without an event proves nothing.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from contender.experiment.data import MetricData
from contender.experiment.plan import Plan
from contender.experiment.statistics.bernoulli import Count, difference_bounds, excess_p_value
from contender.experiment.statistics.effect import Effect, difference
from contender.experiment.statistics.moments import Estimate, mean_of, ratio_of
from contender.experiment.statistics.sequential import always_valid, deterioration, non_inferiority
from contender.metrics import PlannedMetric

FEW: Final = 20
"""Events, and non-events, that each arm must have before the normal approximation decides on a proportion."""

EXACT_PART: Final = 0.2
"""The part of a proportion's level that the exact test has, which decides while events are few."""

_NOISE: Final = 1e-12
"""A difference of means whose square is this small a part of theirs is rounding."""

DEFAULT_REVIEW_VALUE: Final = 0.5
"""The price of a review where neither plan nor task states one: as good as not knowing."""


class ArmMean(NamedTuple):
    """An arm's estimate of a metric, and of a proportion the events behind it. `units` have a value."""

    estimate: Estimate
    units: int
    events: Count | None = None

    @property
    def few(self) -> bool:
        """Whether events or non-events are too few for the normal approximation."""
        return self.events is not None and not FEW <= self.events.events <= self.events.trials - FEW


class Difference(NamedTuple):
    """Challenger minus champion of one metric: `effect` in its unit, with the interval at the level asked for.

    `p_value` is against no difference (or the plan's margin), scaled so that it is at most the level exactly when the
    interval leaves that out. `unit_error` is the standard error times the root of all units, 0 while nobody can tell.
    """

    effect: float
    interval: tuple[float, float]
    p_value: float
    unit_error: float
    exact: bool = False


class MarginTest(NamedTuple):
    """Whether a metric is worse by more than a margin, and whether it is surely not; p-values of this look."""

    harm_p: float = 1.0
    safe_p: float = 1.0


def review_value(plan: Plan) -> float:
    """The price of a review, in [0, 1]."""
    return DEFAULT_REVIEW_VALUE if plan.review_value is None else plan.review_value


def arm_mean(metric: PlannedMetric, data: MetricData, price: float) -> ArmMean | None:
    """The arm's mean over all units whose window has closed; None while it is unknown.

    Reviewed units earn the `price`. Answered units without a truth are taken to be as those with one: the mean is that
    of the two strata, weighted by all their units, so that missing outcomes do not give reviews more weight.
    """
    observed = data.value.n
    if (data.answered and not observed) or not data.matured:
        return None
    if metric.type == "ratio":
        # Nothing under the line is nothing measured, and no rate of 0.
        return ArmMean(ratio_of(data.pairs), observed) if data.divisor.total else None
    if metric.type == "proportion" and not data.reviewed:
        return ArmMean(mean_of(data.value), observed, Count(data.value.total, observed))
    units, part = observed + data.reviewed, data.answered / data.matured
    answered = mean_of(data.value)
    own = part * part * answered.variance / observed if observed else 0.0
    between = (answered.mean - price) ** 2 * part * (1.0 - part) / data.matured if observed else 0.0
    mean = (1.0 - part) * price + part * answered.mean
    return ArmMean(Estimate(units, mean, (own + between) * units), units)


def missing_p(champion: MetricData, challenger: MetricData) -> float:
    """The p-value, of this look, of as many answered units having a truth in both arms; exact at every look."""
    first, second = (Count(seen.value.n, seen.answered) for seen in (champion, challenger))
    return min(excess_p_value(first, second), excess_p_value(second, first))


def pooled_variance(champion: Estimate, challenger: Estimate) -> float:
    """The variance of all values of both arms together, a difference of their means among it.

    By the law of total variance. An arm in which nothing happened yet has no variance of its own, and the other arm's
    error alone would make any difference look certain.

    >>> pooled_variance(Estimate(100, 1.0, 0.0), Estimate(100, 0.0, 0.0))
    0.25
    """
    units = champion.n + challenger.n
    inside = (champion.n * champion.variance + challenger.n * challenger.variance) / units
    apart = (champion.mean - challenger.mean) ** 2 * champion.n * challenger.n / units**2
    return inside + (apart if apart > _NOISE * (champion.mean**2 + challenger.mean**2) else 0.0)


def effect_of(champion: Estimate, challenger: Estimate) -> Effect:
    """The difference of two arms, its error at least that of two samples of all values together."""
    effect = difference(champion, challenger)
    least = math.sqrt(pooled_variance(champion, challenger) * (1.0 / champion.n + 1.0 / challenger.n))
    return effect._replace(standard_error=max(effect.standard_error, least))


def compare(
    metric: PlannedMetric, champion: ArmMean, challenger: ArmMean, plan: Plan, level: float, null: float = 0.0
) -> Difference:
    """Challenger minus champion of `metric`, against an effect of `null`, at `level`, always valid."""
    if champion.few or challenger.few:
        return _exact(champion, challenger, level, null)
    part = 1.0 if champion.events is None else 1.0 - EXACT_PART
    effect = effect_of(champion.estimate, challenger.estimate)
    found = always_valid(effect, part * level, plan.tuning_units, null=null)
    most = math.inf if metric.type == "ratio" else metric.cap
    interval = (max(found.low, -most), min(found.high, most))
    return Difference(
        found.estimate, interval, min(1.0, found.p_value / part), found.standard_error * math.sqrt(effect.n)
    )


def margin_test(
    metric: PlannedMetric, champion: ArmMean, challenger: ArmMean, plan: Plan, margin: float, level: float
) -> MarginTest:
    """Whether the challenger is worse than the champion by more than `margin`, in the direction of the metric."""
    if champion.events is not None and challenger.events is not None and (champion.few or challenger.few):
        good = (champion.events, challenger.events) if metric.sign > 0 else (challenger.events, champion.events)
        # Worse by more than the margin: the champion's rate of what is good exceeds the challenger's by it.
        harm = excess_p_value(good[1], good[0], margin)
        safe = excess_p_value(good[0], good[1], -margin)
        return MarginTest(min(1.0, harm / EXACT_PART), min(1.0, safe / EXACT_PART))
    part = 1.0 if champion.events is None else 1.0 - EXACT_PART
    effect = effect_of(champion.estimate, challenger.estimate)
    gain = effect._replace(estimate=metric.sign * effect.estimate)
    harm = deterioration(gain, margin, part * level, plan.tuning_units).p_value
    safe = non_inferiority(gain, margin, part * level, plan.tuning_units).p_value
    return MarginTest(min(1.0, harm / part), min(1.0, safe / part))


def _exact(champion: ArmMean, challenger: ArmMean, level: float, null: float) -> Difference:
    first, second = champion.events or Count(0, 0), challenger.events or Count(0, 0)
    effect = second.rate - first.rate
    p_value = excess_p_value(first, second, null) if effect >= null else excess_p_value(second, first, -null)
    # Both ends are tested by one and the same process, so each may have the whole level.
    bounds = difference_bounds(first, second, 2.0 * EXACT_PART * level)
    error = effect_of(champion.estimate, challenger.estimate).standard_error
    unit_error = error * math.sqrt(champion.units + challenger.units)
    unit_error = unit_error if math.isfinite(unit_error) else 0.0
    return Difference(effect, (bounds.low, bounds.high), min(1.0, p_value / EXACT_PART), unit_error, exact=True)
