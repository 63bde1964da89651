"""Keeps units and totals in step with the records, in the transaction that keeps those: each record counts once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, and_, case, func, insert, literal, select

from contender.adapters.store_sql.database import insert_new, rows_of, upsert
from contender.adapters.store_sql.schema import GROUPS, SPANS, TALLIES, UNITS
from contender.adapters.store_sql.tally import (
    ALL,
    COUNTED,
    FIRST,
    Measures,
    Totals,
    UnitRow,
    added,
    change,
    plus,
)
from contender.experiment.data import Events

_UNITS_AT_ONCE: Final = 1_000
"""Units read back in one query: under every database's limit of parameters."""


class Seen(NamedTuple):
    """What new records say of one unit: more of a row of its own, and groups it belongs to."""

    unit_id: str
    row: UnitRow
    groups: Mapping[str, str]


def lock(connection: Connection, experiment_ids: Iterable[str]) -> None:
    """Let nobody else count for these experiments until the transaction ends; always in the same order.

    SQLite has one writer anyway.
    """
    if connection.dialect.name == "postgresql":
        for experiment_id in sorted(set(experiment_ids)):
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(experiment_id, 0))))


def count(connection: Connection, experiment_id: str, seen: Iterable[Seen]) -> None:
    """Add what was seen to the units, and what that changes to the totals. The experiment must be locked."""
    everything = list(seen)
    by_unit = defaultdict[str, list[Seen]](list)
    for one in everything:
        by_unit[one.unit_id].append(one)
    known = _generations(connection, experiment_id, {one.row.generation for one in everything})
    units = list(by_unit)
    for at in range(0, len(units), _UNITS_AT_ONCE):
        _count_units(
            connection, experiment_id, {unit: by_unit[unit] for unit in units[at : at + _UNITS_AT_ONCE]}, known
        )


def note_span(connection: Connection, experiment_id: str, moments: Sequence[float], events: Events) -> None:
    """Widen the experiment's span to `moments` and add `events`; without moments it must be known already."""
    counted = {name: SPANS.c[name] + more for name, more in events._asdict().items() if more}
    if not moments:
        if counted:
            connection.execute(SPANS.update().where(SPANS.c.experiment_id == experiment_id).values(counted))
        return
    statement = upsert(connection, SPANS)
    new, old = statement.excluded, SPANS.c
    widened = {
        "first_at": case((new.first_at < old.first_at, new.first_at), else_=old.first_at),
        "last_at": case((new.last_at > old.last_at, new.last_at), else_=old.last_at),
    }
    row = {"experiment_id": experiment_id, "first_at": min(moments), "last_at": max(moments), **events._asdict()}
    connection.execute(statement.on_conflict_do_update(index_elements=[old.experiment_id], set_=widened | counted), row)


def add_totals(connection: Connection, experiment_id: str, totals: Totals) -> None:
    """Add `totals` to those that are kept."""
    rows = [
        {"experiment_id": experiment_id, **place._asdict(), **measures._asdict()}
        for place, measures in totals.items()
        if any(measures)
    ]
    if rows:
        statement = upsert(connection, TALLIES)
        sums = {name: TALLIES.c[name] + statement.excluded[name] for name in Measures._fields}
        connection.execute(statement.on_conflict_do_update(index_elements=list(TALLIES.primary_key), set_=sums), rows)


def _count_units(
    connection: Connection, experiment_id: str, seen: Mapping[str, Sequence[Seen]], generations: Sequence[int]
) -> None:
    before, groups = _rows(connection, experiment_id, list(seen)), _groups(connection, experiment_id, list(seen))
    totals: Totals = {}
    changed, belonging = [], []
    for unit, news in seen.items():
        rows = {(row.arm, row.generation): row for row in before[unit]}
        touched = _merge(rows, news)
        joined = {name: value for one in reversed(news) for name, value in one.groups.items()} | groups[unit]
        cells = (_cells(groups[unit]), _cells(joined))
        since = [generation for generation in generations if generation <= max(row.generation for row in rows.values())]
        for place, measures in change(before[unit], list(rows.values()), cells, since).items():
            totals[place] = plus(totals.get(place, Measures()), measures)
        if len(rows) > len(before[unit]) == 1:
            touched |= rows.keys()  # the first row is no longer alone
        own = {"experiment_id": experiment_id, "unit_id": unit, "alone": int(len(rows) == 1)}
        changed += [own | rows[key]._asdict() for key in touched]
        belonging += [
            {"experiment_id": experiment_id, "unit_id": unit, "attribute": name, "value": value}
            for name, value in joined.items()
            if name not in groups[unit]
        ]
    _replace_units(connection, changed)
    insert_new(connection, GROUPS, belonging)
    add_totals(connection, experiment_id, totals)


def _merge(rows: dict[tuple[str, int], UnitRow], news: Sequence[Seen]) -> set[tuple[str, int]]:
    """Add the news to the unit's `rows`; the keys of those that changed."""
    for one in news:
        key = (one.row.arm, one.row.generation)
        rows[key] = added(rows[key], one.row) if key in rows else one.row
    return {(one.row.arm, one.row.generation) for one in news}


def _cells(groups: Mapping[str, str]) -> list[str]:
    return [f"{attribute}={value}" for attribute, value in groups.items()]


def _rows(connection: Connection, experiment_id: str, units: list[str]) -> dict[str, list[UnitRow]]:
    columns = [UNITS.c[name] for name in UnitRow._fields]
    query = select(UNITS.c.unit_id, *columns).where(UNITS.c.experiment_id == experiment_id, UNITS.c.unit_id.in_(units))
    found = defaultdict[str, list[UnitRow]](list)
    for unit, *values in rows_of(connection, query):
        found[unit].append(UnitRow(*values))
    return found


def _groups(connection: Connection, experiment_id: str, units: list[str]) -> dict[str, dict[str, str]]:
    query = select(GROUPS.c.unit_id, GROUPS.c.attribute, GROUPS.c.value)
    query = query.where(GROUPS.c.experiment_id == experiment_id, GROUPS.c.unit_id.in_(units))
    found = defaultdict[str, dict[str, str]](dict)
    for unit, attribute, value in rows_of(connection, query):
        found[unit][attribute] = value
    return found


def _replace_units(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    statement = upsert(connection, UNITS)
    new = {name: statement.excluded[name] for name in (*COUNTED, "alone")}
    connection.execute(statement.on_conflict_do_update(index_elements=list(UNITS.primary_key), set_=new), rows)


def _generations(connection: Connection, experiment_id: str, seen: set[int]) -> list[int]:
    """The generations from which totals are kept, ascending, those just `seen` among them."""
    column = TALLIES.c
    query = select(column.generation).where(column.experiment_id == experiment_id, column.cell == ALL).distinct()
    known = {row[0] for row in rows_of(connection, query)}
    for generation in sorted(seen - known, reverse=True):
        later = [other for other in known if other > generation]
        if later:
            _copy_totals(connection, experiment_id, min(later), generation)
        known.add(generation)
    return sorted(known)


def _copy_totals(connection: Connection, experiment_id: str, source: int, target: int) -> None:
    """Totals from a generation that nobody was seen in are those from the next one."""
    column = TALLIES.c
    copied = [literal(target).label("generation") if c.name == "generation" else c for c in column]
    rows = select(*copied).where(
        and_(column.experiment_id == experiment_id, column.generation == source, column.cell != FIRST)
    )
    connection.execute(insert(TALLIES).from_select([c.name for c in column], rows))
