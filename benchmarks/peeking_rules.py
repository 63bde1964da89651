"""The judge's rules for every look of many experiments at once: what `contender.experiment.decision` would say.

Written anew from the rules, on arrays; `benchmarks.peeking_check` compares it with the judge look by look.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from benchmarks.peeking_cells import Cell
from benchmarks.peeking_counts import INCIDENTS, Counts, Values
from benchmarks.peeking_groups import group_breaches, one_sided
from benchmarks.peeking_inference import Primary, compare, harm_p, means_of, safe_p
from benchmarks.peeking_statistics import Bools, Floats, Means, excess_p, p_of, ratio_evidence, smallest
from benchmarks.peeking_strata import adjusted
from contender.experiment.guardrails import INCIDENT_CONCENTRATION
from contender.experiment.inference import review_value
from contender.experiment.plan import Plan
from contender.experiment.statistics.missing import Observed, lee_bounds

RULES: Final = (
    "guardrail",
    "unhealthy",
    "too-few",
    "worse",
    "guardrail-open",
    "better",
    "futile",
    "exhausted",
    "undecided",
)
"""The judge's rules in their order, of data that can be right."""

GUARDRAIL, UNHEALTHY, TOO_FEW, WORSE, OPEN, BETTER, FUTILE, EXHAUSTED, UNDECIDED = range(len(RULES))


@dataclass(frozen=True, slots=True)
class Judged:
    """What is said at every look, arrays of shape (experiments, looks, challengers).

    `rule` is a place in `RULES`. `units` have a value, of champion and challenger.
    """

    rule: NDArray[np.int64]
    effect: Floats
    p_value: Floats
    srm_p: Floats
    units: Floats


def judge_counts(cell: Cell, counts: Counts, plan: Plan) -> Judged:
    """The rule that speaks at every look, for every challenger."""
    each = [_Pair(cell, counts, plan, number) for number in range(1, cell.challengers + 1)]
    compared = [pair.primary() for pair in each]
    adjusted_p = _holm(np.stack([one.p_value for one in compared], axis=-1))
    srm_p = _sample_ratio(counts, plan)
    unsound = _unsound(counts, plan, srm_p)
    rules = [
        pair.rule(found, adjusted_p[..., number], unsound)
        for number, (pair, found) in enumerate(zip(each, compared, strict=True))
    ]
    return Judged(
        np.stack(rules, axis=-1),
        np.stack([found.effect for found in compared], axis=-1),
        np.stack([found.p_value for found in compared], axis=-1),
        srm_p,
        np.stack([pair.units for pair in each], axis=-1),
    )


@dataclass(frozen=True, slots=True)
class _Pair:
    """The champion and one challenger."""

    cell: Cell
    counts: Counts
    plan: Plan
    number: int

    @property
    def arms(self) -> tuple[Means, Means]:
        first, second = (means_of(self.counts.values, arm, self.cell, self.plan) for arm in (0, self.number))
        return first, second

    @property
    def units(self) -> Floats:
        """Units with a value, of an arm whose mean is known."""
        return np.add(*(np.where(arm.known, arm.n, 0.0) for arm in self.arms))

    def primary(self) -> Primary:
        strata = self.counts.strata
        change = None if strata is None else adjusted(self.cell, self.counts, strata, self.number)
        return compare(self.arms, change, self.plan)

    def rule(self, found: Primary, p_value: Floats, unsound: Bools) -> NDArray[np.int64]:
        """The first rule that applies."""
        plan = self.plan
        first, second = self.arms
        breached, open_ = self._guardrails()
        better, worse = ((p_value <= plan.level) & (sign * found.effect > 0.0) for sign in (1, -1))
        missing = self._missing()
        unhealthy = unsound | (missing & ~self._holds_within(found, missing, better, worse))
        conditions = [
            breached,
            unhealthy,
            np.minimum(first.n, second.n) < plan.min_units,
            worse,
            better & open_,
            better,
            found.futile,
            self.units >= plan.horizon_units,
        ]
        return np.select(conditions, list(range(len(conditions))), UNDECIDED)

    def _guardrails(self) -> tuple[Bools, Bools]:
        """Whether one is breached, and whether a required one has not passed."""
        plan, counts = self.plan, self.counts
        level = plan.guardrail_alpha / (len(INCIDENTS) + 2 + len(plan.of_role("guardrail")))
        margins = (plan.fallback_margin, plan.error_margin, plan.slow_margin)
        p_values = [self._incident(name, margin) for name, margin in zip(INCIDENTS, margins, strict=True)]
        reviews = [(counts.reviews[..., arm], counts.assigned[..., arm]) for arm in (0, self.number)]
        p_values.append(excess_p(reviews[0], reviews[1], plan.review_margin))
        breached = (np.min([smallest(p) for p in p_values], axis=0)) <= level
        open_ = np.zeros(breached.shape, bool)
        if counts.guarded is not None:
            harm, safe = self._guarded(counts.guarded, level)
            breached, open_ = breached | (harm <= level), (safe > level) & ~(harm <= level)
        return breached | group_breaches(self.cell, counts, plan, self.number, level), open_

    def _incident(self, name: str, margin: float) -> Floats:
        counts = self.counts
        happened, assigned = counts.happened(name), counts.assigned
        pair = [0, self.number]
        first, second = ((happened[..., arm], assigned[..., arm]) for arm in pair)
        found = excess_p(first, second, margin)
        shares = counts.shares[:, pair] / counts.shares[:, pair].sum(axis=1, keepdims=True)
        begun = _begun(counts)
        by_share = np.ones(found.shape)
        for steps in range(1, len(shares) + 1):
            dealt = counts.incidents[name][..., :steps, pair]
            logs = ratio_evidence(dealt, shares[:steps], shares[:steps].mean(axis=0), INCIDENT_CONCENTRATION)
            by_share = np.where(begun == steps, p_of(logs), by_share)
        return np.where(found == 1.0, 1.0, np.maximum(found, by_share))

    def _guarded(self, values: Values, level: float) -> tuple[Floats, Floats]:
        metric = self.plan.of_role("guardrail")[0]
        first, second = (means_of(values, arm, self.cell, self.plan, event=True) for arm in (0, self.number))
        enough = np.minimum(first.n, second.n) >= self.plan.min_units
        harm = np.where(enough, harm_p((first, second), metric.margin, self.plan, level), 1.0)
        safe = np.where(enough, safe_p((first, second), metric.margin, self.plan, level), 1.0)
        return smallest(harm), smallest(safe)

    def _missing(self) -> Bools:
        """Whether outcomes are missing more often in one arm, at this look."""
        return one_sided(self.counts.values, self.plan, self.number)

    def _holds_within(self, found: Primary, missing: Bools, better: Bools, worse: Bools) -> Bools:
        """Whether the direction is the same wherever the missing outcomes lie; few looks need it, so one by one."""
        holds = np.zeros(missing.shape, bool)
        for at in zip(*np.nonzero(missing & (better | worse)), strict=True):
            bounds = lee_bounds(*(self._observed(at, arm) for arm in (0, self.number)))
            below = bounds.low - (found.effect[at] - found.low[at])
            above = bounds.high + (found.high[at] - found.effect[at])
            holds[at] = below > 0.0 if better[at] else above < 0.0
        return holds

    def _observed(self, at: tuple[int, int], arm: int) -> Observed:
        values, place = self.counts.values, (*at, arm)
        total = values.total[place] + values.reviewed[place] * review_value(self.plan)
        n, missing = values.n[place], values.answered[place] - values.n[place]
        return Observed(int(n + values.reviewed[place]), float(total), int(missing))


def _begun(counts: Counts) -> NDArray[np.int64]:
    """How many steps of the ramp somebody was first seen in."""
    seen = counts.units.sum(axis=-1) > 0
    return np.asarray(np.maximum(1, (seen * np.arange(1, seen.shape[-1] + 1)).max(axis=-1)))


def _sample_ratio(counts: Counts, plan: Plan) -> Floats:
    begun = _begun(counts)
    found = np.ones(begun.shape)
    for steps in range(1, len(counts.shares) + 1):
        shares = counts.shares[:steps]
        logs = ratio_evidence(counts.units[..., :steps, :], shares, shares[-1].tolist(), plan.ratio_concentration)
        found = np.where(begun == steps, p_of(logs), found)
    return smallest(found)


def _unsound(counts: Counts, plan: Plan, srm_p: Floats) -> Bools:
    """Faults of the whole experiment."""
    found = srm_p <= plan.ratio_alpha
    if counts.strata is not None:
        found = found | (smallest(_balance(counts, counts.strata.bins, plan)) <= plan.ratio_alpha)
    assigned = counts.assigned.sum(axis=-1)
    for units, share in (
        (counts.crossed, plan.max_crossed_share),
        (counts.contradictory, plan.max_contradictory_share),
    ):
        found = found | (units > np.maximum(1, np.floor(share * assigned)))
    return np.asarray(found)


def _balance(counts: Counts, units: Floats, plan: Plan) -> Floats:
    """The p-value of the mean evidence, over the covariate's bins that have `units`, of their falling on the arms."""
    bins = np.moveaxis(units, -1, -2)
    used = bins.sum(axis=-1) > 0
    shares = counts.shares[_begun(counts) - 1]
    logs = np.where(used, _bin_evidence(bins, shares[:, :, None], plan.ratio_concentration), -np.inf)
    most = logs.max(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.exp(logs - most[..., None]).sum(axis=-1) / used.sum(axis=-1)
        return np.where(used.any(axis=-1), p_of(most + np.log(mean)), 1.0)


def _bin_evidence(counts: Floats, shares: Floats, concentration: float) -> Floats:
    """The log Bayes factor of each bin: counts and shares are (experiments, looks, bins, arms)."""
    weights = concentration * shares
    mass = weights.sum(axis=-1)
    mixture = gammaln(mass) - gammaln(mass + counts.sum(axis=-1))
    mixture = mixture + (gammaln(weights + counts) - gammaln(weights)).sum(axis=-1)
    return np.asarray(mixture - (counts * np.log(shares)).sum(axis=-1))


def _holm(p_values: Floats) -> Floats:
    """Holm's adjustment along the last axis."""
    count = p_values.shape[-1]
    order = np.argsort(p_values, axis=-1, kind="stable")
    steps = np.minimum(1.0, np.take_along_axis(p_values, order, axis=-1) * (count - np.arange(count)))
    found = np.empty_like(p_values)
    np.put_along_axis(found, order, np.maximum.accumulate(steps, axis=-1), axis=-1)
    return found
