"""Is the experiment sound? Asked before the effect: an unsound one is never promoted, however well it looks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple

from contender.experiment.data import ArmData, ExperimentData, Phase
from contender.experiment.inference import missing_p
from contender.experiment.plan import Plan
from contender.experiment.statistics import sample_ratio
from contender.experiment.statistics.bernoulli import Count
from contender.values import CHAMPION

FaultKind = Literal["sample-ratio", "missing", "covariate", "crossed", "contradictory", "old-rule"]

MISSING: Final = "missing"
"""Outcomes are missing more often in one arm: the one fault that may be gone at a later look, as they come."""

CLEARABLE: Final = frozenset({"contradictory"})
"""Faults of single units, which a person may leave out of both arms. Others are faults of the experiment."""


class Fault(NamedTuple):
    """What makes the experiment unsound, in words."""

    kind: FaultKind
    words: str


class Health(NamedTuple):
    """What makes the experiment unsound, and the smallest p-values so far of the tests that keep them.

    `missing_p` is of this look: outcomes that were awaited may have come since.
    """

    faults: tuple[Fault, ...]
    srm_p: float
    covariate_p: float
    missing_p: float


def examine(
    data: ExperimentData, phases: tuple[Phase, ...], plan: Plan, before: tuple[float, float], challenger: str
) -> Health:
    """The health of the experiment, given the smallest p-values `before`: of the sample ratio, and of the covariate.

    Units must fall on the arms by their shares (`sample_ratio`), those of every bin of the covariate too; of the units
    that a model answered as many must have an outcome in either arm. All of it is exact at every look.
    """
    srm_p = sample_ratio.p_value(ratio_evidence(phases, plan, pooled=data.pooled), before[0])
    covariate_p = sample_ratio.p_value(_balance(data, phases, plan), before[1]) if plan.covariate else before[1]
    missing_p = _missing(data, plan, challenger)
    found = [*_alarms(data, plan, challenger, (srm_p, covariate_p, missing_p)), *oddities(data, plan)]
    return Health(tuple(found), srm_p, covariate_p, missing_p)


def uneven_p(units: Sequence[int], shares: Sequence[float]) -> float:
    """The p-value of so many units by arm, of a few chosen ones, when all people fall on the arms by `shares`.

    Exact, and quick to find what is wrong with one arm: twelve of twelve in one of two arms are 0.003.

    >>> round(uneven_p([12, 0], [0.5, 0.5]), 4)
    0.0032
    >>> round(uneven_p([3, 0], [0.5, 0.5]), 4)
    0.5
    """
    return sample_ratio.p_value(sample_ratio.evidence([(units, shares)], float(len(units))))


def ratio_evidence(phases: tuple[Phase, ...], plan: Plan, *, pooled: bool) -> float:
    """The log Bayes factor against the arms' shares; `pooled`: of one alternative over all phases, alike in shares."""
    arms = list(dict.fromkeys(arm for phase in phases for arm in phase.shares))
    dealt = [
        ([phase.units.get(arm, 0) for arm in arms], [phase.shares.get(arm, 0.0) for arm in arms]) for phase in phases
    ]
    if not pooled:
        return sample_ratio.evidence(dealt, plan.ratio_concentration)
    return sample_ratio.pooled_evidence(dealt, dealt[-1][1], plan.ratio_concentration)


def oddities(data: ExperimentData, plan: Plan) -> Iterator[Fault]:
    """What there is too much of: units whose records cannot be right. One alone holds nobody."""
    assigned = sum(arm.assigned for arm in data.arms.values())
    if data.crossed_units > _allowed(plan.max_crossed_share, assigned):
        yield Fault("crossed", f"{data.crossed_units} units were seen in two arms; restart the experiment")
    contradictory = data.events.contradictory
    if contradictory > _allowed(plan.max_contradictory_share, assigned):
        yield Fault("contradictory", f"{contradictory} units have records that contradict each other")


def _alarms(data: ExperimentData, plan: Plan, challenger: str, p: tuple[float, float, float]) -> Iterator[Fault]:
    srm_p, covariate_p, missing_p = p
    if srm_p <= plan.ratio_alpha:
        yield Fault("sample-ratio", f"sample ratio mismatch: traffic was not split according to plan (p = {srm_p:.2g})")
    if missing_p <= plan.ratio_alpha:
        yield Fault(MISSING, f"outcomes are missing more often in one arm: {_shares_missing(data, plan, challenger)}")
    if covariate_p <= plan.ratio_alpha:
        yield Fault("covariate", f"the {plan.covariate} covariate differs between the arms (p = {covariate_p:.2g})")


def _balance(data: ExperimentData, phases: tuple[Phase, ...], plan: Plan) -> float:
    """The log of the mean evidence, over the covariate's bins, of their units falling otherwise than by the shares.

    What was fixed before the answer cannot depend on the arm. A mean of e-values is one, whichever bin is wrong.
    """
    shares = phases[-1].shares
    bins = sorted({number for arm in data.arms.values() for number in arm.covariate_units})
    logs = []
    for number in bins:
        counts = [_units_in(data.arms.get(name), number) for name in shares]
        logs.append(sample_ratio.evidence([(counts, list(shares.values()))], plan.ratio_concentration))
    if not logs:
        return 0.0
    most = max(logs)
    if math.isinf(most):
        return most
    return most + math.log(sum(math.exp(one - most) for one in logs) / len(logs))


def _units_in(arm: ArmData | None, number: int) -> int:
    return arm.covariate_units.get(number, 0) if arm else 0


def _missing(data: ExperimentData, plan: Plan, challenger: str) -> float:
    """The p-value, of this look, of the same part of answered units having an outcome in both arms; 1 without need."""
    if not plan.primary.observed:
        return 1.0
    return missing_p(*(data.arms[name].metric(plan.primary.name) for name in (CHAMPION, challenger)))


def _observed(arm: ArmData, plan: Plan) -> Count:
    """Of the answered units whose window has closed, those with an outcome."""
    seen = arm.metric(plan.primary.name)
    return Count(seen.value.n, seen.answered)


def _shares_missing(data: ExperimentData, plan: Plan, challenger: str) -> str:
    counts = {name: _observed(data.arms[name], plan) for name in (CHAMPION, challenger)}
    return ", ".join(
        f"{count.rate:.1%} of the {name}'s {count.trials:,} answered units have one" for name, count in counts.items()
    )


def _allowed(share: float, units: int) -> int:
    """So many units may be odd: the plan's part, and one in any case."""
    return max(1, math.floor(share * units))
