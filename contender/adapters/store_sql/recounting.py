"""The same totals counted by the database from units and their values: the proof of the running ones.

And the way back to the records: everything derived is forgotten, and all exposures wait to be counted again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, case, delete, func, insert, literal, null, select

from contender.adapters.store_sql.contributions import (
    ALL,
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
from contender.adapters.store_sql.database import rows_of
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
    for table in (UNITS, UNIT_VALUES, UNIT_TRAITS, TALLIES, METRIC_TALLIES, UNCOUNTED):
        connection.execute(delete(table).where(table.c.experiment_id == experiment_id))
    column = EXPOSURES.c
    every = select(column.experiment_id, column.received_at, column.prediction_id, null()).where(
        column.experiment_id == experiment_id,
        column.unit_id.is_not(None),
        column.counted == 1,
        column.assigned_to.not_in((UNASSIGNED, SHADOW)),
    )
    names = ["experiment_id", "received_at", "prediction_id", "groups"]
    connection.execute(insert(UNCOUNTED).from_select(names, every))


def reward_so_far(connection: Connection, experiment_id: str, terms: Terms) -> dict[SumKey, Sums]:
    """The sums of rewards under the old rule: each unit's mean of all that came so far, from the planned share on."""
    if terms.since is None:
        return {}
    reward, unit = REWARDS.c, UNITS.c
    mine = and_(reward.experiment_id == experiment_id, reward.generation >= terms.since)
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
    """What units add by what else is known of them: those alike by their arm, traits and value at once."""
    for unit, _, value, traits in _valued(connection, experiment_id, None, primary):
        if traits is not None:
            yield from trait_cells(primary, unit, value, traits)


def _valued(
    connection: Connection, experiment_id: str, units: Sequence[str] | None, primary: str
) -> Iterator[tuple[str, str, UnitValue, Traits | None]]:
    """Final values, of those units by name; of all units (None) only primary ones with traits, named by their arm."""
    value, trait, unit = UNIT_VALUES.c, UNIT_TRAITS.c, UNITS.c
    same = and_(trait.experiment_id == value.experiment_id, trait.unit_id == value.unit_id, value.metric == primary)
    owner = and_(unit.experiment_id == value.experiment_id, unit.unit_id == value.unit_id)
    named = value.unit_id if units is not None else unit.arm
    query = select(
        named,
        value.metric,
        *(value[name] for name in ("value", "divisor", "reviewed", "review_weight")),
        trait.unit_id.is_not(None),
        *(trait[name] for name in Traits._fields),
    )
    query = query.select_from(UNIT_VALUES).join(UNITS, owner)
    query = query.join(UNIT_TRAITS, same, isouter=units is not None).where(value.experiment_id == experiment_id)
    if units is not None:
        query = query.where(value.unit_id.in_(units))
    for row in connection.execute(query):
        found = UnitValue(row[2], row[3], bool(row[4]), row[5])
        yield row[0], row[1], found, Traits(*row[7:]) if row[6] else None


def _unit_rows(experiment_id: str, units: Sequence[str]) -> Select[Any]:
    columns = [UNITS.c[name] for name in UnitRow._fields]
    return select(UNITS.c.unit_id, *columns).where(UNITS.c.experiment_id == experiment_id, UNITS.c.unit_id.in_(units))


def _typed(kind: Any, values: Iterable[Any]) -> Any:
    """SQL's sum over no rows is NULL, and PostgreSQL's over integers a Decimal."""
    kinds = (type(default) for default in kind._field_defaults.values())
    return kind(*(one(value or 0) for one, value in zip(kinds, values, strict=True)))
