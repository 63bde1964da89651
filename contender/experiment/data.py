"""What the analysis sees of an experiment: aggregates by arm, never rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Sample(NamedTuple):
    """A sample of unit-level values: how many, their sum, the sum of their squares."""

    n: int
    total: float
    squares: float


@dataclass(frozen=True, slots=True)
class ArmData:
    """One arm, by intention to treat.

    `assigned` counts units that were exposed, `exposures` requests. `fallbacks` are exposures that were not served by
    the assigned arm, `reviews` those answered ``Review_Required``. `reward` is over units with an outcome, each unit's
    rewards averaged first.
    """

    assigned: int
    exposures: int
    fallbacks: int
    reviews: int
    reward: Sample


@dataclass(frozen=True, slots=True)
class ExperimentData:
    """An experiment at one look: its arms by name, and the units that were seen in more than one arm."""

    arms: Mapping[str, ArmData]
    crossed_units: int
