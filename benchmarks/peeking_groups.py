"""The guardrails of protected groups on arrays: the primary metric of each, and impact ratios."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.peeking_cells import Cell
from benchmarks.peeking_counts import Counts, Group, Values
from benchmarks.peeking_inference import harm_p, means_of
from benchmarks.peeking_statistics import (
    Bools,
    Floats,
    Means,
    excess_p,
    one_sided_p,
    pooled_variance,
    ratio_p,
    smallest,
    squared_error,
)
from contender.experiment.fairness import FOUR_FIFTHS, SMALL_SHARE
from contender.experiment.plan import Plan


def group_breaches(cell: Cell, counts: Counts, plan: Plan, number: int, level: float) -> Bools:
    """Whether a group's guardrail is breached at each look; `level` is the part that all groups share."""
    groups = list(counts.groups.values())
    found = np.zeros(counts.assigned.shape[:2], bool)
    if not groups:
        return found
    level /= (2 if plan.favourable_label else 1) * len(groups)
    for group in groups:
        arms = tuple(means_of(group.values, arm, cell, plan) for arm in (0, number))
        enough = np.minimum(arms[0].n, arms[1].n) >= plan.group_units
        enough &= ~(one_sided(counts.values, plan, number) | one_sided(group.values, plan, number))
        p_value = np.where(enough, harm_p((arms[0], arms[1]), plan.group_margin, plan, level), 1.0)
        found |= smallest(p_value) <= level
    if plan.favourable_label:
        found |= _impact(groups, plan, number, level)
    return found


def one_sided(values: Values, plan: Plan, number: int) -> Bools:
    """Whether the primary metric's truth is missing more often in one arm, at this look."""
    if not plan.primary.observed:
        return np.zeros(values.n.shape[:2], bool)
    first, second = ((values.n[..., arm], values.answered[..., arm]) for arm in (0, number))
    p_value = np.minimum(excess_p(first, second, 0.0), excess_p(second, first, 0.0))
    return np.asarray(p_value <= plan.ratio_alpha)


Numbers = NDArray[np.int64]


class _Selections:
    """Who is selected in one arm, arrays (groups, experiments, looks), and which groups are compared."""

    def __init__(self, groups: list[Group], arm: int) -> None:
        self.trials = np.stack([group.units[..., arm] for group in groups])
        self.events = np.stack([group.selected[..., arm] for group in groups])
        people = self.trials.sum(axis=0)
        self.compared = (self.trials > 0) & (self.trials >= SMALL_SHARE * people)
        with np.errstate(invalid="ignore", divide="ignore"):
            self.rate = np.where(self.trials > 0, self.events / self.trials, 0.0)
        self.best = np.where(self.compared, self.rate, -1.0).argmax(axis=0)
        self.selects = (self.events * self.compared).sum(axis=0) > 0

    def of(self, which: Numbers) -> tuple[Floats, Floats]:
        """Events and trials of the group with that number, at every look."""
        place = np.broadcast_to(which, self.best.shape)[None]
        return np.take_along_axis(self.events, place, 0)[0], np.take_along_axis(self.trials, place, 0)[0]


def _impact(groups: list[Group], plan: Plan, number: int, level: float) -> Bools:
    before, after = _Selections(groups, 0), _Selections(groups, number)
    found = np.zeros(before.best.shape, bool)
    for group in range(len(groups)):
        which = np.array(group)
        asked = after.compared[group] & before.compared[group] & before.selects & after.selects
        asked &= after.trials[group] >= plan.group_units
        old, new = (_ratio(arm.of(which), arm.of(arm.best)) for arm in (before, after))
        asked &= new < np.minimum(FOUR_FIFTHS, old)
        under = ratio_p(after.of(after.best), after.of(which), FOUR_FIFTHS, asked)
        worse = _worse(before, after, which, (level, plan.tuning_units))
        p_value = np.where(asked, np.maximum(under, np.where(under <= level, worse, 1.0)), 1.0)
        found |= smallest(p_value) <= level
    return found


def _ratio(group: tuple[Floats, Floats], best: tuple[Floats, Floats]) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return (group[0] / group[1]) / (best[0] / best[1])


def _worse(before: _Selections, after: _Selections, which: Numbers, level: tuple[float, float]) -> Floats:
    """The p-value of the group's ratio not being lower than it was."""
    old = _lift(before, after, before.best, which, 0)
    new = _lift(before, after, after.best, which, 1)
    error = np.hypot(old[1], new[1])
    with np.errstate(invalid="ignore", divide="ignore"):
        score = (new[0] - old[0]) / error
    return one_sided_p(-score, old[2] + new[2], error, level)


def _lift(
    before: _Selections, after: _Selections, best: Numbers, which: Numbers, arm: int
) -> tuple[Floats, Floats, Floats]:
    """The group's rate against the best one's in one arm: relative difference, its error, and units."""
    base, mean = (_floored(_means(before.of(place)), _means(after.of(place)), arm) for place in (best, which))
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = mean.mean / base.mean
        error = np.sqrt((squared_error(mean) + ratio * ratio * squared_error(base)) / base.mean**2)
    nothing = base.mean == 0.0
    return np.where(nothing, 0.0, ratio - 1.0), np.where(nothing, np.inf, error), base.n + mean.n


def _means(count: tuple[Floats, Floats]) -> Means:
    events, trials = count
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = np.where(trials > 0, events / trials, 0.0)
    return Means(trials, rate, rate * (1.0 - rate), events)


def _floored(first: Means, second: Means, arm: int) -> Means:
    """That arm's mean, with the variance of all values as the least."""
    chosen = (first, second)[arm]
    return chosen._replace(variance=np.maximum(chosen.variance, pooled_variance(first, second)))
