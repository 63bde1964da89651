"""Rates and metrics that must not deteriorate, whatever the primary metric gains; each test may be read at every look.

A guardrail is *breached* when the harm is surely more than its margin, *passed* when it is surely less, and *open*
until then. All of them share one level (Bonferroni). Rates are judged exactly from the first unit; metrics, rewards of
groups and what an impact ratio changed by are asymptotic and wait for their units.

What befalls both arms at once (an outage, a slow hour) must also fall on the challenger's units more often than their
share: that is exact however the rate changes in time.

A truth that is missing more often in one arm, by the test of `health`, shows neither harm nor safety: what is guarded
by it is open until the truth has come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from contender.experiment.data import ArmData, ExperimentData, GroupData, MetricData, Phase
from contender.experiment.impact import impact_guardrails
from contender.experiment.inference import MarginTest, arm_mean, margin_test, missing_p, review_value
from contender.experiment.plan import Plan
from contender.experiment.statistics import sample_ratio
from contender.experiment.statistics.bernoulli import Count, excess_p_value
from contender.metrics import PlannedMetric
from contender.values import CHAMPION

INCIDENT_CONCENTRATION = 2.0
"""Prior of the tests by shares: a broken challenger takes nearly all incidents, so any share is as likely."""

State = Literal["open", "passed", "breached"]


class Guardrail(NamedTuple):
    """A figure that must not deteriorate for the challenger's units by more than `margin`; None before there is one.

    `p` is the smallest p-value so far of the harm being within the margin, `safe_p` of it being beyond. Before a
    promotion a `required` one must have passed.
    """

    champion: float | None
    challenger: float | None
    p: float
    breached: bool
    state: State = "open"
    margin: float = 0.0
    safe_p: float = 1.0
    required: bool = False


@dataclass(frozen=True, slots=True)
class Smallest:
    """The smallest p-values of all looks so far, by guardrail: of harm, and of safety."""

    harm: Mapping[str, float]
    safe: Mapping[str, float]


class Compared(NamedTuple):
    """What guardrails compare: both arms, the challenger's name, the phases, the plan, and the looks before."""

    champion: ArmData
    challenger: ArmData
    name: str
    phases: tuple[Phase, ...]
    plan: Plan
    before: Smallest

    @property
    def pair(self) -> tuple[str, str]:
        """The two arms by name."""
        return CHAMPION, self.name

    @property
    def level(self) -> float:
        """Each guardrail's part of the level that they share; all groups together have the part of one."""
        return self.plan.guardrail_alpha / (len(INCIDENTS) + 2 + len(self.plan.of_role("guardrail")))

    def judged(
        self, key: str, rates: tuple[float | None, float | None], found: MarginTest, terms: tuple[float, float, bool]
    ) -> Guardrail:
        """The guardrail called `key`; `terms` are its level, its margin and whether it must pass."""
        level, margin, required = terms
        harm = min(found.harm_p, self.before.harm.get(key, 1.0))
        safe = min(found.safe_p, self.before.safe.get(key, 1.0))
        state: State = "breached" if harm <= level else "passed" if safe <= level else "open"
        return Guardrail(*rates, harm, harm <= level, state, margin, safe, required)


def guardrails(
    data: ExperimentData, phases: tuple[Phase, ...], plan: Plan, before: Smallest, name: str
) -> dict[str, Guardrail]:
    """Every guardrail by name, given the smallest p-values `before`; `phases` cover the whole experiment."""
    compared = Compared(data.arms[CHAMPION], data.arms[name], name, phases, plan, before)
    found = {incident: _incident(compared, incident) for incident in INCIDENTS}
    found["review"] = _review(compared)
    for metric in plan.of_role("guardrail"):
        found[metric.name] = _metric(compared, metric)
    return found | dict(_groups(compared))


class Incident(NamedTuple):
    """Something that should befall few units: how a phase and an arm count it, and the plan's margin for it."""

    phase: Callable[[Phase], Mapping[str, int]]
    arm: Callable[[ArmData], int]
    margin: Callable[[Plan], float]


INCIDENTS: Final[Mapping[str, Incident]] = {
    "fallback": Incident(lambda p: p.fallback_units, lambda arm: arm.fallback_units, lambda plan: plan.fallback_margin),
    "error": Incident(lambda p: p.error_units, lambda arm: arm.error_units, lambda plan: plan.error_margin),
    "slow": Incident(lambda p: p.slow_units, lambda arm: arm.slow_units, lambda plan: plan.slow_margin),
}


def rate_test(champion: Count, challenger: Count, margin: float) -> MarginTest:
    """Whether the challenger's rate is higher than the champion's by more than `margin`, or surely not; exact."""
    return MarginTest(
        excess_p_value(champion, challenger, margin),
        excess_p_value(challenger, champion, -margin),
    )


def _incident(compared: Compared, name: str) -> Guardrail:
    phase_counts, arm_counts, margin_of = INCIDENTS[name]
    margin = margin_of(compared.plan)
    counts = [Count(arm_counts(arm), arm.assigned) for arm in (compared.champion, compared.challenger)]
    found = rate_test(counts[0], counts[1], margin)
    by_share = 1.0 if found.harm_p == 1.0 else sample_ratio.p_value(_evidence(compared, phase_counts))
    found = found._replace(harm_p=max(found.harm_p, by_share))
    return compared.judged(name, (counts[0].rate, counts[1].rate), found, (compared.level, margin, False))


def _evidence(compared: Compared, counted: Callable[[Phase], Mapping[str, int]]) -> float:
    """The log Bayes factor of incidents falling on the two arms otherwise than by their shares."""
    dealt = [
        ([counted(phase).get(arm, 0) for arm in compared.pair], _pair_shares(phase, compared.pair))
        for phase in compared.phases
    ]
    whole = [sum(share[arm] for _, share in dealt) / len(dealt) for arm in range(2)]
    return sample_ratio.pooled_evidence(dealt, whole, INCIDENT_CONCENTRATION)


def _pair_shares(phase: Phase, pair: tuple[str, str]) -> list[float]:
    shares = [phase.shares.get(arm, 0.0) for arm in pair]
    total = sum(shares)
    return [share / total if total else 0.0 for share in shares]


def _review(compared: Compared) -> Guardrail:
    """A better model may ask for a person more often; by how much is the plan's margin. By each unit's first answer."""
    first, second = (Count(arm.review_units, arm.assigned) for arm in (compared.champion, compared.challenger))
    margin = compared.plan.review_margin
    found = rate_test(first, second, margin)
    return compared.judged("review", (first.rate, second.rate), found, (compared.level, margin, False))


def _metric(compared: Compared, metric: PlannedMetric) -> Guardrail:
    """A metric of the plan that may not deteriorate by more than its margin."""
    price, plan = review_value(compared.plan), compared.plan
    seen = compared.champion.metric(metric.name), compared.challenger.metric(metric.name)
    means = [arm_mean(metric, one, price) for one in seen]
    terms = (compared.level, metric.margin, metric.required)
    first, second = means
    if first is None or second is None:
        return compared.judged(metric.name, (None, None), MarginTest(), terms)
    rates = (first.estimate.mean, second.estimate.mean)
    if min(first.units, second.units) < plan.min_units:
        return compared.judged(metric.name, rates, MarginTest(), terms)
    if _one_sided(metric, compared, seen):
        return _reopened(compared.judged(metric.name, rates, MarginTest(), terms))
    found = margin_test(metric, first, second, plan, metric.margin, compared.level)
    return compared.judged(metric.name, rates, found, terms)


def _one_sided(metric: PlannedMetric, compared: Compared, seen: tuple[MetricData, MetricData]) -> bool:
    """Whether a truth that must be observed is missing more often in one arm."""
    return metric.observed and missing_p(*seen) <= compared.plan.ratio_alpha


def _reopened(guardrail: Guardrail) -> Guardrail:
    return guardrail if guardrail.breached else guardrail._replace(state="open")


def _groups(compared: Compared) -> Iterator[tuple[str, Guardrail]]:
    """The primary metric and the impact ratios of every group that is large enough in both arms, at a common level."""
    mine, theirs = compared.champion.groups, compared.challenger.groups
    names = [name for name in mine if name in theirs]
    tests = 2 if compared.plan.favourable_label else 1
    level = compared.level / max(1, tests * len(names))
    for name in names:
        if (found := _group(compared, (mine[name], theirs[name]), level)) is not None:
            rates, test = found
            key = f"reward {name}"
            guarded = compared.judged(key, rates, test or MarginTest(), (level, compared.plan.group_margin, False))
            yield key, guarded if test else _reopened(guarded)
    if compared.plan.favourable_label:
        for key, rates, test in impact_guardrails(mine, theirs, compared.plan, level):
            yield key, compared.judged(key, rates, test, (level, 0.0, False))


def _group(
    compared: Compared, groups: tuple[GroupData, GroupData], level: float
) -> tuple[tuple[float, float], MarginTest | None] | None:
    """Both means and the test of them; no test while the truth is missing more often in one arm, or in one of these."""
    plan = compared.plan
    first, second = (arm_mean(plan.primary, group.metric, review_value(plan)) for group in groups)
    if first is None or second is None or min(first.units, second.units) < plan.group_units:
        return None
    rates, name = (first.estimate.mean, second.estimate.mean), plan.primary.name
    arms = compared.champion.metric(name), compared.challenger.metric(name)
    own = groups[0].metric, groups[1].metric
    if any(_one_sided(plan.primary, compared, seen) for seen in (arms, own)):
        return rates, None
    return rates, margin_test(plan.primary, first, second, plan, plan.group_margin, level)
