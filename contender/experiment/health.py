"""Is the experiment sound? Asked before the effect: an unsound one is never promoted, however well it looks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from contender.experiment.data import ExperimentData, Phase
from contender.experiment.plan import Plan
from contender.experiment.statistics import sample_ratio


class Health(NamedTuple):
    """What makes the experiment unsound, in words; and the smallest p-values so far of the tests that said so."""

    faults: tuple[str, ...]
    srm_p: float
    missing_p: float


def examine(
    data: ExperimentData, phases: tuple[Phase, ...], plan: Plan, srm_before: float, missing_before: float
) -> Health:
    """The health of the experiment, given the smallest p-values before.

    Units, and of these the ones with an outcome, must fall on the arms by their shares (`sample_ratio`): an outcome
    that arrives later, or never, in one arm is a difference that no model made. Exact at every look.
    """
    srm_p = sample_ratio.p_value(_evidence(phases, plan, lambda phase: phase.units), srm_before)
    missing_p = sample_ratio.p_value(_evidence(phases, plan, lambda phase: phase.outcome_units), missing_before)
    found = []
    if srm_p <= plan.ratio_alpha:
        found.append(f"units did not fall on the arms by their shares (sample ratio p = {srm_p:.2g})")
    elif missing_p <= plan.ratio_alpha:
        found.append(f"outcomes are missing more often in one arm: {_settled(data)} (p = {missing_p:.2g})")
    return Health((*found, *oddities(data, plan)), srm_p, missing_p)


def covariate(
    data: ExperimentData, shares: Mapping[str, float], plan: Plan, before: float
) -> tuple[tuple[str, ...], float]:
    """Whether the covariate is missing more often in one arm, in words; and the smallest p-value so far.

    Only units that have one are compared: they must fall on the arms by their `shares` as all units do.
    """
    if not plan.covariate:
        return (), before
    counts = {name: data.arms[name].baseline.first.n if name in data.arms else 0 for name in shares}
    dealt = [(list(counts.values()), list(shares.values()))]
    p = sample_ratio.p_value(sample_ratio.evidence(dealt, plan.ratio_concentration), before)
    told = ", ".join(f"{count} of the {name}'s units" for name, count in counts.items())
    alarm = f"the covariate is missing more often in one arm: {told} have it (p = {p:.2g})"
    return ((alarm,) if p <= plan.ratio_alpha else ()), p


def oddities(data: ExperimentData, plan: Plan) -> list[str]:
    """What there is too much of, in words: counts that should be near zero, each a part of what was counted."""
    assigned = sum(arm.assigned for arm in data.arms.values())
    exposures = sum(arm.exposures for arm in data.arms.values())
    outcomes = sum(arm.reward.n for arm in data.arms.values())
    found = []
    if data.crossed_units > plan.max_crossed_share * assigned:
        found.append(f"{data.crossed_units} units were seen in two arms")
    if data.events.contradictory > math.floor(plan.max_contradictory_share * exposures):
        found.append(f"{data.events.contradictory} records came twice and contradict each other")
    if data.events.late > math.floor(plan.max_late_share * outcomes):
        found.append(f"{data.events.late} outcomes lie outside the {plan.outcome_days:g} days after the answer")
    return found


def _evidence(phases: tuple[Phase, ...], plan: Plan, counted: Callable[[Phase], Mapping[str, int]]) -> float:
    dealt = [([counted(phase).get(arm, 0) for arm in phase.shares], list(phase.shares.values())) for phase in phases]
    return sample_ratio.evidence(dealt, plan.ratio_concentration)


def _settled(data: ExperimentData) -> str:
    shares = {
        name: (arm.reward.n if arm.outcome_units is None else arm.outcome_units) / max(1, arm.assigned)
        for name, arm in data.arms.items()
    }
    return ", ".join(f"{share:.1%} of the {name}'s units have one" for name, share in shares.items())
