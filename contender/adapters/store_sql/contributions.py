"""What one unit adds to an experiment's totals: pure, so that totals can follow every record instead of a recount.

A change of a unit changes the totals by the difference of what it added before and after.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from operator import add, mul, sub
from typing import Any, Final, NamedTuple, TypeVar

from contender.experiment.data import Stratum
from contender.experiment.unit_values import UnitValue

ALL: Final = ""
"""The cell of all units; a group's cell is called as the group is, such as ``gender=Female``."""
SHADOW: Final = "~shadow"
"""In place of a metric's name: how the shadow compares."""
LATENCY: Final = "~latency"
COVARIATE: Final = "~covariate"
STRATUM: Final = "~stratum"
"""How the names of the cells begin that are no groups; the rest are their numbers."""


class UnitRow(NamedTuple):
    """A unit: whose it is by its first counted exposure, and what happened to it since.

    `first_review` and `selected` are of the first answer. `crossed` says that it was seen in another arm.
    """

    arm: str = ""
    generation: int = 0
    first_at: float = 0.0
    first_id: str = ""
    first_review: int = 0
    selected: int = 0
    exposures: int = 0
    fallbacks: int = 0
    reviews: int = 0
    errors: int = 0
    slow: int = 0
    crossed: int = 0


class Traits(NamedTuple):
    """What a unit's primary value is looked at by; None where it is not known.

    `bin` is the covariate's, `fold` the half of all units it is in, `latency` the bin of the worst latency. The others
    are the shadow's on the same requests: part of equal answers, bin of its worst latency, mean confidence, and what
    both earned.
    """

    fold: int = 0
    bin: int | None = None
    latency: int | None = None
    shadow_latency: int | None = None
    agreement: float | None = None
    confidence: float | None = None
    reward: float | None = None
    shadow_reward: float | None = None


FRACTIONS: Final = frozenset({"agreement", "confidence", "reward", "shadow_reward"})
"""The traits that are numbers in [0, 1], and no bins."""


class Counts(NamedTuple):
    """How many units, requests, and units to whom something happened."""

    units: int = 0
    exposures: int = 0
    fallbacks: int = 0
    reviews: int = 0
    fallback_units: int = 0
    review_units: int = 0
    error_units: int = 0
    slow_units: int = 0
    selected_units: int = 0
    crossed_units: int = 0


class CountKey(NamedTuple):
    """Where counts belong: all units or a group's, the generation they were first seen in, the arm."""

    cell: str
    generation: int
    arm: str


class Sums(NamedTuple):
    """What values add up to: `data.MetricData`, flat."""

    matured: int = 0
    reviewed: int = 0
    n: int = 0
    total: float = 0.0
    squares: float = 0.0
    divisor: float = 0.0
    divisor_squares: float = 0.0
    products: float = 0.0
    review_weight: float = 0.0


class SumKey(NamedTuple):
    """Where sums belong: the metric, the cell, the arm."""

    metric: str
    cell: str
    arm: str


Key = TypeVar("Key")
Added = TypeVar("Added", Counts, Sums)


def counts_of(row: UnitRow) -> Counts:
    """What the unit adds to the counts of its arm and generation."""
    return Counts(
        1,
        row.exposures,
        row.fallbacks,
        row.reviews,
        int(row.fallbacks > 0),
        row.first_review,
        int(row.errors > 0),
        int(row.slow > 0),
        row.selected,
        row.crossed,
    )


def sums_of(value: UnitValue) -> Sums:
    """What a final value adds to the sums of its metric."""
    if value.reviewed:
        return Sums(matured=1, reviewed=1)
    if value.value is None:
        return Sums(matured=1)
    return Sums(
        matured=1,
        n=1,
        total=value.value,
        squares=value.value**2,
        divisor=value.divisor,
        divisor_squares=value.divisor**2,
        products=value.value * value.divisor,
        review_weight=value.review_weight,
    )


def metric_cells(metric: str, arm: str, value: UnitValue, groups: Iterable[str] = ()) -> Iterator[tuple[SumKey, Sums]]:
    """Where a final value belongs, and what it adds there."""
    sums = sums_of(value)
    for cell in (ALL, *groups):
        yield SumKey(metric, cell, arm), sums


def trait_cells(metric: str, arm: str, value: UnitValue, traits: Traits) -> Iterator[tuple[SumKey, Sums]]:
    """Where the primary value belongs by what else is known of the unit, and what that adds."""
    if traits.latency is not None:
        yield SumKey(metric, f"{LATENCY} {traits.latency}", arm), Sums(matured=1)
    if traits.bin is not None:
        yield SumKey(metric, f"{COVARIATE} {traits.bin}", arm), Sums(matured=1)
        if value.value is not None:
            cell = f"{STRATUM} {traits.fold} {traits.bin} {int(value.reviewed)}"
            yield SumKey(metric, cell, arm), Sums(n=1, total=value.value, squares=value.value**2)
    if traits.shadow_latency is not None:
        yield SumKey(SHADOW, f"{LATENCY} {traits.shadow_latency}", arm), Sums(matured=1)
    if traits.agreement is not None:
        yield SumKey(SHADOW, "agreement", arm), _pair(traits.agreement, 0.0)
    if traits.confidence is not None and traits.shadow_reward is not None:
        yield SumKey(SHADOW, "confidence", arm), _pair(traits.confidence, traits.shadow_reward)
    if traits.reward is not None and traits.shadow_reward is not None:
        yield SumKey(SHADOW, "reward", arm), _pair(traits.reward, traits.shadow_reward)


def stratum_of(cell: str) -> Stratum:
    """The stratum that a cell of that name is of."""
    _, fold, number, reviewed = cell.split()
    return Stratum(int(fold), int(number), bool(int(reviewed)))


def gather(found: Iterable[tuple[Key, Added]], into: dict[Key, Added], sign: int = 1) -> None:
    """Add what was `found` to the totals in `into`; with a `sign` of -1 take it away."""
    for key, more in found:
        if key in into:
            combined: tuple[Any, ...] = tuple(map(add if sign > 0 else sub, into[key], more))
        else:
            combined = tuple(map(mul, more, (sign,) * len(more)))
        into[key] = type(more)(*combined)


def _pair(first: float, second: float) -> Sums:
    return Sums(
        n=1,
        total=first,
        squares=first**2,
        divisor=second,
        divisor_squares=second**2,
        products=first * second,
    )


def cells_of(groups: Mapping[str, str]) -> tuple[str, ...]:
    """The names of the cells of a unit's groups, by attribute."""
    return tuple(f"{attribute}={value}" for attribute, value in groups.items())
