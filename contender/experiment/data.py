"""What the analysis sees of an experiment: aggregates by arm, never rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NamedTuple


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


NOTHING: Final = Sample(0, 0.0, 0.0)
NO_PAIRS: Final = PairedSample(NOTHING, NOTHING, 0.0)


class Phase(NamedTuple):
    """A stretch of an experiment in which the arms' shares did not change, such as one step of a ramp.

    `shares` are the parts of [0, 1) by arm. `units` counts the units first seen in the phase; the others those of them
    that ever fell back, were answered by nobody, waited too long, or have an outcome, each by arm.
    """

    shares: Mapping[str, float]
    units: Mapping[str, int]
    fallback_units: Mapping[str, int]
    error_units: Mapping[str, int] = MappingProxyType({})
    slow_units: Mapping[str, int] = MappingProxyType({})
    outcome_units: Mapping[str, int] = MappingProxyType({})


class PhaseCount(NamedTuple):
    """A phase as it was counted: units first seen under routing `generation`, and what befell them, by arm."""

    generation: int
    units: Mapping[str, int]
    fallback_units: Mapping[str, int]
    error_units: Mapping[str, int] = MappingProxyType({})
    slow_units: Mapping[str, int] = MappingProxyType({})
    outcome_units: Mapping[str, int] = MappingProxyType({})


class GroupData(NamedTuple):
    """An arm's units of one group: all of them, those given the favourable label, and their rewards."""

    units: int
    selected: int
    reward: Sample


class Events(NamedTuple):
    """Records that a sound experiment has few of.

    `replayed` came twice with the same content, `contradictory` twice with another one. `late` outcomes happened
    longer after their exposure than the plan's window, or before it.
    """

    replayed: int = 0
    contradictory: int = 0
    late: int = 0


NO_EVENTS: Final = Events()


@dataclass(frozen=True, slots=True)
class ArmData:
    """One arm, by intention to treat.

    `assigned` counts units that were exposed, `exposures` requests. `fallbacks` are exposures that were not served by
    the assigned arm, `reviews` those answered ``Review_Required``. `reward` is over units with an outcome, each unit's
    rewards averaged first. The counts of units say to how many it happened at least once, which is what guardrails
    judge: requests of one unit are not independent; None says that the source knows only requests. `error_units` were
    answered by nobody, `slow_units` later than the plan's limit, `outcome_units` have an outcome (None: as many as
    have a reward). `baseline` pairs a unit's reward with the baseline model's on the same requests. `groups` is by
    attribute and value, such as ``gender=Female``.
    """

    assigned: int
    exposures: int
    fallbacks: int
    reviews: int
    reward: Sample
    fallback_units: int | None = None
    review_units: int | None = None
    error_units: int = 0
    slow_units: int = 0
    outcome_units: int | None = None
    baseline: PairedSample = NO_PAIRS
    groups: Mapping[str, GroupData] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExperimentData:
    """An experiment at one look: its arms by name, and the units that were seen in more than one arm.

    `phases` are needed only when shares changed while the experiment ran; without them all units are held against the
    plan's share. `shadow` pairs, for each arm, its reward with the shadow's on the same units. `seconds` lie between
    the first and the last exposure.
    """

    arms: Mapping[str, ArmData]
    crossed_units: int
    phases: tuple[Phase, ...] = ()
    shadow: Mapping[str, PairedSample] = field(default_factory=dict)
    events: Events = NO_EVENTS
    seconds: float = 0.0
