"""The same totals counted by the database from units and their values: the proof of the running ones.

And the way back to the records: everything derived is forgotten, and all exposures wait to be counted again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, case, delete, func, literal, null, select

from contender.adapters.store_sql.contributions import (
    ALL,
    COVARIATE,
    LATENCY,
    STRATUM,
    CountKey,
    Counts,
    SumKey,
    Sums,
    Traits,
    UnitRow,
    cells_of,
    counts_of,
    gather,
    metric_cells,
    trait_cells,
)
from contender.adapters.store_sql.contributions import SHADOW as SHADOW_METRIC
from contender.adapters.store_sql.database import rows_of, upsert
from contender.adapters.store_sql.reading import Totals, span
from contender.adapters.store_sql.schema import (
    EXPOSURES,
    GROUPS,
    METRIC_TALLIES,
    REWARDS,
    TALLIES,
    UNCOUNTED,
    UNIT_TRAITS,
    UNIT_VALUES,
    UNITS,
)
from contender.adapters.store_sql.terms import Terms
from contender.adapters.store_sql.totals import AT_ONCE, groups_of, lock
from contender.experiment.unit_values import UnitValue
from contender.values import REWARD, SHADOW, UNASSIGNED

_CELL: Final = GROUPS.c.attribute + "=" + GROUPS.c.value
_SHADOW_PAIRS: Final[Mapping[str, tuple[ColumnElement[Any], ColumnElement[Any]]]] = {
    "agreement": (UNIT_TRAITS.c.agreement, literal(0.0)),
    "confidence": (UNIT_TRAITS.c.confidence, UNIT_TRAITS.c.shadow_reward),
    "reward": (UNIT_TRAITS.c.reward, UNIT_TRAITS.c.shadow_reward),
}
_ALIKE: Final = 7
"""Columns by which units are alike, and their number."""
_PAIR: Final = 6
"""Figures of a pair of numbers."""
_HAPPENED: Final = {"fallback_units": "fallbacks", "error_units": "errors", "slow_units": "slow"}
_SUMMED: Final = {
    "exposures": "exposures",
    "fallbacks": "fallbacks",
    "reviews": "reviews",
    "review_units": "first_review",
    "selected_units": "selected",
    "crossed_units": "crossed",
}


def count_totals(connection: Connection, experiment_id: str, primary: str) -> Totals:
    """Everything that the running totals should hold, counted from all units."""
    counts: dict[CountKey, Counts] = {}
    for query in _counting(experiment_id):
        counts |= {CountKey(*row[:3]): _typed(Counts, row[3:]) for row in rows_of(connection, query)}
    sums: dict[SumKey, Sums] = {}
    for query in _summing(experiment_id, primary):
        sums |= {SumKey(*row[:3]): _typed(Sums, row[3:]) for row in rows_of(connection, query)}
    gather(_by_traits(connection, experiment_id, primary), sums)
    return Totals(counts, sums, span(connection, experiment_id), primary)


def of_units(connection: Connection, experiment_id: str, primary: str, units: Sequence[str]) -> Totals:
    """What these units alone add to the totals."""
    counts: dict[CountKey, Counts] = {}
    sums: dict[SumKey, Sums] = {}
    for at in range(0, len(units), AT_ONCE):
        chosen = list(units[at : at + AT_ONCE])
        groups = groups_of(connection, experiment_id, chosen)
        arms = dict[str, str]()
        for unit, *values in rows_of(connection, _unit_rows(experiment_id, chosen)):
            row, arms[unit] = UnitRow(*values), values[0]
            cells = (ALL, *cells_of(groups[unit]))
            gather(((CountKey(cell, row.generation, row.arm), counts_of(row)) for cell in cells), counts)
        for unit, metric, value, traits in _valued(connection, experiment_id, chosen, primary):
            cells = cells_of(groups[unit]) if metric == primary else ()
            gather(metric_cells(metric, arms[unit], value, cells), sums)
            if traits is not None:
                gather(trait_cells(primary, arms[unit], value, traits), sums)
    return Totals(counts, sums, span(connection, experiment_id), primary)


def less(whole: Totals, part: Totals) -> Totals:
    """The totals without those of `part`."""
    counts, sums = dict(whole.counts), dict(whole.sums)
    gather(part.counts.items(), counts, sign=-1)
    gather(part.sums.items(), sums, sign=-1)
    return whole._replace(counts=counts, sums=sums)


def forget(connection: Connection, experiment_id: str) -> None:
    """Forget what was counted and valued, and queue all exposures again; the groups of units stay."""
    lock(connection, [experiment_id])
    for table in (UNITS, UNIT_VALUES, UNIT_TRAITS, TALLIES, METRIC_TALLIES):
        connection.execute(delete(table).where(table.c.experiment_id == experiment_id))
    column = EXPOSURES.c
    every = select(column.experiment_id, column.received_at, column.prediction_id, null()).where(
        column.experiment_id == experiment_id,
        column.unit_id.is_not(None),
        column.counted == 1,
        column.assigned_to.not_in((UNASSIGNED, SHADOW)),
    )
    names = ["experiment_id", "received_at", "prediction_id", "groups"]
    # Those that wait already stay as they are: only they know the groups of units that nobody has counted yet.
    connection.execute(upsert(connection, UNCOUNTED).from_select(names, every).on_conflict_do_nothing())


def reward_so_far(
    connection: Connection, experiment_id: str, terms: Terms, without: Collection[str] = ()
) -> dict[SumKey, Sums]:
    """The sums of rewards under the old rule: each unit's mean of all that came so far, from the planned share on.

    None where values have windows. Units in `without` are left out.
    """
    if terms.windowed or terms.since is None:
        return {}
    reward, unit = REWARDS.c, UNITS.c
    mine = and_(reward.experiment_id == experiment_id, reward.generation >= terms.since)
    mine = and_(mine, reward.unit_id.not_in(sorted(without)))
    same = and_(unit.experiment_id == experiment_id, unit.unit_id == reward.unit_id)
    means = select(reward.unit_id, reward.assigned_to.label("arm"), func.avg(reward.reward).label("mean"))
    means = means.join(UNITS, same).where(mine, reward.assigned_to.not_in((SHADOW, UNASSIGNED)))
    each = means.group_by(reward.unit_id, reward.assigned_to).subquery("means")
    query = select(each.c.arm, func.count(), func.sum(each.c.mean), func.sum(each.c.mean * each.c.mean))
    return {
        SumKey(REWARD, ALL, arm): Sums(matured=n, n=n, total=float(total), squares=float(squares))
        for arm, n, total, squares in rows_of(connection, query.group_by(each.c.arm))
    }


def _counting(experiment_id: str) -> Iterator[Select[Any]]:
    column = UNITS.c
    sums: dict[str, ColumnElement[Any]] = {"units": func.count()}
    sums |= {name: func.sum(column[source]) for name, source in _SUMMED.items()}
    sums |= {name: func.sum(case((column[source] > 0, 1), else_=0)) for name, source in _HAPPENED.items()}
    figures, mine = [sums[name] for name in Counts._fields], column.experiment_id == experiment_id
    key = (column.generation, column.arm)
    yield select(literal(ALL), *key, *figures).where(mine).group_by(*key)
    belongs = and_(GROUPS.c.experiment_id == experiment_id, GROUPS.c.unit_id == column.unit_id)
    yield select(_CELL, *key, *figures).join(GROUPS, belongs).where(mine).group_by(_CELL, *key)


def _summing(experiment_id: str, primary: str) -> Iterator[Select[Any]]:
    value, unit = UNIT_VALUES.c, UNITS.c
    counted = and_(value.reviewed == 0, value.value.is_not(None))
    first, second = case((counted, value.value)), case((counted, value.divisor))
    figures = [
        func.count(),
        func.sum(value.reviewed),
        func.sum(case((counted, 1), else_=0)),
        func.sum(first),
        func.sum(first * first),
        func.sum(second),
        func.sum(second * second),
        func.sum(first * second),
        func.sum(case((counted, value.review_weight))),
    ]
    same = and_(unit.experiment_id == value.experiment_id, unit.unit_id == value.unit_id)
    mine = value.experiment_id == experiment_id
    key = (value.metric, unit.arm)
    query = select(value.metric, literal(ALL), unit.arm, *figures).select_from(UNIT_VALUES).join(UNITS, same)
    yield query.where(mine).group_by(*key)
    belongs = and_(GROUPS.c.experiment_id == experiment_id, GROUPS.c.unit_id == value.unit_id)
    query = select(value.metric, _CELL, unit.arm, *figures).select_from(UNIT_VALUES).join(UNITS, same)
    yield query.join(GROUPS, belongs).where(mine, value.metric == primary).group_by(*key, _CELL)


def _by_traits(connection: Connection, experiment_id: str, primary: str) -> Iterator[tuple[SumKey, Sums]]:
    """What units add by what else is known of them, as `contributions.trait_cells` has it for one.

    In one pass: units that are alike in all their bins come as one row.
    """
    trait, value, unit = UNIT_TRAITS.c, UNIT_VALUES.c, UNITS.c
    alike = (unit.arm, trait.fold, trait.bin, value.reviewed, trait.latency, trait.shadow_latency)
    valued = and_(value.experiment_id == trait.experiment_id, value.unit_id == trait.unit_id, value.metric == primary)
    owner = and_(unit.experiment_id == trait.experiment_id, unit.unit_id == trait.unit_id)
    shadows = [figure for pair in _SHADOW_PAIRS.values() for figure in _pair_figures(*pair)]
    query = select(*alike, func.count(), *_pair_figures(value.value, literal(0.0)), *shadows)
    query = query.select_from(UNIT_TRAITS).join(UNIT_VALUES, valued).join(UNITS, owner)
    for row in connection.execute(query.where(trait.experiment_id == experiment_id).group_by(*alike)):
        found = (*_primary_cells(primary, row), *_shadow_cells(row))
        yield from ((key, sums) for key, sums in found if any(sums))


def _primary_cells(primary: str, row: Any) -> Iterator[tuple[SumKey, Sums]]:
    arm, fold, number, reviewed, latency, _, units = row[:_ALIKE]
    if latency is not None:
        yield SumKey(primary, f"{LATENCY} {latency}", arm), Sums(matured=units)
    if number is not None:
        yield SumKey(primary, f"{COVARIATE} {number}", arm), Sums(matured=units)
        yield SumKey(primary, f"{STRATUM} {fold} {number} {reviewed}", arm), _pairs_of(row[_ALIKE:])


def _shadow_cells(row: Any) -> Iterator[tuple[SumKey, Sums]]:
    arm, latency, units = row[0], row[_ALIKE - 2], row[_ALIKE - 1]
    if latency is not None:
        yield SumKey(SHADOW_METRIC, f"{LATENCY} {latency}", arm), Sums(matured=units)
    for place, name in enumerate(_SHADOW_PAIRS, start=1):
        yield SumKey(SHADOW_METRIC, name, arm), _pairs_of(row[_ALIKE + place * _PAIR :])


def _pair_figures(first: ColumnElement[Any], second: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    """The figures of `_pairs_of`, over the units that have both numbers."""
    both = and_(first.is_not(None), second.is_not(None))
    one, other = case((both, first)), case((both, second))
    sums = (one, one * one, other, other * other, one * other)
    return [func.count(one), *map(func.sum, sums)]


def _pairs_of(figures: Sequence[Any]) -> Sums:
    n, *sums = (figure or 0 for figure in figures[:_PAIR])
    return Sums(0, 0, n, *map(float, sums))


def _valued(
    connection: Connection, experiment_id: str, units: Sequence[str], primary: str
) -> Iterator[tuple[str, str, UnitValue, Traits | None]]:
    """The final values of those units by metric; with the primary one what else is known of the unit."""
    value, trait = UNIT_VALUES.c, UNIT_TRAITS.c
    same = and_(trait.experiment_id == value.experiment_id, trait.unit_id == value.unit_id, value.metric == primary)
    query = select(
        value.unit_id,
        value.metric,
        *(value[name] for name in ("value", "divisor", "reviewed", "review_weight")),
        trait.unit_id.is_not(None),
        *(trait[name] for name in Traits._fields),
    )
    query = query.select_from(UNIT_VALUES).outerjoin(UNIT_TRAITS, same)
    for row in rows_of(connection, query.where(value.experiment_id == experiment_id, value.unit_id.in_(units))):
        found = UnitValue(row[2], row[3], bool(row[4]), row[5])
        yield row[0], row[1], found, Traits(*row[7:]) if row[6] else None


def _unit_rows(experiment_id: str, units: Sequence[str]) -> Select[Any]:
    columns = [UNITS.c[name] for name in UnitRow._fields]
    return select(UNITS.c.unit_id, *columns).where(UNITS.c.experiment_id == experiment_id, UNITS.c.unit_id.in_(units))


def _typed(kind: Any, values: Iterable[Any]) -> Any:
    """SQL's sum over no rows is NULL, and PostgreSQL's over integers a Decimal."""
    kinds = (type(default) for default in kind._field_defaults.values())
    return kind(*(one(value or 0) for one, value in zip(kinds, values, strict=True)))
