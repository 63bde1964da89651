"""What one unit adds to an experiment's totals: pure, so that totals can follow every record instead of a recount.

A unit's rows say what happened to it, one row for each arm and routing generation. `contributions` turns them into
what they add to the totals; a change of the rows changes the totals by the difference of before and after.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from operator import add, mul, sub
from typing import Any, Final, NamedTuple

from contender.values import SHADOW

ALL: Final = ""
"""The cell of all units; a group's cell is called as the group is, such as ``gender=Female``."""
FIRST: Final = "first"
"""The cell that counts each unit once, under the generation and arm of its first exposure."""
PAIRED: Final = "shadow"
"""The cell that pairs an arm's reward (as `reward`) with the shadow's on the same units (as `baseline`)."""


class UnitRow(NamedTuple):
    """What happened to one unit in one arm under one routing generation; the first two fields are the key."""

    arm: str
    generation: int
    exposures: int = 0
    fallbacks: int = 0
    reviews: int = 0
    errors: int = 0
    slow: int = 0
    selections: int = 0
    rewards: int = 0
    reward_total: float = 0.0
    pairs: int = 0
    paired_total: float = 0.0
    baseline_total: float = 0.0


COUNTED: Final = UnitRow._fields[2:]
"""The columns of a unit's row that add up."""


class Measures(NamedTuple):
    """What one arm's units add up to; sums of squares and products are over units' means."""

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
    outcome_units: int = 0
    reward_total: float = 0.0
    reward_squares: float = 0.0
    pair_units: int = 0
    pair_total: float = 0.0
    pair_squares: float = 0.0
    baseline_total: float = 0.0
    baseline_squares: float = 0.0
    products: float = 0.0


class Place(NamedTuple):
    """Where in the totals: the cell, the generation from which exposures count (or of the first one), the arm."""

    cell: str
    generation: int
    arm: str


Totals = dict[Place, Measures]


def change(
    before: Sequence[UnitRow],
    after: Sequence[UnitRow],
    groups: tuple[Sequence[str], Sequence[str]],
    since: Sequence[int],
) -> Totals:
    """What the totals change by when a unit's rows and groups become `after`, for every generation in `since`."""
    found = contributions(after, groups[1], since)
    for place, measures in contributions(before, groups[0], since).items():
        found[place] = _minus(found.get(place, Measures()), measures)
    return found


def contributions(rows: Sequence[UnitRow], groups: Iterable[str], since: Iterable[int]) -> Totals:
    """What a unit with these `rows` and `groups` adds to the totals from each generation of `since` on."""
    found: Totals = {}
    for generation in since:
        arms = _by_arm(row for row in rows if row.generation >= generation)
        for place, measures in _measured(arms, generation).items():
            found[place] = measures
            if place.cell == ALL and place.arm != SHADOW:
                found.update({place._replace(cell=group): measures for group in groups})
    return found | _first(rows)


def plus(one: Measures, other: Measures) -> Measures:
    """The sums of both."""
    return Measures(*map(add, one, other))


def times(measures: Measures, units: int) -> Measures:
    """The sums over that many units alike."""
    return measures if units == 1 else Measures(*map(mul, measures, repeat(units)))


def added(row: UnitRow, more: UnitRow) -> UnitRow:
    """The row after `more` of the same arm and generation."""
    return row._replace(**{name: getattr(row, name) + getattr(more, name) for name in COUNTED})


def _measured(arms: Mapping[str, UnitRow], generation: int) -> Totals:
    found: Totals = {}
    shown = sorted(arms.keys() - {SHADOW})
    for arm, row in arms.items():
        # A crossed unit is counted once, in the arm whose name comes first.
        found[Place(ALL, generation, arm)] = _measures(row, crossed=len(shown) > 1 and arm == shown[0])
        mirrored = arms.get(SHADOW)
        if mirrored is not None and arm != SHADOW and row.rewards and mirrored.rewards:
            pair = (row.reward_total / row.rewards, mirrored.reward_total / mirrored.rewards)
            found[Place(PAIRED, generation, arm)] = Measures(units=1)._replace(**_pair(*pair))
    return found


def _first(rows: Sequence[UnitRow]) -> Totals:
    seen = [row for row in rows if row.arm != SHADOW]
    if not seen:
        return {}
    first = min(seen, key=lambda row: (row.generation, row.arm))
    merged = _by_arm(row for row in seen if row.arm == first.arm)[first.arm]
    return {Place(FIRST, first.generation, first.arm): _measures(merged, crossed=False)}


def _by_arm(rows: Iterable[UnitRow]) -> dict[str, UnitRow]:
    merged: dict[str, UnitRow] = {}
    for row in rows:
        merged[row.arm] = added(merged[row.arm], row) if row.arm in merged else row
    return merged


def _measures(row: UnitRow, *, crossed: bool) -> Measures:
    mean = row.reward_total / row.rewards if row.rewards else 0.0
    pair = _pair(row.paired_total / row.pairs, row.baseline_total / row.pairs) if row.pairs else {}
    return Measures(
        units=1,
        exposures=row.exposures,
        fallbacks=row.fallbacks,
        reviews=row.reviews,
        fallback_units=int(row.fallbacks > 0),
        review_units=int(row.reviews > 0),
        error_units=int(row.errors > 0),
        slow_units=int(row.slow > 0),
        selected_units=int(row.selections > 0),
        crossed_units=int(crossed),
        outcome_units=int(row.rewards > 0),
        reward_total=mean,
        reward_squares=mean * mean,
    )._replace(**pair)


def _pair(first: float, second: float) -> dict[str, Any]:
    return {
        "pair_units": 1,
        "pair_total": first,
        "pair_squares": first * first,
        "baseline_total": second,
        "baseline_squares": second * second,
        "products": first * second,
    }


def _minus(one: Measures, other: Measures) -> Measures:
    return Measures(*map(sub, one, other))
