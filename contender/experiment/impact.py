"""Does the challenger select the people of one group less often? Impact ratios as guardrails.

Two things must be shown: that the challenger's ratio is under four fifths, which is exact at every n, and that it is
lower than the champion's: a challenger is not rolled back for what the champion does as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from contender.experiment.data import GroupData
from contender.experiment.fairness import FOUR_FIFTHS, SMALL_SHARE, UNKNOWN
from contender.experiment.inference import MarginTest, pooled_variance
from contender.experiment.plan import Plan
from contender.experiment.statistics.bernoulli import Count, ratio_p_value
from contender.experiment.statistics.effect import Effect, lift
from contender.experiment.statistics.moments import Estimate, proportion_of
from contender.experiment.statistics.sequential import always_valid

Selections = Mapping[str, Count]
"""Units given the favourable label at first, and all units, by group of one attribute."""


def impact_guardrails(
    champion: Mapping[str, GroupData], challenger: Mapping[str, GroupData], plan: Plan, level: float
) -> Iterator[tuple[str, tuple[float, float], MarginTest]]:
    """Every group's impact ratio in both arms, and whether it is surely worse and under four fifths, by name."""
    for attribute in sorted({name.partition("=")[0] for name in champion if name in challenger}):
        before, after = (compared(selections(groups, attribute)) for groups in (champion, challenger))
        for group, count in after.items():
            if group in before and count.trials >= plan.group_units and _selects(before) and _selects(after):
                ratios = (_ratio(before, group), _ratio(after, group))
                yield f"impact {attribute}={group}", ratios, _test(before, after, group, plan, level)


def selections(groups: Mapping[str, GroupData], attribute: str) -> dict[str, Count]:
    """Units given the favourable label, and all of them, by group of that attribute."""
    prefix = f"{attribute}="
    return {
        name.removeprefix(prefix): Count(group.selected, group.units)
        for name, group in groups.items()
        if name.startswith(prefix)
    }


def compared(counts: Selections) -> Selections:
    """The groups that are compared: people of known group, in groups that are not too small (§ 5-301)."""
    known = {group: count for group, count in counts.items() if group != UNKNOWN and count.trials}
    people = sum(count.trials for count in known.values())
    return {group: count for group, count in known.items() if count.trials >= SMALL_SHARE * people}


def _test(before: Selections, after: Selections, group: str, plan: Plan, level: float) -> MarginTest:
    best = after[_best(after)]
    safe = ratio_p_value(after[group], best, 1.0 / FOUR_FIFTHS)
    if not _ratio(after, group) < min(FOUR_FIFTHS, _ratio(before, group)):
        return MarginTest(1.0, safe)
    under = ratio_p_value(best, after[group], FOUR_FIFTHS)
    worse = _worse(before, after, group, plan, level) if under <= level else 1.0
    return MarginTest(max(under, worse), safe)


def _selects(counts: Selections) -> bool:
    return any(count.events for count in counts.values())


def _ratio(counts: Selections, group: str) -> float:
    return counts[group].rate / counts[_best(counts)].rate


def _worse(before: Selections, after: Selections, group: str, plan: Plan, level: float) -> float:
    """The p-value of the group's ratio not being lower than it was; every rate with at least both arms' variance."""
    rates = {}
    for name in {group, _best(before), _best(after)}:
        first, second = (counts.get(name, Count(0, 0)) for counts in (before, after))
        rates[name] = _floored(_proportion(first), _proportion(second))
    old, new = (lift(rates[_best(counts)][arm], rates[group][arm]) for arm, counts in enumerate((before, after)))
    change = Effect(
        new.estimate - old.estimate, math.hypot(old.standard_error, new.standard_error), old.n + new.n, math.inf
    )
    return always_valid(change, level, plan.tuning_units, "less").p_value


def _floored(first: Estimate, second: Estimate) -> tuple[Estimate, Estimate]:
    """Both rates with at least the variance of both together: none selected is evidence, not certainty."""
    if not first.n or not second.n:
        return first, second
    least = pooled_variance(first, second)
    return first._replace(variance=max(first.variance, least)), second._replace(variance=max(second.variance, least))


def _proportion(count: Count) -> Estimate:
    return proportion_of(*count)


def _best(counts: Selections) -> str:
    """The group that is selected most often."""
    return max(counts, key=lambda name: counts[name].rate)
