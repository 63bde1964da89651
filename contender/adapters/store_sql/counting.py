"""The same totals counted by the database from units, and units from records: the proof of the running ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Subquery,
    and_,
    case,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from contender.adapters.store_sql.database import rows_of, upsert
from contender.adapters.store_sql.schema import EXPOSURES, GROUPS, NOT_ALONE, REWARDS, TALLIES, UNCOUNTED, UNITS
from contender.adapters.store_sql.tally import ALL, COUNTED, FIRST, PAIRED, Measures, Place, Totals, plus
from contender.adapters.store_sql.terms import Terms
from contender.adapters.store_sql.totals import add_totals, lock
from contender.values import REVIEW, REVIEW_LABEL, SHADOW, UNASSIGNED

_CELL: Final = GROUPS.c.attribute + "=" + GROUPS.c.value
_SUMMED: Final = ("exposures", "fallbacks", "reviews")
_HAPPENED: Final = {
    "fallback_units": "fallbacks",
    "review_units": "reviews",
    "error_units": "errors",
    "slow_units": "slow",
} | {
    "selected_units": "selections",
    "outcome_units": "rewards",
}


def count_totals(connection: Connection, experiment_id: str) -> Totals:
    """Everything that the running totals should hold, counted from all units.

    Units with one row, which are nearly all, are added up in one pass; the others are grouped by unit first.
    """
    everywhere = _of_alone(connection, experiment_id)
    if _any_groups(connection, experiment_id):
        everywhere |= _groups_of_alone(connection, experiment_id)
    rest = select(UNITS.c.generation).where(UNITS.c.experiment_id == experiment_id, NOT_ALONE).distinct()
    several = {row[0] for row in rows_of(connection, rest)}
    generations = {place.generation for place in everywhere} | several
    totals: Totals = {}
    for since in generations:
        later = [(place, measures) for place, measures in everywhere.items() if place.generation >= since]
        _add(totals, [(place._replace(generation=since), measures) for place, measures in later])
        if several:
            _add(totals, _of_others(connection, experiment_id, since).items())
    alone = [(p._replace(cell=FIRST), m) for p, m in everywhere.items() if p.cell == ALL and p.arm != SHADOW]
    _add(totals, alone)
    if several:
        _add(totals, _first_of_others(connection, experiment_id).items())
    return totals


def rebuild(connection: Connection, experiment_id: str, terms: Terms) -> None:
    """Count units and totals anew from the records; the groups of units stay, and what is queued waits on."""
    lock(connection, [experiment_id])
    for table in (UNITS, TALLIES):
        connection.execute(delete(table).where(table.c.experiment_id == experiment_id))
    named = ["experiment_id", "unit_id", "arm", "generation", *COUNTED]
    connection.execute(insert(UNITS).from_select(named, _from_exposures(experiment_id, terms)))
    rewarded = upsert(connection, UNITS).from_select(named, _from_rewards(experiment_id))
    added = {name: UNITS.c[name] + rewarded.excluded[name] for name in COUNTED}
    connection.execute(rewarded.on_conflict_do_update(index_elements=list(UNITS.primary_key), set_=added))
    mine = UNITS.c.experiment_id == experiment_id
    several = select(UNITS.c.unit_id).where(mine).group_by(UNITS.c.unit_id).having(func.count() > 1)
    connection.execute(update(UNITS).where(mine, UNITS.c.unit_id.in_(several)).values(alone=0))
    add_totals(connection, experiment_id, count_totals(connection, experiment_id))


def _add(totals: Totals, more: Iterable[tuple[Place, Measures]]) -> None:
    for place, measures in more:
        totals[place] = plus(totals[place], measures) if place in totals else measures


def _of_alone(connection: Connection, experiment_id: str) -> Totals:
    """What units with one row add up to, by arm and the one generation they were seen in."""
    column = UNITS.c
    query = select(literal(ALL), column.generation, column.arm, *_sums(column)).where(
        column.experiment_id == experiment_id, column.alone == 1
    )
    return _read(connection, query.group_by(column.generation, column.arm))


def _groups_of_alone(connection: Connection, experiment_id: str) -> Totals:
    column = UNITS.c
    belongs = and_(GROUPS.c.experiment_id == experiment_id, GROUPS.c.unit_id == column.unit_id)
    query = select(_CELL, column.generation, column.arm, *_sums(column)).join(GROUPS, belongs)
    query = query.where(column.experiment_id == experiment_id, column.alone == 1, column.arm != SHADOW)
    return _read(connection, query.group_by(_CELL, column.generation, column.arm))


def _of_others(connection: Connection, experiment_id: str, since: int) -> Totals:
    """What units with several rows add up to from generation `since` on: all, groups, and shadow pairs."""
    units = _units(experiment_id, since)
    start = literal(since)
    found = _read(connection, select(literal(ALL), start, units.c.arm, *_sums(units.c)).group_by(units.c.arm))
    for arm, crossed in rows_of(connection, _crossed(units)):
        place = Place(ALL, since, arm)
        found[place] = found[place]._replace(crossed_units=int(crossed))
    if SHADOW in {place.arm for place in found}:
        found |= _read(connection, _paired(units, start))
    if _any_groups(connection, experiment_id):
        found |= _read(connection, _by_group(experiment_id, units, start))
    return found


def _first_of_others(connection: Connection, experiment_id: str) -> Totals:
    """Every unit with several rows once, under the generation and the arm of its first exposure."""
    units = _units(experiment_id, None)
    place = func.row_number().over(partition_by=units.c.unit_id, order_by=(units.c.first, units.c.arm))
    placed = select(units, place.label("place")).where(units.c.arm != SHADOW).subquery("placed")
    query = select(literal(FIRST), placed.c.first, placed.c.arm, *_sums(placed.c)).where(placed.c.place == 1)
    return _read(connection, query.group_by(placed.c.first, placed.c.arm))


def _any_groups(connection: Connection, experiment_id: str) -> bool:
    query = select(GROUPS.c.unit_id).where(GROUPS.c.experiment_id == experiment_id).limit(1)
    return bool(rows_of(connection, query))


def _units(experiment_id: str, since: int | None) -> Subquery:
    """One row a unit and arm, of units with several rows."""
    column = UNITS.c
    query = select(
        column.unit_id,
        column.arm,
        func.min(column.generation).label("first"),
        *(func.sum(column[name]).label(name) for name in COUNTED),
    ).where(column.experiment_id == experiment_id, NOT_ALONE)
    if since is not None:
        query = query.where(column.generation >= since)
    return query.group_by(column.unit_id, column.arm).subquery("units_by_arm")


def _by_group(experiment_id: str, units: Subquery, start: ColumnElement[int]) -> Select[Any]:
    belongs = and_(GROUPS.c.experiment_id == experiment_id, GROUPS.c.unit_id == units.c.unit_id)
    query = select(_CELL, start, units.c.arm, *_sums(units.c)).join(GROUPS, belongs).where(units.c.arm != SHADOW)
    return query.group_by(_CELL, units.c.arm)


def _crossed(units: Subquery) -> Select[Any]:
    unit, arm = units.c.unit_id, units.c.arm
    crossed = select(func.min(arm).label("arm")).where(arm != SHADOW).group_by(unit)
    found = crossed.having(func.min(arm) != func.max(arm)).subquery("crossed")
    return select(found.c.arm, func.count()).group_by(found.c.arm)


def _paired(units: Subquery, start: ColumnElement[int]) -> Select[Any]:
    mirrored, shown = units.alias("mirrored"), units.alias("shown")
    both = and_(shown.c.unit_id == mirrored.c.unit_id, mirrored.c.arm == SHADOW, mirrored.c.rewards > 0)
    first, second = (side.c.reward_total / side.c.rewards for side in (shown, mirrored))
    sums = {"units": func.count(), "pair_units": func.count(), **_pair_sums(first, second)}
    columns = [sums.get(name, literal(0)) for name in Measures._fields]
    query = select(literal(PAIRED), start, shown.c.arm, *columns).join(mirrored, both)
    return query.where(shown.c.arm != SHADOW, shown.c.rewards > 0).group_by(shown.c.arm)


def _sums(unit: Any) -> list[ColumnElement[Any]]:
    """`Measures` over rows of one unit and arm each, whose columns are `unit`, in the order of the fields."""
    mean = _mean(unit.reward_total, unit.rewards)
    first, second = (_mean(unit[name], unit.pairs) for name in ("paired_total", "baseline_total"))
    sums = {
        "units": func.count(),
        "pair_units": _counted(unit.pairs),
        "reward_total": func.sum(mean),
        "reward_squares": func.sum(mean * mean),
        **{name: func.sum(unit[name]) for name in _SUMMED},
        **{name: _counted(unit[source]) for name, source in _HAPPENED.items()},
        **_pair_sums(first, second),
    }
    return [sums.get(name, literal(0)) for name in Measures._fields]


def _pair_sums(first: ColumnElement[Any], second: ColumnElement[Any]) -> dict[str, ColumnElement[Any]]:
    return {
        "pair_total": func.sum(first),
        "pair_squares": func.sum(first * first),
        "baseline_total": func.sum(second),
        "baseline_squares": func.sum(second * second),
        "products": func.sum(first * second),
    }


def _mean(total: ColumnElement[float], count: ColumnElement[int]) -> ColumnElement[Any]:
    return case((count > 0, total / count))


def _counted(column: ColumnElement[int]) -> ColumnElement[int]:
    return func.sum(case((column > 0, 1), else_=0))


def _read(connection: Connection, query: Select[Any]) -> Totals:
    return {Place(*row[:3]): _measures(row[3:]) for row in rows_of(connection, query)}


def _measures(values: Sequence[Any]) -> Measures:
    """SQL's sum over no rows is NULL, and PostgreSQL's over integers a Decimal."""
    kinds = (type(default) for default in Measures._field_defaults.values())
    return Measures(*(kind(value or 0) for kind, value in zip(kinds, values, strict=True)))


def _from_exposures(experiment_id: str, terms: Terms) -> Select[Any]:
    column = EXPOSURES.c
    told = and_(literal(bool(terms.favourable_label)), column.label == terms.favourable_label)
    sums: dict[str, ColumnElement[Any]] = {
        "exposures": func.count(),
        "fallbacks": _number_of(column.served_by != column.assigned_to),
        "reviews": _number_of(column.label == REVIEW_LABEL),
        "errors": _number_of(column.served_by == REVIEW),
        "slow": _number_of(column.latency_ms > terms.slow_ms),
        "selections": _number_of(told),
    }
    # One statement, one state of the database: an exposure is counted here or still queued, never both.
    queued = select(UNCOUNTED.c.prediction_id).where(
        UNCOUNTED.c.experiment_id == experiment_id, UNCOUNTED.c.prediction_id == column.prediction_id
    )
    return _of_records(EXPOSURES, experiment_id, sums).where(~queued.exists())


def _from_rewards(experiment_id: str) -> Select[Any]:
    column = REWARDS.c
    known = column.baseline_reward.is_not(None)
    sums: dict[str, ColumnElement[Any]] = {
        "rewards": func.count(),
        "reward_total": func.sum(column.reward),
        "pairs": _number_of(known),
        "paired_total": func.sum(case((known, column.reward), else_=0.0)),
        "baseline_total": func.sum(case((known, column.baseline_reward), else_=0.0)),
    }
    return _of_records(REWARDS, experiment_id, sums)


def _of_records(table: Any, experiment_id: str, sums: dict[str, ColumnElement[Any]]) -> Select[Any]:
    column = table.c
    key = (column.experiment_id, column.unit_id, column.assigned_to, column.generation)
    query = select(*key, *(sums.get(name, literal(0)) for name in COUNTED))
    taking_part = (column.experiment_id == experiment_id, column.unit_id.is_not(None), column.assigned_to != UNASSIGNED)
    return query.where(*taking_part).group_by(*key)


def _number_of(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))
