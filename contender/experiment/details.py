"""What a look tells beside the verdict: other metrics, reviews, missing outcomes, latency. None of it decides."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from contender.experiment.data import ArmData, ExperimentData, MetricData
from contender.experiment.evidence import adjusted, observed, single_phase
from contender.experiment.inference import ArmMean, arm_mean, compare, review_value
from contender.experiment.plan import Plan
from contender.experiment.statistics import sample_ratio
from contender.experiment.statistics.bernoulli import Count
from contender.experiment.statistics.missing import lee_bounds, manski_bounds
from contender.experiment.statistics.multiplicity import e_benjamini_hochberg, e_by_level
from contender.experiment.statistics.quantiles import quantile_bounds
from contender.metrics import PlannedMetric
from contender.values import CHAMPION, REWARD

QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
"""Of each unit's worst latency."""

PRICE_STEP: Final = 0.1
"""How much more or less a review is taken to be worth, to show how far the effect rests on its price."""


class MetricReport(NamedTuple):
    """One metric of both arms: means, effect with its interval, and whether it is among this look's discoveries.

    `level` is that of the interval: 1 minus it covers. `approximate` says that it rests on the normal approximation.
    """

    role: str
    type: str
    direction: str
    champion: float | None = None
    challenger: float | None = None
    units: tuple[int, int] = (0, 0)
    effect: float | None = None
    interval: tuple[float, float] | None = None
    e_value: float = 1.0
    level: float = 0.0
    discovery: bool = False
    approximate: bool = True


def details(data: ExperimentData, plan: Plan, challenger: str) -> dict[str, Any]:
    """Everything that a look tells of `challenger` beside its verdict, as plain JSON values."""
    arms = {CHAMPION: data.arms[CHAMPION], challenger: data.arms[challenger]}
    return {
        "metrics": {name: report._asdict() for name, report in metric_reports(arms, plan).items()},
        "reviews": reviews(arms, plan),
        "outcomes": outcomes(arms, plan) | {"late": data.events.late},
        "latency_ms": {name: _quantiles(arm.latency) for name, arm in arms.items() if any(arm.latency)},
        "adjustment": _adjustment(arms, plan),
        "smallest_loss": smallest_loss(data, plan, challenger),
    }


def metric_reports(arms: Mapping[str, ArmData], plan: Plan) -> dict[str, MetricReport]:
    """Every metric but the primary one by name.

    Which of the secondary ones differ is told by e-BH on the e-values of this look: few false discoveries among them,
    whatever their dependence, and one may vanish again. Their intervals hold for those that were selected so (e-BY).
    """
    others = [metric for metric in plan.measured if metric.role != "primary"]
    means = {metric.name: _means(metric, arms, plan) for metric in others}
    secondary = [metric for metric in others if metric.role == "secondary"]
    e_values = [_e_value(metric, means[metric.name], plan) for metric in secondary]
    found = e_benjamini_hochberg(e_values, plan.level) if e_values else ()
    chosen = {metric.name: one for metric, one in zip(secondary, found, strict=True)}
    narrow = e_by_level(sum(found), len(secondary), plan.level) if any(found) else plan.level
    by_name = dict(zip((metric.name for metric in secondary), e_values, strict=True))
    reports = {}
    for metric in others:
        discovery = chosen.get(metric.name, False)
        level = narrow if discovery else plan.level
        report = _report(metric, means[metric.name], plan, level)
        reports[metric.name] = report._replace(discovery=discovery, e_value=by_name.get(metric.name, 1.0))
    return reports


def reviews(arms: Mapping[str, ArmData], plan: Plan) -> dict[str, Any]:
    """How often either arm referred to a person, what that is worth, and the effect if it were worth more or less."""
    price, primary = review_value(plan), plan.primary
    found: dict[str, Any] = {name: Count(arm.review_units, arm.assigned).rate for name, arm in arms.items()}
    if primary.name != REWARD:
        return found
    effects = [_effect_at(price + step, primary, arms, plan) for step in (-PRICE_STEP, 0.0, PRICE_STEP)]
    named = dict(zip(("lower", "same", "higher"), effects, strict=True))
    return found | {"price": price, "step": PRICE_STEP, "effect": named}


def outcomes(arms: Mapping[str, ArmData], plan: Plan) -> dict[str, Any]:
    """Whose window has closed, who has a value, and the effects that missing ones leave possible."""
    primary = plan.primary
    seen = {name: arm.metric(primary.name) for name, arm in arms.items()}
    found: dict[str, Any] = {name: _fates(arms[name], one) for name, one in seen.items()}
    if not primary.observed or not any(one.missing for one in seen.values()):
        return found
    sides = [observed(arm, plan) for arm in arms.values()]
    if not all(side.n for side in sides):
        return found
    bounds = {"manski": manski_bounds(*sides), "lee": lee_bounds(*sides)}
    return found | {"bounds": {name: [bound * primary.cap for bound in one] for name, one in bounds.items()}}


def smallest_loss(data: ExperimentData, plan: Plan, challenger: str) -> float:
    """The smallest part of the challenger's units whose loss would have been found by now; 1.0 where none would."""
    phases = data.phases or (single_phase(data, plan),)
    shares = phases[-1].shares
    units = sum(sum(phase.units.values()) for phase in phases)
    if challenger not in shares or not data.pooled or not units:
        return 1.0
    arm = list(shares).index(challenger)
    return sample_ratio.smallest_loss(units, list(shares.values()), arm, plan.ratio_concentration, plan.ratio_alpha)


def shadow_details(data: ExperimentData) -> dict[str, Any]:
    """How a shadow compares: how often it agrees, how sure it is against what it earned, and its latency."""
    shadow = data.shadow.get(CHAMPION)
    if shadow is None or not shadow.agreement.n:
        return {}
    confidence, earned = shadow.confidence.first, shadow.confidence.second
    calibration = {"confidence": _mean(confidence.total, confidence.n), "earned": _mean(earned.total, earned.n)}
    return {
        "agreement": _mean(shadow.agreement.total, shadow.agreement.n),
        "units": shadow.agreement.n,
        "calibration": calibration | {"units": confidence.n},
        "latency_ms": _quantiles(shadow.latency) if any(shadow.latency) else {},
    }


def _mean(total: float, n: int) -> float | None:
    return total / n if n else None


def _means(metric: PlannedMetric, arms: Mapping[str, ArmData], plan: Plan) -> tuple[ArmMean | None, ArmMean | None]:
    first, second = (arm_mean(metric, arm.metric(metric.name), review_value(plan)) for arm in arms.values())
    return first, second


def _e_value(metric: PlannedMetric, means: tuple[ArmMean | None, ArmMean | None], plan: Plan) -> float:
    """The evidence of this look against no difference; 1 where the normal approximation would rest on too few units."""
    first, second = means
    if first is None or second is None or not _enough(first, second, plan):
        return 1.0
    p_value = compare(metric, first, second, plan, plan.level).p_value
    return 1.0 / p_value if p_value > 0.0 else 1e300


def _enough(first: ArmMean, second: ArmMean, plan: Plan) -> bool:
    exact = first.few or second.few
    return exact or min(first.units, second.units) >= plan.min_units


def _report(
    metric: PlannedMetric, means: tuple[ArmMean | None, ArmMean | None], plan: Plan, level: float
) -> MetricReport:
    first, second = means
    blank = MetricReport(metric.role, metric.type, metric.direction, level=level)
    if first is None or second is None:
        return blank
    blank = blank._replace(
        champion=first.estimate.mean, challenger=second.estimate.mean, units=(first.units, second.units)
    )
    if not _enough(first, second, plan):
        return blank
    found = compare(metric, first, second, plan, level)
    return blank._replace(effect=found.effect, interval=found.interval, approximate=not found.exact)


def _effect_at(price: float, metric: PlannedMetric, arms: Mapping[str, ArmData], plan: Plan) -> float | None:
    """The plain effect on the primary metric if a review were worth `price`."""
    means = [_mean_at(price, arm.metric(metric.name), plan) for arm in arms.values()]
    champion, challenger = means
    return None if champion is None or challenger is None else challenger - champion


def _mean_at(price: float, seen: MetricData, plan: Plan) -> float | None:
    if not seen.matured or (seen.answered and not seen.value.n):
        return None
    part = seen.answered / seen.matured
    total = seen.value.total + (price - review_value(plan)) * seen.review_weight
    return (1.0 - part) * price + part * (total / seen.value.n if seen.value.n else 0.0)


def _fates(arm: ArmData, seen: MetricData) -> dict[str, int]:
    return {
        "units": arm.assigned,
        "matured": seen.matured,
        "answered": seen.answered,
        "with_value": seen.value.n + seen.reviewed,
        "missing": seen.missing,
    }


def _quantiles(counts: Sequence[int]) -> dict[str, Any]:
    bounds = {name: quantile_bounds(counts, quantile)._asdict() for name, quantile in QUANTILES.items()}
    return {name: {key: _finite(value) for key, value in one.items()} for name, one in bounds.items()}


def _finite(value: float) -> float | None:
    """A bound as JSON knows it: None for what has no end."""
    return value if math.isfinite(value) else None


def _adjustment(arms: Mapping[str, ArmData], plan: Plan) -> dict[str, Any] | None:
    first, second = arms.values()
    found = adjusted((first, second), plan)
    return {"covariate": plan.covariate, "saving": found.saving} if found is not None else None
