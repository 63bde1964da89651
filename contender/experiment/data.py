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


class PairedSample(NamedTuple):
    """Two values of each unit: a metric and its covariate, or a ratio's numerator and denominator."""

    first: Sample
    second: Sample
    products: float


class Phase(NamedTuple):
    """A stretch of an experiment in which the arms' shares did not change, such as one step of a ramp.

    `shares` are the parts of [0, 1) by arm. `units` counts the units first seen in the phase and `fallback_units`
    those of them that fell back at least once, each by arm.
    """

    shares: Mapping[str, float]
    units: Mapping[str, int]
    fallback_units: Mapping[str, int]


class PhaseCount(NamedTuple):
    """A phase as it was counted: units first seen under routing `generation`, and those that fell back, by arm."""

    generation: int
    units: Mapping[str, int]
    fallback_units: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ArmData:
    """One arm, by intention to treat.

    `assigned` counts units that were exposed, `exposures` requests. `fallbacks` are exposures that were not served by
    the assigned arm, `reviews` those answered ``Review_Required``. `reward` is over units with an outcome, each unit's
    rewards averaged first. `fallback_units` and `review_units` count units to whom it happened at least once, which is
    what the guardrails judge: requests of one unit are not independent. None says that the source knows only requests.
    """

    assigned: int
    exposures: int
    fallbacks: int
    reviews: int
    reward: Sample
    fallback_units: int | None = None
    review_units: int | None = None


@dataclass(frozen=True, slots=True)
class ExperimentData:
    """An experiment at one look: its arms by name, and the units that were seen in more than one arm.

    `phases` are needed only when shares changed while the experiment ran; without them all units are held against the
    plan's share.
    """

    arms: Mapping[str, ArmData]
    crossed_units: int
    phases: tuple[Phase, ...] = ()
