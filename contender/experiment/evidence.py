"""What an experiment's aggregates say at one look: effect, health, guardrails. `decision` turns it into a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from contender.errors import InvalidInput
from contender.experiment.data import NO_PAIRS, ArmData, ExperimentData, Phase
from contender.experiment.guardrails import INCIDENTS, Guardrail, guardrails, happened
from contender.experiment.health import covariate, examine, oddities
from contender.experiment.plan import Plan
from contender.experiment.statistics.cuped import adjust
from contender.experiment.statistics.effect import Effect, difference
from contender.experiment.statistics.moments import mean_of
from contender.experiment.statistics.paired import paired_difference
from contender.experiment.statistics.power import last_look_units
from contender.experiment.statistics.sequential import always_valid
from contender.values import CHAMPION

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Look:
    """The smallest p-values of all looks so far: of the sample-ratio test, of missing outcomes, of each guardrail, of a
    covariate that is missing."""

    srm_p: float = 1.0
    guardrail_p: Mapping[str, float] = field(default_factory=dict)
    missing_p: float = 1.0
    covariate_p: float = 1.0

    def to_document(self) -> dict[str, Any]:
        """The look as plain JSON values, for the next process."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Effect, health and guardrails at one look.

    `units` are those the effect is of: champion's and challenger's that have an outcome, and with a covariate that too;
    of a shadow the pairs. `unit_error` is the effect's standard error times the root of
    all units; 0 while the data say nothing of it. `units_per_day` with an outcome came so far, of both arms; None
    while nobody can tell.
    """

    effect: float | None
    interval: tuple[float, float] | None
    p_value: float
    unit_error: float
    units: tuple[int, ...]
    guardrails: Mapping[str, Guardrail]
    health: tuple[str, ...]
    look: Look
    units_per_day: float | None = None


def nothing(look: Look) -> Evidence:
    """The evidence of data that cannot be right; the look stays the one before."""
    return Evidence(None, None, 1.0, 0.0, (0, 0), {}, (), look)


def weigh_shadow(data: ExperimentData, plan: Plan, before: Look) -> Evidence:
    """What the shadow would have done better or worse than the champion on the same units.

    Only the answers are compared, so there are no guardrails here: nobody was served by it.
    """
    pairs = data.shadow.get(CHAMPION, NO_PAIRS)
    primary = _inferred(paired_difference(pairs) if pairs.first.n else None, plan)
    return Evidence(
        *primary,
        units=(pairs.first.n,),
        guardrails={},
        health=tuple(oddities(data, plan)),
        look=before,
        units_per_day=_per_day(pairs.first.n, data.seconds),
    )


def weigh(data: ExperimentData, plan: Plan, before: Look, challenger: str) -> Evidence:
    """The evidence in `data`, which must be free of faults, given the look `before`."""
    champion_arm, challenger_arm = data.arms[CHAMPION], data.arms[challenger]
    phases = data.phases or (_single_phase(data, plan),)
    guarded = guardrails(data, phases, plan, before.guardrail_p, challenger)
    health = examine(data, phases, plan, before.srm_p, before.missing_p)
    covered, covariate_p = covariate(data, _planned_shares(data, plan), plan, before.covariate_p)
    smallest = {name: guardrail.p for name, guardrail in guarded.items()}
    units = tuple(arm.baseline.first.n if plan.covariate else arm.reward.n for arm in (champion_arm, challenger_arm))
    return Evidence(
        *_inferred(_effect(champion_arm, challenger_arm, plan), plan),
        units=units,
        guardrails=guarded,
        health=(*health.faults, *covered),
        look=Look(health.srm_p, smallest, health.missing_p, covariate_p),
        units_per_day=_per_day(sum(units), data.seconds),
    )


def _per_day(units: int, seconds: float) -> float | None:
    return units * DAY_S / seconds if seconds > 0.0 and units else None


def look_from(document: Mapping[str, Any]) -> Look:
    """The look that `Look.to_document` wrote.

    Raises:
        InvalidInput: not a look, or a p-value outside [0, 1].
    """
    try:
        smallest = {str(name): float(p) for name, p in document["guardrail_p"].items()}
        rest = (float(document.get(name, 1.0)) for name in ("missing_p", "covariate_p"))
        look = Look(float(document["srm_p"]), smallest, *rest)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInput("look", f"cannot be read: {error!r}") from error
    if not all(0.0 <= p <= 1.0 for p in (look.srm_p, look.missing_p, look.covariate_p, *look.guardrail_p.values())):
        raise InvalidInput("look", "p-values must lie in [0, 1]")
    return look


def more_units(evidence: Evidence, plan: Plan) -> int:
    """About how many more units with an outcome a verdict needs, of both arms.

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
    return max(0, last_look_units(plan.smallest_effect, evidence.unit_error, plan.goal) - seen) or left


def more_days(evidence: Evidence, units: int | None) -> float | None:
    """How many days that many more units take at the rate seen so far; None where nobody can tell."""
    if units is None or not evidence.units_per_day:
        return None
    return round(units / evidence.units_per_day, 2)


def in_words(evidence: Evidence, plan: Plan) -> str:
    """The effect and its interval as a person would say them."""
    if evidence.effect is None or evidence.interval is None:
        return "no outcomes yet"
    low, high = evidence.interval
    level = f"{100 * (1 - plan.alpha):g} %"
    return f"{plan.metric} {evidence.effect:+.4f} ({level} always-valid interval {low:+.4f} to {high:+.4f})"


class _Primary(NamedTuple):
    effect: float | None
    interval: tuple[float, float] | None
    p_value: float
    unit_error: float


def _inferred(effect: Effect | None, plan: Plan) -> _Primary:
    if effect is None:
        return _Primary(None, None, 1.0, 0.0)
    found = always_valid(effect, plan.alpha, plan.tuning_units, null=-plan.non_inferiority_margin)
    # Rewards lie in [0, 1], so their means differ by at most 1.
    interval = (max(found.low, -1.0), min(found.high, 1.0))
    return _Primary(found.estimate, interval, found.p_value, found.standard_error * math.sqrt(effect.n))


def _effect(champion: ArmData, challenger: ArmData, plan: Plan) -> Effect | None:
    """The difference of rewards; with a covariate, of the adjusted rewards of the units that have one."""
    if plan.covariate:
        arms = (champion.baseline, challenger.baseline)
        adjusted = adjust(*arms)
        return difference(adjusted.champion, adjusted.challenger) if all(arm.first.n for arm in arms) else None
    if not champion.reward.n or not challenger.reward.n:
        return None
    return difference(mean_of(champion.reward), mean_of(challenger.reward))


def _single_phase(data: ExperimentData, plan: Plan) -> Phase:
    """All units under the plan's share."""
    shares = _planned_shares(data, plan)
    units = {name: arm.assigned for name, arm in data.arms.items()}
    fallen, unanswered, late = (
        {name: happened(arm, incident).events for name, arm in data.arms.items()} for incident in INCIDENTS
    )
    return Phase(shares, units, fallen, unanswered, late, {n: arm.outcome_units or 0 for n, arm in data.arms.items()})


def _planned_shares(data: ExperimentData, plan: Plan) -> dict[str, float]:
    """The plan's share, which several challengers divide evenly."""
    others = [name for name in data.arms if name != CHAMPION]
    return {CHAMPION: 1.0 - plan.challenger_share} | {name: plan.challenger_share / len(others) for name in others}
