"""From evidence to the few signals that a decision depends on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from contender.experiment.evidence import Evidence
from contender.experiment.guardrails import Guardrail
from contender.experiment.health import MISSING
from contender.experiment.plan import Plan

Direction = Literal["better", "worse", "unclear"]


class Signals(NamedTuple):
    """Everything that a decision depends on, and nothing else."""

    malformed: bool = False
    breached: bool = False
    unhealthy: bool = False
    enough: bool = True
    direction: Direction = "unclear"
    passed: bool = True
    futile: bool = False
    exhausted: bool = False


def signals_of(evidence: Evidence, plan: Plan, p_value: float) -> Signals:
    """What the evidence signals; `p_value` is adjusted for the number of challengers."""
    direction = _direction(gain_interval(evidence.interval, plan), p_value, plan)
    missing = [fault for fault in evidence.health if fault.kind == MISSING]
    others = [fault for fault in evidence.health if fault.kind != MISSING]
    return Signals(
        breached=any(one.breached for one in evidence.guardrails.values()) and not _has(evidence, "old-rule"),
        unhealthy=bool(others) or (bool(missing) and not _holds_within(evidence, plan, direction)),
        enough=min(evidence.units) >= plan.min_units,
        direction=direction,
        passed=not open_guardrails(evidence.guardrails),
        futile=_futile(gain_interval(evidence.interval, plan), plan),
        exhausted=sum(evidence.units) >= plan.horizon_units,
    )


def open_guardrails(guardrails: Mapping[str, Guardrail]) -> list[str]:
    """The names of those that must have passed before a promotion and have not."""
    return [name for name, guardrail in guardrails.items() if guardrail.required and guardrail.state != "passed"]


def gain_interval(interval: tuple[float, float] | None, plan: Plan) -> tuple[float, float] | None:
    """The interval in the direction of the primary metric: above 0 is better."""
    return None if interval is None else _gain(interval, plan)


def _gain(interval: tuple[float, float], plan: Plan) -> tuple[float, float]:
    return interval if plan.primary.sign > 0 else (-interval[1], -interval[0])


def _has(evidence: Evidence, kind: str) -> bool:
    return any(fault.kind == kind for fault in evidence.health)


def _holds_within(evidence: Evidence, plan: Plan, direction: Direction) -> bool:
    """Whether the direction is the same wherever the missing outcomes lie: at both bounds, with the reach of now."""
    if evidence.bounds is None or evidence.interval is None or evidence.effect is None or direction == "unclear":
        return False
    low, high = evidence.interval
    below = (evidence.bounds.low * plan.primary.cap) - (evidence.effect - low)
    above = (evidence.bounds.high * plan.primary.cap) + (high - evidence.effect)
    return _side(_gain((below, above), plan), plan) == direction


def _direction(interval: tuple[float, float] | None, p_value: float, plan: Plan) -> Direction:
    return "unclear" if interval is None or p_value > plan.level else _side(interval, plan)


def _side(interval: tuple[float, float], plan: Plan) -> Direction:
    line = -plan.non_inferiority_margin
    return "better" if interval[0] > line else "worse" if interval[1] < line else "unclear"


def _futile(interval: tuple[float, float] | None, plan: Plan) -> bool:
    """Whether even the best that the interval leaves is not worth having; it costs no alpha, for it promotes nobody."""
    return interval is not None and not plan.non_inferiority_margin and interval[1] < plan.primary.smallest_effect
