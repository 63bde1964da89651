"""Rates and rewards that must not deteriorate, whatever the metric gains; each test may be read at every look.

Where something befalls both arms at once (an outage, a slow hour) the question is on which arm's units it fell, which
the shares answer exactly at any n. Where the challenger may differ by a margin in itself (reviews), two rates are
compared, exactly at any n. Rewards and impact ratios of groups are asymptotic and wait for `Plan.group_units`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from contender.experiment.data import ArmData, ExperimentData, GroupData, Phase
from contender.experiment.fairness import FOUR_FIFTHS, ImpactTable, impact_ratios
from contender.experiment.plan import Plan
from contender.experiment.statistics import sample_ratio
from contender.experiment.statistics.bernoulli import Count, excess_p_value
from contender.experiment.statistics.effect import Effect, difference, lift
from contender.experiment.statistics.moments import mean_of, proportion_of
from contender.experiment.statistics.sequential import always_valid, deterioration
from contender.values import CHAMPION

INCIDENT_CONCENTRATION = 2.0
"""Prior of the tests by shares: a broken challenger takes nearly all incidents, so any share is as likely."""


class Guardrail(NamedTuple):
    """A figure that must not deteriorate for the challenger's units; `p` is the smallest so far."""

    champion: float
    challenger: float
    p: float
    breached: bool

    def __str__(self) -> str:
        return f"{self.challenger:.1%} for the challenger, {self.champion:.1%} for the champion"


class Compared(NamedTuple):
    """What guardrails compare: both arms, the challenger's name, the phases, and the smallest p-values so far."""

    champion: ArmData
    challenger: ArmData
    name: str
    phases: tuple[Phase, ...]
    before: Mapping[str, float]

    @property
    def pair(self) -> tuple[str, str]:
        """The two arms by name."""
        return CHAMPION, self.name


def guardrails(
    data: ExperimentData, phases: tuple[Phase, ...], plan: Plan, before: Mapping[str, float], name: str
) -> dict[str, Guardrail]:
    """Every guardrail by name, given the smallest p-values `before`; `phases` cover the whole experiment."""
    compared = Compared(data.arms[CHAMPION], data.arms[name], name, phases, before)
    found = {incident: _by_shares(compared, incident, plan) for incident in INCIDENTS}
    found["review"] = _review(compared, plan)
    return found | dict(_by_group(compared, plan))


class Incident(NamedTuple):
    """Something that should befall few units: how a phase counts it, and the plan's margin for it."""

    counted: Callable[[Phase], Mapping[str, int]]
    margin: Callable[[Plan], float]


INCIDENTS: Final[Mapping[str, Incident]] = {
    "fallback": Incident(lambda phase: phase.fallback_units, lambda plan: plan.fallback_margin),
    "error": Incident(lambda phase: phase.error_units, lambda plan: plan.error_margin),
    "slow": Incident(lambda phase: phase.slow_units, lambda plan: plan.slow_margin),
}


def happened(arm: ArmData, incident: str) -> Count:
    """Units of the arm to whom it happened; where only requests are known, as many units as could have been."""
    counted, requests = {
        "fallback": (arm.fallback_units, arm.fallbacks),
        "review": (arm.review_units, arm.reviews),
        "error": (arm.error_units, 0),
        "slow": (arm.slow_units, 0),
    }[incident]
    return Count(min(requests, arm.assigned) if counted is None else counted, arm.assigned)


def _by_shares(compared: Compared, name: str, plan: Plan) -> Guardrail:
    counted, margin = INCIDENTS[name]
    dealt = [
        ([counted(phase).get(arm, 0) for arm in compared.pair], _pair_shares(phase, compared.pair))
        for phase in compared.phases
    ]
    evidence = sample_ratio.evidence(dealt, INCIDENT_CONCENTRATION)
    p = sample_ratio.p_value(evidence, compared.before.get(name, 1.0))
    champion, challenger = (_rate(compared.phases, arm, counted) for arm in compared.pair)
    return Guardrail(champion, challenger, p, p <= plan.guardrail_alpha and challenger - champion > margin(plan))


def _pair_shares(phase: Phase, pair: tuple[str, str]) -> list[float]:
    shares = [phase.shares.get(arm, 0.0) for arm in pair]
    total = sum(shares)
    return [share / total if total else 0.0 for share in shares]


def _rate(phases: tuple[Phase, ...], arm: str, counted: Callable[[Phase], Mapping[str, int]]) -> float:
    units = sum(phase.units.get(arm, 0) for phase in phases)
    return Count(sum(counted(phase).get(arm, 0) for phase in phases), units).rate


def _review(compared: Compared, plan: Plan) -> Guardrail:
    """A better model may ask for a person more often; by how much is the plan's margin. Exact from the first unit."""
    first, second = happened(compared.champion, "review"), happened(compared.challenger, "review")
    p = min(excess_p_value(first, second, plan.review_margin), compared.before.get("review", 1.0))
    breached = p <= plan.guardrail_alpha and second.rate - first.rate > plan.review_margin
    return Guardrail(first.rate, second.rate, p, breached)


def _by_group(compared: Compared, plan: Plan) -> Iterator[tuple[str, Guardrail]]:
    """Rewards and impact ratios of every group that is large enough in both arms, at a common level (Bonferroni)."""
    mine, theirs = compared.champion.groups, compared.challenger.groups
    names = [name for name in mine if name in theirs]
    alpha = plan.guardrail_alpha / max(1, len(names))
    for name in names:
        if min(mine[name].reward.n, theirs[name].reward.n) >= plan.group_units:
            key = f"reward {name}"
            yield key, _group_reward(mine[name], theirs[name], plan, (alpha, compared.before.get(key, 1.0)))
    if plan.favourable_label:
        for attribute in sorted({name.partition("=")[0] for name in names}):
            yield from _impact(compared, attribute, plan, alpha)


def _group_reward(champion: GroupData, challenger: GroupData, plan: Plan, level: tuple[float, float]) -> Guardrail:
    alpha, before = level
    first, second = mean_of(champion.reward), mean_of(challenger.reward)
    found = deterioration(difference(first, second), plan.group_margin, alpha, plan.tuning_units)
    p = min(found.p_value, before)
    return Guardrail(first.mean, second.mean, p, p <= alpha and second.mean - first.mean < -plan.group_margin)


def _impact(compared: Compared, attribute: str, plan: Plan, alpha: float) -> Iterator[tuple[str, Guardrail]]:
    """Breached where the challenger's ratio is surely under four fifths, and surely under the champion's.

    Both must be shown (an intersection-union test: Berger 1982, Technometrics 24), so that the larger p-value counts: a
    challenger that treats groups as the champion does is not rolled back for what the champion does too.
    """
    before, after = selections(compared.champion, attribute), selections(compared.challenger, attribute)
    old, table = impact_ratios(before), impact_ratios(after)
    for row in table.groups:
        champion = old.ratio(row.group)
        if champion is None or row.ratio is None or row.people.trials < plan.group_units:
            continue
        key = f"impact {attribute}={row.group}"
        now, then = _lift_of(table, row.group), _lift_of(old, row.group)
        under = always_valid(now, alpha, plan.tuning_units, "less", FOUR_FIFTHS - 1.0)
        worse = always_valid(_change(then, now), alpha, plan.tuning_units, "less")
        p = min(max(under.p_value, worse.p_value), compared.before.get(key, 1.0))
        breached = p <= alpha and row.ratio < min(FOUR_FIFTHS, champion)
        yield key, Guardrail(champion, row.ratio, p, breached)


def _lift_of(table: ImpactTable, group: str) -> Effect:
    """How much lower the group's selection rate is than the highest group's, as a part of that."""
    best = max((row.people for row in table.groups), key=lambda count: count.rate)
    mine = next(row.people for row in table.groups if row.group == group)
    found = lift(proportion_of(best.events, best.trials), proportion_of(mine.events, mine.trials))
    return found._replace(standard_error=0.0) if mine is best else found


def _change(before: Effect, after: Effect) -> Effect:
    """The difference of two effects on different units."""
    error = math.hypot(before.standard_error, after.standard_error)
    return Effect(after.estimate - before.estimate, error, before.n + after.n, math.inf)


def selections(arm: ArmData, attribute: str) -> dict[str, Count]:
    """Units of the arm given the favourable label, and all of them, by group of that attribute."""
    prefix = f"{attribute}="
    return {
        name.removeprefix(prefix): Count(group.selected, group.units)
        for name, group in arm.groups.items()
        if name.startswith(prefix)
    }
