"""What an experiment's aggregates say at one look: effect, health, guardrails. `decision` turns it into a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple

from contender.errors import InvalidInput
from contender.experiment.data import ArmData, ExperimentData, Phase, Sample
from contender.experiment.plan import Plan
from contender.experiment.statistics import sample_ratio
from contender.experiment.statistics.bernoulli import Count, excess_p_value
from contender.experiment.statistics.effect import difference
from contender.experiment.statistics.moments import mean_of
from contender.experiment.statistics.power import last_look_units
from contender.experiment.statistics.sequential import always_valid
from contender.values import CHAMPION

FALLBACK_CONCENTRATION = 2.0
"""Prior of the fallback guardrail: a broken challenger takes nearly all fallbacks, so any share is as likely."""


class Guardrail(NamedTuple):
    """A rate that must not be higher for the challenger's units by more than a margin; `p` is the smallest so far."""

    champion: float
    challenger: float
    p: float
    breached: bool

    def __str__(self) -> str:
        return f"{self.challenger:.1%} for the challenger, {self.champion:.1%} for the champion"


@dataclass(frozen=True, slots=True)
class Look:
    """The smallest p-values of all looks so far: of the sample-ratio test, and of each guardrail by name."""

    srm_p: float = 1.0
    guardrail_p: Mapping[str, float] = field(default_factory=dict)

    def to_document(self) -> dict[str, Any]:
        """The look as plain JSON values, for the next process."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Effect, health and guardrails at one look.

    `units` have an outcome: champion's and challenger's. `unit_error` is the effect's standard error times the root of
    all units; 0 while the data say nothing of it.
    """

    effect: float | None
    interval: tuple[float, float] | None
    p_value: float
    unit_error: float
    units: tuple[int, int]
    guardrails: Mapping[str, Guardrail]
    health: tuple[str, ...]
    look: Look


def nothing(look: Look) -> Evidence:
    """The evidence of data that cannot be right; the look stays the one before."""
    return Evidence(None, None, 1.0, 0.0, (0, 0), {}, (), look)


def weigh(data: ExperimentData, plan: Plan, before: Look, challenger: str) -> Evidence:
    """The evidence in `data`, which must be free of faults, given the look `before`."""
    champion_arm, challenger_arm = data.arms[CHAMPION], data.arms[challenger]
    phases = data.phases or (_single_phase(champion_arm, challenger_arm, plan, challenger),)
    guardrails = {
        "fallback": _fallback(phases, plan, before, challenger),
        "review": _review(champion_arm, challenger_arm, plan, before),
    }
    srm_p = sample_ratio.p_value(_ratio_evidence(phases, plan), before.srm_p)
    look = Look(srm_p, {name: guardrail.p for name, guardrail in guardrails.items()})
    primary = _primary(champion_arm.reward, challenger_arm.reward, plan)
    units = (champion_arm.reward.n, challenger_arm.reward.n)
    return Evidence(*primary, units=units, guardrails=guardrails, health=_health(data, plan, srm_p), look=look)


def look_from(document: Mapping[str, Any]) -> Look:
    """The look that `Look.to_document` wrote.

    Raises:
        InvalidInput: not a look, or a p-value outside [0, 1].
    """
    try:
        look = Look(float(document["srm_p"]), {str(k): float(p) for k, p in document["guardrail_p"].items()})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInput("look", f"cannot be read: {error!r}") from error
    if not all(0.0 <= p <= 1.0 for p in (look.srm_p, *look.guardrail_p.values())):
        raise InvalidInput("look", "p-values must lie in [0, 1]")
    return look


def more_units(evidence: Evidence, plan: Plan) -> int:
    """About how many more units with an outcome a verdict needs, of both arms.

    While an arm has too few: until both have the plan's least. Afterwards: until the interval would show the smallest
    effect worth having with the planned power, at the spread seen so far; past that, what the horizon leaves.
    """
    shares = (1.0 - plan.challenger_share, plan.challenger_share)
    missing = [max(0, plan.min_units - n) / share for n, share in zip(evidence.units, shares, strict=True)]
    if any(missing):
        return math.ceil(max(missing))
    seen = sum(evidence.units)
    left = max(0, plan.horizon_units - seen)
    if evidence.unit_error == 0.0:
        return left
    return max(0, last_look_units(plan.smallest_effect, evidence.unit_error, plan.goal) - seen) or left


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


def _primary(champion: Sample, challenger: Sample, plan: Plan) -> _Primary:
    if not champion.n or not challenger.n:
        return _Primary(None, None, 1.0, 0.0)
    effect = difference(mean_of(champion), mean_of(challenger))
    found = always_valid(effect, plan.alpha, plan.tuning_units)
    # Rewards lie in [0, 1], so their means differ by at most 1.
    interval = (max(found.low, -1.0), min(found.high, 1.0))
    return _Primary(found.estimate, interval, found.p_value, found.standard_error * math.sqrt(effect.n))


def _single_phase(champion: ArmData, challenger: ArmData, plan: Plan, name: str) -> Phase:
    return Phase(
        shares={CHAMPION: 1.0 - plan.challenger_share, name: plan.challenger_share},
        units={CHAMPION: champion.assigned, name: challenger.assigned},
        fallback_units={CHAMPION: _units(champion, "fallback").events, name: _units(challenger, "fallback").events},
    )


def _ratio_evidence(phases: tuple[Phase, ...], plan: Plan) -> float:
    dealt = [([phase.units.get(arm, 0) for arm in phase.shares], list(phase.shares.values())) for phase in phases]
    return sample_ratio.evidence(dealt, plan.ratio_concentration)


def _fallback(phases: tuple[Phase, ...], plan: Plan, before: Look, challenger: str) -> Guardrail:
    """Fallbacks by arm against the arms' shares: robust to outages that hit everybody, at whatever step of a ramp."""
    pair = (CHAMPION, challenger)
    dealt = [([phase.fallback_units.get(arm, 0) for arm in pair], _pair_shares(phase, pair)) for phase in phases]
    found = sample_ratio.evidence(dealt, FALLBACK_CONCENTRATION)
    p = sample_ratio.p_value(found, before.guardrail_p.get("fallback", 1.0))
    champion, other = (_rate(phases, arm) for arm in pair)
    return Guardrail(champion, other, p, p <= plan.guardrail_alpha and other - champion > plan.fallback_margin)


def _pair_shares(phase: Phase, pair: tuple[str, str]) -> list[float]:
    shares = [phase.shares.get(arm, 0.0) for arm in pair]
    total = sum(shares)
    return [share / total if total else 0.0 for share in shares]


def _rate(phases: tuple[Phase, ...], arm: str) -> float:
    units = sum(phase.units.get(arm, 0) for phase in phases)
    return Count(sum(phase.fallback_units.get(arm, 0) for phase in phases), units).rate


def _review(champion: ArmData, challenger: ArmData, plan: Plan, before: Look) -> Guardrail:
    """A better model may ask for a person more often; by how much is the plan's margin. Exact from the first unit."""
    first, second = _units(champion, "review"), _units(challenger, "review")
    p = min(excess_p_value(first, second, plan.review_margin), before.guardrail_p.get("review", 1.0))
    breached = p <= plan.guardrail_alpha and second.rate - first.rate > plan.review_margin
    return Guardrail(first.rate, second.rate, p, breached)


def _units(arm: ArmData, what: Literal["fallback", "review"]) -> Count:
    """Units to whom it happened; where only requests are known, as many units as could have been."""
    counted, requests = (arm.fallback_units, arm.fallbacks) if what == "fallback" else (arm.review_units, arm.reviews)
    return Count(min(requests, arm.assigned) if counted is None else counted, arm.assigned)


def _health(data: ExperimentData, plan: Plan, srm_p: float) -> tuple[str, ...]:
    found = []
    if srm_p <= plan.ratio_alpha:
        found.append(f"units did not fall on the arms by their shares (sample ratio p = {srm_p:.2g})")
    assigned = sum(arm.assigned for arm in data.arms.values())
    if data.crossed_units > plan.max_crossed_share * assigned:
        found.append(f"{data.crossed_units} units were seen in two arms")
    return tuple(found)
