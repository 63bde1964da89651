"""Do groups of people come off alike? Selection and scoring rates, and the impact ratios between them.

New York City's Local Law 144 as its final rule words it (6 RCNY § 5-300 and 5-301): the selection rate of a group over
the highest group's rate; for scores, the rate is the share of a group strictly above the sample's median. Four fifths
is the line of the federal Uniform Guidelines (29 CFR 1607.4 D).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from contender.experiment.ranges import check, check_alpha, check_count, check_inside
from contender.experiment.statistics.bernoulli import Count, Interval, ratio_p_value
from contender.experiment.statistics.sequential import critical_value

FOUR_FIFTHS: Final = 0.8
"""Below this impact ratio a group counts as adversely affected."""

SMALL_SHARE: Final = 0.02
"""Groups below this part of all people of known group are reported apart (§ 5-301)."""

UNKNOWN: Final = "unknown"
"""The group of people who did not say; counted, never compared."""

FEW: Final = 20
"""Selected people, and people not selected, that both groups must have before the normal approximation holds."""

_LARGEST: Final = math.log(1e6)
_FINE: Final = 1e-4


class GroupRate(NamedTuple):
    """One group: who was selected, its rate, and how that compares with the highest.

    `ratio` and `interval` are None for a group that is too small or unknown, and while nobody at all was selected.
    """

    group: str
    people: Count
    ratio: float | None = None
    interval: Interval | None = None

    @property
    def below_four_fifths(self) -> bool:
        """Whether the ratio is under the line."""
        return self.ratio is not None and self.ratio < FOUR_FIFTHS

    @property
    def surely_below(self) -> bool:
        """Whether the whole interval is."""
        return self.interval is not None and self.interval.high < FOUR_FIFTHS


class ImpactTable(NamedTuple):
    """The groups that are compared, those that are too small to be, and how many people are of unknown group."""

    groups: tuple[GroupRate, ...]
    small: tuple[GroupRate, ...]
    unknown: Count

    def ratio(self, group: str) -> float | None:
        """The impact ratio of that group; None where it has none."""
        return next((row.ratio for row in self.groups if row.group == group), None)


def impact_ratios(counts: Mapping[str, Count], alpha: float = 0.05, tuning_units: float | None = None) -> ImpactTable:
    """The impact ratio of every group of one attribute (or of an intersection), in the order given.

    `counts` are selected people and all people by group; the group ``unknown`` is counted apart. Intervals are on the
    logarithm of the ratio (Katz, Baptista, Azen and Pike 1978, Biometrics 34): with `tuning_units` always valid
    (`sequential.critical_value`), without for a single look. Where nobody or everybody of a group was selected, and in
    always valid ones where either group has fewer than `FEW` selected or not selected, they are exact at every look
    instead: the ratios that `bernoulli.ratio_p_value` does not reject. The highest group is picked from the same data,
    which the interval ignores. The highest group's own interval is [1, 1].

    Raises:
        InvalidInput: more selected than there are, or `alpha` or `tuning_units` out of range.

    >>> table = impact_ratios({"Male": Count(50, 92), "Female": Count(34, 76)})
    >>> [round(row.ratio, 2) for row in table.groups]
    [1.0, 0.82]
    """
    check_alpha(alpha)
    if tuning_units is not None:
        check_inside("tuning_units", tuning_units)
    for group, count in counts.items():
        check_count(f"counts.{group}", *count)
    known = {group: count for group, count in counts.items() if group != UNKNOWN and count.trials}
    people = sum(count.trials for count in known.values())
    large = {group: count for group, count in known.items() if count.trials >= SMALL_SHARE * people}
    best = max(large.values(), key=lambda count: count.rate, default=Count(0, 0))
    compared = tuple(_compared(group, count, best, (alpha, tuning_units)) for group, count in large.items())
    small = tuple(GroupRate(group, count) for group, count in known.items() if group not in large)
    return ImpactTable(compared, small, counts.get(UNKNOWN, Count(0, 0)))


def scoring_counts(scores: Mapping[str, Sequence[float]]) -> dict[str, Count]:
    """How many of each group scored strictly above the median of all people of known group: counts for `impact_ratios`.

    >>> scoring_counts({"a": [0.1, 0.5, 0.9], "b": [0.2, 0.3]})
    {'a': Count(events=2, trials=3), 'b': Count(events=0, trials=2)}
    """
    for group, values in scores.items():
        for score in values:
            check(f"scores.{group}", score)
    known = [score for group, values in scores.items() if group != UNKNOWN for score in values]
    middle = statistics.median(known) if known else math.inf
    return {group: Count(sum(score > middle for score in values), len(values)) for group, values in scores.items()}


def _compared(group: str, count: Count, best: Count, level: tuple[float, float | None]) -> GroupRate:
    if best.rate == 0.0:
        return GroupRate(group, count)
    if count is best:
        return GroupRate(group, count, 1.0, Interval(1.0, 1.0))
    ratio = count.rate / best.rate
    return GroupRate(group, count, ratio, _interval(count, best, ratio, level))


def _interval(count: Count, best: Count, ratio: float, level: tuple[float, float | None]) -> Interval:
    alpha, tuning_units = level
    if not _nearly_normal(count, best, always_valid=tuning_units is not None):
        return _exact(count, best, alpha)
    error = math.sqrt((1 - count.rate) / count.events + (1 - best.rate) / best.events)
    if tuning_units is None:
        reach = -statistics.NormalDist().inv_cdf(alpha / 2)
    else:
        reach = critical_value(count.trials + best.trials, alpha, tuning_units)
    return Interval(ratio * math.exp(-reach * error), ratio * math.exp(reach * error))


def _nearly_normal(count: Count, best: Count, *, always_valid: bool) -> bool:
    """Whether the logarithm of the ratio may be taken for normal; never where it has no error, or an infinite one."""
    if always_valid:
        return min(number for one in (count, best) for number in (one.events, one.trials - one.events)) >= FEW
    return count.events > 0 and count.rate < 1.0


def _exact(count: Count, best: Count, alpha: float) -> Interval:
    """The ratios that are not rejected: one process tests them all, so that both ends have the whole level."""
    high = _nearest_rejected(lambda log: ratio_p_value(best, count, math.exp(log)) <= alpha, _LARGEST)
    low = _nearest_rejected(lambda log: ratio_p_value(count, best, math.exp(-log)) <= alpha, -_LARGEST)
    return Interval(0.0 if low == -_LARGEST else math.exp(low), math.inf if high == _LARGEST else math.exp(high))


def _nearest_rejected(rejected: Callable[[float], bool], end: float) -> float:
    """The logarithm of the rejected ratio that is nearest to the others, on the side of `end`; `end` if none is."""
    far, near = end, -end
    if not rejected(far):
        return end
    while abs(far - near) > _FINE:
        middle = (far + near) / 2.0
        far, near = (middle, near) if rejected(middle) else (far, middle)
    return far
