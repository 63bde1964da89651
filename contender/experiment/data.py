"""What the analysis sees of an experiment: aggregates by arm, never rows.

Only counted exposures are in it. A unit belongs to the arm, and the phase, of its first counted exposure.
"""

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

LATENCY_BINS: Final = 64
"""Logarithmic bins of latency, from `latency.LOWEST_MS` on."""


class MetricData(NamedTuple):
    """One metric of an arm, over the units whose window has closed.

    `matured` counts these units, `reviewed` those of them who were only ever referred to a person: their value is the
    plan's price of a review, and they are not in `value`. `value` is over the others that have a value (of a ratio: its
    numerator); whoever is in neither is missing. `divisor` is a ratio's denominator, on the same units, and `products`
    the sum of both multiplied. `review_weight` sums, over the units in `value`, the part of a unit's value that is the
    price of a review: how much it grows when that price grows by 1.
    """

    matured: int = 0
    reviewed: int = 0
    value: Sample = NOTHING
    divisor: Sample = NOTHING
    products: float = 0.0
    review_weight: float = 0.0

    @property
    def answered(self) -> int:
        """Units that a model answered at least once: an outcome is awaited of them."""
        return self.matured - self.reviewed

    @property
    def missing(self) -> int:
        """Answered units without a value."""
        return self.answered - self.value.n

    @property
    def pairs(self) -> PairedSample:
        """What is over and under a ratio's line, by unit."""
        return PairedSample(self.value, self.divisor, self.products)


NOT_MEASURED: Final = MetricData()


class Stratum(NamedTuple):
    """Units alike in what was known of them before their answer: the `bin` of the covariate, -1 for unknown.

    `fold` is the half of all units that they belong to, by a hash of their id: what is fitted on one half adjusts the
    other. `reviewed` units were only ever referred to a person.
    """

    fold: int
    bin: int
    reviewed: bool = False


class Phase(NamedTuple):
    """A stretch of an experiment in which its coverage did not change, such as one step of a ramp.

    `shares` are the arms' parts of all units that are counted. `units` counts the units first seen in the phase; the
    others those of them that ever fell back, were answered by nobody, or waited too long, each by arm. `generation` is
    that of the routing with which it began.
    """

    shares: Mapping[str, float]
    units: Mapping[str, int]
    fallback_units: Mapping[str, int] = MappingProxyType({})
    error_units: Mapping[str, int] = MappingProxyType({})
    slow_units: Mapping[str, int] = MappingProxyType({})
    generation: int = 0


class PhaseCount(NamedTuple):
    """A phase as it was counted: units first seen under routing `generation`, and what befell them, by arm."""

    generation: int
    units: Mapping[str, int]
    fallback_units: Mapping[str, int] = MappingProxyType({})
    error_units: Mapping[str, int] = MappingProxyType({})
    slow_units: Mapping[str, int] = MappingProxyType({})


class GroupData(NamedTuple):
    """An arm's units of one group: all of them, those given the favourable label at first, and the primary metric."""

    units: int
    selected: int
    metric: MetricData = NOT_MEASURED


class ShadowData(NamedTuple):
    """A shadow beside one arm, over the units that both answered and whose window has closed.

    `agreement` is each unit's share of equal answers; `latency` the shadow's worst by unit, in `LATENCY_BINS`. Of the
    units with a truth: `confidence` pairs the shadow's mean confidence with its reward (a calibrated model whose reward
    is 1 for right earns what it is sure of), and `reward` the arm's reward with the shadow's.
    """

    agreement: Sample = NOTHING
    confidence: PairedSample = NO_PAIRS
    reward: PairedSample = NO_PAIRS
    latency: tuple[int, ...] = ()


class Events(NamedTuple):
    """Records that a sound experiment has few of.

    `replayed` records came twice with the same content. `contradictory` counts *units* of which two records contradict
    each other. `late` outcomes happened after their unit's window, before their answer, or came after the unit's value
    was final; they do not count.
    """

    replayed: int = 0
    contradictory: int = 0
    late: int = 0


NO_EVENTS: Final = Events()


@dataclass(frozen=True, slots=True)
class ArmData:
    """One arm, by intention to treat.

    `assigned` counts units, `exposures` requests. `fallbacks` are exposures that were not served by the assigned arm,
    `reviews` those answered ``Review_Required``. `fallback_units`, `error_units` (answered by nobody) and `slow_units`
    (later than the plan's limit) count those to whom it happened at least once, `review_units` those whose *first*
    answer was a review. `metrics` are by name. `strata` hold the primary metric's values by what was known before
    (reviewed units at the price of a review), `covariate_units` all units whose window has closed by the bin of the
    covariate. `groups` is by attribute and value, such as ``gender=Female``. `latency` counts units by their worst
    latency, in `LATENCY_BINS`.
    """

    assigned: int
    exposures: int
    fallbacks: int = 0
    reviews: int = 0
    fallback_units: int = 0
    review_units: int = 0
    error_units: int = 0
    slow_units: int = 0
    metrics: Mapping[str, MetricData] = field(default_factory=dict)
    strata: Mapping[Stratum, Sample] = field(default_factory=dict)
    covariate_units: Mapping[int, int] = field(default_factory=dict)
    groups: Mapping[str, GroupData] = field(default_factory=dict)
    latency: tuple[int, ...] = ()

    def metric(self, name: str) -> MetricData:
        """What was measured of that metric so far."""
        return self.metrics.get(name, NOT_MEASURED)


@dataclass(frozen=True, slots=True)
class ExperimentData:
    """An experiment at one look: its arms by name, and the units that were seen in more than one arm.

    `phases` are needed only when the coverage grew while the experiment ran; without them all units are held against
    the plan's share. `pooled` says that the arms' proportions are the same in every phase: they were not in experiments
    that began under the old rule, whose rates must not be compared over a ramp. `shadow` is the shadow beside each arm.
    `seconds` lie between the first and the last exposure.
    """

    arms: Mapping[str, ArmData]
    crossed_units: int = 0
    phases: tuple[Phase, ...] = ()
    shadow: Mapping[str, ShadowData] = field(default_factory=dict)
    events: Events = NO_EVENTS
    seconds: float = 0.0
    pooled: bool = True
