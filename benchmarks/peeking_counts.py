"""What the analysis would see at each look of many simulated experiments: running totals, and `ExperimentData` of them.

Incidents, reviews and selections are seen at once, values when they are final.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.peeking_cells import Cell
from benchmarks.peeking_people import BINS, GROUPS, LOOKS, Bools, Floats, Ints, People, deal

INCIDENTS = ("fallback", "error", "slow")


@dataclass(frozen=True, slots=True)
class Values:
    """One metric's running totals, arrays of shape (experiments, looks, arms)."""

    matured: Floats
    reviewed: Floats
    n: Floats
    total: Floats
    squares: Floats
    review_weight: Floats

    @property
    def answered(self) -> Floats:
        """Units that a model answered."""
        return self.matured - self.reviewed


@dataclass(frozen=True, slots=True)
class Group:
    """One protected group's running totals."""

    units: Floats
    selected: Floats
    values: Values


@dataclass(frozen=True, slots=True)
class Strata:
    """Values by what was known before, arrays of shape (experiments, looks, arms, folds, bins, answered or reviewed).

    `bins` counts all units whose window has closed: (experiments, looks, arms, bins).
    """

    n: Floats
    total: Floats
    squares: Floats
    bins: Floats


@dataclass(frozen=True, slots=True)
class Counts:
    """Running totals at each look: `units` and `incidents` by phase (experiments, looks, phases, arms), others by arm.

    `shares` are the arms' parts by phase. `guarded` is the user's guardrail metric.
    """

    shares: Floats
    units: Floats
    incidents: dict[str, Floats]
    reviews: Floats
    values: Values
    guarded: Values | None
    groups: dict[str, Group]
    strata: Strata | None
    crossed: int = 0
    contradictory: int = 0

    @property
    def assigned(self) -> Floats:
        """Units by arm."""
        return np.asarray(self.units.sum(axis=2))

    def happened(self, incident: str) -> Floats:
        """Units by arm to which it happened."""
        return np.asarray(self.incidents[incident].sum(axis=2))


Keys = tuple[tuple[Ints, int], ...]
"""Further keys to add up by: the number of each person, and how many numbers there are."""


@dataclass(frozen=True, slots=True)
class Adder:
    """Adds people up by experiment, look and arm, into running totals over the looks."""

    people: People
    experiments: int
    arms: int

    def by_arm(self, look: Ints, weights: Floats | None = None, mask: Bools | None = None, keys: Keys = ()) -> Floats:
        """Totals of `weights` (None: of people) from each one's `look` on: by arm, then by `keys`."""
        return self._totals(look, weights, mask, ((self.people.arm, self.arms), *keys))

    def by_phase(self, look: Ints, phases: int) -> Floats:
        """People by phase, then by arm."""
        return self._totals(look, None, None, ((self.people.step, phases), (self.people.arm, self.arms)))

    def values(self, value: Floats, mask: Bools | None, *, told: bool) -> Values:
        """A metric's totals; `told`: reviewed units earn a price, and a truth may be missing."""
        final = self.people.final
        matured = self.by_arm(final, None, mask)
        if not told:
            nothing = np.zeros_like(matured)
            total, squares = (self.by_arm(final, weights, mask) for weights in (value, np.square(value)))
            return Values(matured, nothing, matured, total, squares, nothing)
        reviewed = self.people.reviewed if mask is None else self.people.reviewed & mask
        known = ~self.people.reviewed & ~np.isnan(value) & (True if mask is None else mask)
        weight = self.people.review_weight.astype(np.float64)
        sums = (self.by_arm(final, weights, known) for weights in (None, value, np.square(value), weight))
        return Values(matured, self.by_arm(final, None, reviewed), *sums)

    def _totals(self, look: Ints, weights: Floats | None, mask: Bools | None, keys: Keys) -> Floats:
        place = self.people.experiment * (LOOKS + 1) + look
        for numbers, size in keys:
            place = place * size + numbers
        if mask is not None:
            place, weights = place[mask], None if weights is None else weights[mask]
        shape = (self.experiments, LOOKS + 1, *(size for _, size in keys))
        flat = np.bincount(place, weights, math.prod(shape))
        return flat.reshape(shape)[:, :LOOKS].cumsum(axis=1, dtype=np.float64)


def adder(cell: Cell, people: People, experiments: int) -> Adder:
    """Adds up these people."""
    return Adder(people, experiments, cell.challengers + 1)


def count(cell: Cell, people: People, experiments: int) -> Counts:
    """Everything that the judge sees of these people."""
    adding = adder(cell, people, experiments)
    phases = len(cell.ramp)
    return Counts(
        deal(cell).shares,
        adding.by_phase(people.look, phases),
        {name: adding.by_phase(getattr(people, name), phases) for name in INCIDENTS},
        adding.by_arm(people.look, None, people.reviewed_first),
        adding.values(people.value, None, told=cell.observed),
        adding.values(people.accepted.astype(np.float64), None, told=False) if cell.full else None,
        dict(zip(GROUPS, _groups(cell, adding), strict=True)) if cell.full else {},
        _strata(cell, adding) if cell.covariate else None,
        crossed=cell.bots,
        contradictory=cell.bots,
    )


def _groups(cell: Cell, adding: Adder) -> Iterator[Group]:
    people = adding.people
    for number in range(len(GROUPS)):
        inside = people.group == number
        yield Group(
            adding.by_arm(people.look, None, inside),
            adding.by_arm(people.look, None, inside & people.selected),
            adding.values(people.value, inside, told=cell.observed),
        )


def _strata(cell: Cell, adding: Adder) -> Strata:
    people = adding.people
    reviewed = (people.reviewed & cell.observed).astype(np.int64)
    bins = (people.bin, BINS + 1)
    keys = ((people.fold, 2), bins, (reviewed, 2))
    known = ~np.isnan(people.value)
    sums = (None, people.value, np.square(people.value))
    n, total, squares = (adding.by_arm(people.final, weights, known, keys) for weights in sums)
    return Strata(n, total, squares, adding.by_arm(people.final, None, None, (bins,)))
