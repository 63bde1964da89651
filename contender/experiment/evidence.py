"""What an experiment's aggregates say at one look: effect, health, guardrails. `decision` turns it into a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from contender.errors import InvalidInput
from contender.experiment.data import ArmData, ExperimentData, Phase
from contender.experiment.guardrails import Guardrail, Smallest, guardrails
from contender.experiment.health import MISSING, Fault, examine, oddities
from contender.experiment.inference import ArmMean, Difference, arm_mean, compare, review_value
from contender.experiment.plan import Plan
from contender.experiment.statistics.bernoulli import Interval
from contender.experiment.statistics.cuped import Adjusted
from contender.experiment.statistics.missing import Observed, lee_bounds
from contender.experiment.statistics.paired import paired_difference
from contender.experiment.statistics.power import last_look_units
from contender.experiment.statistics.sequential import always_valid
from contender.experiment.statistics.strata import Stratified, adjust_by_strata
from contender.moments import DAY_S
from contender.values import CHAMPION


@dataclass(frozen=True, slots=True)
class Look:
    """The smallest p-values of all looks so far: of the sample-ratio test, of each guardrail's harm and safety, of a
    covariate that differs; and that of missing outcomes at this look."""

    srm_p: float = 1.0
    guardrail_p: Mapping[str, float] = field(default_factory=dict)
    missing_p: float = 1.0
    covariate_p: float = 1.0
    safe_p: Mapping[str, float] = field(default_factory=dict)

    def to_document(self) -> dict[str, Any]:
        """The look as plain JSON values, for the next process."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Effect, health and guardrails at one look.

    `units` are those the effect is of: champion's and challenger's that have a value; of a shadow the pairs.
    `unit_error` is the effect's standard error times the root of all units; 0 while the data say nothing of it.
    `units_per_day` with a value came so far, of both arms; None while nobody can tell. `bounds` are the effects that
    missing outcomes leave possible, None unless they are missing more often in one arm.
    """

    effect: float | None
    interval: tuple[float, float] | None
    p_value: float
    unit_error: float
    units: tuple[int, ...]
    guardrails: Mapping[str, Guardrail]
    health: tuple[Fault, ...]
    look: Look
    units_per_day: float | None = None
    bounds: Interval | None = None


def nothing(look: Look) -> Evidence:
    """The evidence of data that cannot be right; the look stays the one before."""
    return Evidence(None, None, 1.0, 0.0, (0, 0), {}, (), look)


def weigh_shadow(data: ExperimentData, plan: Plan, before: Look) -> Evidence:
    """What the shadow would have earned more or less than the champion on the same units.

    Only where the plan says that outcomes ignore answers; else an outcome that followed the champion's answer would
    count against the shadow, and there is no effect. Nobody was served by it, so there are no guardrails.
    """
    shadow = data.shadow.get(CHAMPION)
    pairs = shadow.reward if shadow and plan.outcomes_ignore_answers else None
    primary = _NO_EFFECT
    if pairs is not None and pairs.first.n:
        effect = paired_difference(pairs)
        found = always_valid(effect, plan.level, plan.tuning_units, null=-plan.non_inferiority_margin)
        interval = (max(found.low, -1.0), min(found.high, 1.0))
        primary = _Primary(found.estimate, interval, found.p_value, found.standard_error * math.sqrt(effect.n))
    units = shadow.agreement.n if shadow else 0
    return Evidence(
        *primary,
        units=(pairs.first.n if pairs else units,),
        guardrails={},
        health=tuple(oddities(data, plan)),
        look=before,
        units_per_day=_per_day(units, data.seconds),
    )


def weigh(data: ExperimentData, plan: Plan, before: Look, challenger: str) -> Evidence:
    """The evidence in `data`, which must be free of faults, given the look `before`."""
    arms = data.arms[CHAMPION], data.arms[challenger]
    phases = data.phases or (single_phase(data, plan),)
    guarded = guardrails(data, phases, plan, Smallest(before.guardrail_p, before.safe_p), challenger)
    health = examine(data, phases, plan, (before.srm_p, before.covariate_p), challenger)
    found, units = primary_effect(arms, plan)
    missing, sides = any(fault.kind == MISSING for fault in health.faults), [observed(arm, plan) for arm in arms]
    return Evidence(
        *found,
        units=units,
        guardrails=guarded,
        health=(*health.faults, *_old_rule(data, phases, guarded)),
        look=Look(
            health.srm_p,
            {name: guardrail.p for name, guardrail in guarded.items()},
            health.missing_p,
            health.covariate_p,
            {name: guardrail.safe_p for name, guardrail in guarded.items()},
        ),
        units_per_day=_per_day(sum(units), data.seconds),
        bounds=lee_bounds(*sides) if missing and all(side.n for side in sides) else None,
    )


def observed(arm: ArmData, plan: Plan) -> Observed:
    """The primary metric's values in units of its cap, and how many of the arm's units lack one."""
    primary = plan.primary
    seen = arm.metric(primary.name)
    n, total = seen.value.n + seen.reviewed, seen.value.total + seen.reviewed * review_value(plan)
    return Observed(n, min(total / primary.cap, float(n)), seen.missing)


def adjusted(arms: tuple[ArmData, ArmData], plan: Plan) -> Adjusted | None:
    """The primary metric of both arms adjusted by the plan's covariate; None without one, or without values."""
    if not plan.covariate or not all(arm.strata for arm in arms):
        return None
    return adjust_by_strata(*(_stratified(arm, plan) for arm in arms))


def primary_effect(arms: tuple[ArmData, ArmData], plan: Plan) -> tuple[_Primary, tuple[int, int]]:
    """The effect on the primary metric, adjusted where the plan says so; and the units of either arm behind it."""
    metric, price = plan.primary, review_value(plan)
    champion, challenger = (arm_mean(metric, arm.metric(metric.name), price) for arm in arms)
    if champion is None or challenger is None:
        return _NO_EFFECT, (champion.units if champion else 0, challenger.units if challenger else 0)
    found = _compared(arms, champion, challenger, plan)
    return _Primary(found.effect, found.interval, found.p_value, found.unit_error), (champion.units, challenger.units)


def _compared(arms: tuple[ArmData, ArmData], champion: ArmMean, challenger: ArmMean, plan: Plan) -> Difference:
    null = -plan.primary.sign * plan.non_inferiority_margin
    change = None if champion.few or challenger.few else adjusted(arms, plan)
    if change is not None:
        champion = champion._replace(estimate=change.champion)
        challenger = challenger._replace(estimate=change.challenger)
    return compare(plan.primary, champion, challenger, plan, plan.level, null)


def _stratified(arm: ArmData, plan: Plan) -> Stratified:
    seen = arm.metric(plan.primary.name)
    return Stratified(arm.strata, seen.answered / seen.value.n if seen.value.n else 1.0)


def _old_rule(data: ExperimentData, phases: tuple[Phase, ...], guarded: Mapping[str, Guardrail]) -> tuple[Fault, ...]:
    """Rates that were compared over a ramp whose steps moved people between the arms say nothing of the models."""
    breached = [name for name, guardrail in guarded.items() if guardrail.breached]
    if data.pooled or len(phases) < 2 or not breached:
        return ()
    words = (
        f"{', '.join(breached)}: worse, but this ramp moved people between the arms (it began under an older version)"
    )
    return (Fault("old-rule", words),)


def _per_day(units: int, seconds: float) -> float | None:
    return units * DAY_S / seconds if seconds > 0.0 and units else None


def look_from(document: Mapping[str, Any]) -> Look:
    """The look that `Look.to_document` wrote.

    Raises:
        InvalidInput: not a look, or a p-value outside [0, 1].
    """
    try:
        harm, safe = (
            {str(name): float(p) for name, p in document.get(key, {}).items()} for key in ("guardrail_p", "safe_p")
        )
        missing, covariate = (float(document.get(name, 1.0)) for name in ("missing_p", "covariate_p"))
        look = Look(float(document["srm_p"]), harm, missing, covariate, safe)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInput("look", f"cannot be read: {error!r}") from error
    p_values = (look.srm_p, look.missing_p, look.covariate_p, *look.guardrail_p.values(), *look.safe_p.values())
    if not all(0.0 <= p <= 1.0 for p in p_values):
        raise InvalidInput("look", "p-values must lie in [0, 1]")
    return look


def more_units(evidence: Evidence, plan: Plan) -> int:
    """About how many more units with a value a verdict needs, of both arms.

    While an arm has too few: until both have the plan's least. Afterwards: until the interval would show the smallest
    effect worth having with the planned power, at the spread seen so far; past that, what the horizon leaves.
    """
    shares = (1.0 - plan.challenger_share, plan.challenger_share) if len(evidence.units) > 1 else (1.0,)
    missing = [max(0, plan.min_units - n) / share for n, share in zip(evidence.units, shares, strict=True)]
    if any(missing):
        return math.ceil(max(missing))
    seen = sum(evidence.units)
    left = max(0, plan.horizon_units - seen)
    if evidence.unit_error == 0.0:
        return left
    return max(0, last_look_units(plan.primary.smallest_effect, evidence.unit_error, plan.goal) - seen) or left


def more_days(evidence: Evidence, units: int | None) -> float | None:
    """How many days that many more units take at the rate seen so far; None where nobody can tell."""
    if units is None or not evidence.units_per_day:
        return None
    return round(units / evidence.units_per_day, 2)


def in_words(evidence: Evidence, plan: Plan) -> str:
    """The effect and its interval as a person would say them."""
    if evidence.effect is None or evidence.interval is None:
        return "no values yet"
    low, high = evidence.interval
    level = f"{100 * (1 - plan.level):.3g} %"
    name = plan.primary.name
    return f"{name} {evidence.effect:+.4f} ({level} always-valid interval {low:+.4f} to {high:+.4f})"


class _Primary(NamedTuple):
    effect: float | None
    interval: tuple[float, float] | None
    p_value: float
    unit_error: float


_NO_EFFECT = _Primary(None, None, 1.0, 0.0)


def single_phase(data: ExperimentData, plan: Plan) -> Phase:
    """All units under the plan's share, which several challengers divide evenly."""
    others = [name for name in data.arms if name != CHAMPION]
    shares = {CHAMPION: 1.0 - plan.challenger_share} | {name: plan.challenger_share / len(others) for name in others}
    arms = data.arms.items()
    return Phase(
        shares,
        {name: arm.assigned for name, arm in arms},
        {name: arm.fallback_units for name, arm in arms},
        {name: arm.error_units for name, arm in arms},
        {name: arm.slow_units for name, arm in arms},
    )
