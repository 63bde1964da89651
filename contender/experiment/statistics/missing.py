"""What an effect may be where outcomes are missing: bounds that assume nothing, or only that missing is one-sided."""

from __future__ import annotations

from typing import NamedTuple

from contender.errors import InvalidInput
from contender.experiment.ranges import check
from contender.experiment.statistics.bernoulli import Interval


class Observed(NamedTuple):
    """An arm's values in [0, 1]: of `n` units they sum to `total`; `missing` units should have one and have not."""

    n: float
    total: float
    missing: float

    @property
    def rate(self) -> float:
        """The part of units that have a value."""
        return self.n / (self.n + self.missing) if self.n + self.missing else 0.0


def manski_bounds(champion: Observed, challenger: Observed) -> Interval:
    """The differences of means that any values of the missing units would give: all 0 in one arm, all 1 in the other.

    Manski 1990, American Economic Review 80. As wide as the parts that are missing, added up.

    Raises:
        InvalidInput: an arm without a value, or a sum that values in [0, 1] do not have.

    >>> manski_bounds(Observed(8, 4.0, 2), Observed(9, 6.0, 1))
    Interval(low=0.0, high=0.3)
    """
    first, second = (_extremes(arm) for arm in (champion, challenger))
    return Interval(round(second.low - first.high, 12), round(second.high - first.low, 12))


def lee_bounds(champion: Observed, challenger: Observed) -> Interval:
    """The differences of means of those who would have a value in either arm, if the arm moves values one way only.

    Lee 2009, Review of Economic Studies 76: the arm in which more have a value is cut by the excess, from above or from
    below. From sums alone: who is cut is taken to have had 1, or 0, which is exact for yes-or-no values and no
    narrower than Lee's bounds for others. A point where both arms have the same part.

    Raises:
        InvalidInput: as `manski_bounds`.

    >>> bounds = lee_bounds(Observed(80, 40.0, 20), Observed(100, 60.0, 0))
    >>> round(bounds.low, 4), round(bounds.high, 4)
    (0.0, 0.25)
    """
    first, second = (_cut(arm, other) for arm, other in ((champion, challenger), (challenger, champion)))
    return Interval(second.low - first.high, second.high - first.low)


def _extremes(arm: Observed) -> Interval:
    _check(arm)
    units = arm.n + arm.missing
    return Interval(arm.total / units, (arm.total + arm.missing) / units)


def _cut(arm: Observed, other: Observed) -> Interval:
    """The means that the arm may have without its excess of units with a value."""
    _check(arm)
    kept = arm.n * min(1.0, other.rate / arm.rate) if arm.rate else 0.0
    if kept <= 0.0:
        return Interval(0.0, 1.0)
    cut = arm.n - kept
    return Interval(max(0.0, (arm.total - cut) / kept), min(1.0, arm.total / kept))


def _check(arm: Observed) -> None:
    for name, value in arm._asdict().items():
        check(f"observed.{name}", value, 0.0)
    if not arm.n or arm.total > arm.n * (1.0 + 1e-9):
        raise InvalidInput("observed", f"{arm.n:g} values in [0, 1] do not sum to {arm.total:g}")
