"""Adds what records say of units to units and totals, by the difference that it makes: each record counts once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, and_, case, func, insert, literal, select

from contender.adapters.store_sql.database import insert_all, replace_all, rows_of, upsert
from contender.adapters.store_sql.schema import GROUPS, SPANS, TALLIES, UNITS
from contender.adapters.store_sql.tally import (
    ALL,
    FIRST,
    Measures,
    Place,
    Totals,
    UnitRow,
    added,
    change,
    plus,
    times,
)
from contender.experiment.data import Events

_UNITS_AT_ONCE: Final = 1_000
"""Units read back in one query: under every database's limit of parameters."""


class Seen(NamedTuple):
    """What new records say of one unit: more of a row of its own, and groups it belongs to."""

    unit_id: str
    row: UnitRow
    groups: Mapping[str, str]


class _Change(NamedTuple):
    """A unit's rows before and after, and the cells of its groups."""

    before: tuple[UnitRow, ...]
    after: tuple[UnitRow, ...]
    cells: tuple[tuple[str, ...], tuple[str, ...]]


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
    """Widen the experiment's span to `moments`, of which there is at least one, and add `events`."""
    counted = {name: SPANS.c[name] + more for name, more in events._asdict().items() if more}
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
    rows = [(experiment_id, *place, *measures) for place, measures in totals.items() if any(measures)]
    names = ("experiment_id", *Place._fields, *Measures._fields)
    replace_all(connection, TALLIES, names, rows, "{0} = tallies.{0} + excluded.{0}")


def _count_units(
    connection: Connection, experiment_id: str, seen: Mapping[str, Sequence[Seen]], generations: Sequence[int]
) -> None:
    before, groups = _rows(connection, experiment_id, list(seen)), _groups(connection, experiment_id, list(seen))
    changes = Counter[_Change]()
    changed, belonging = [], []
    for unit, news in seen.items():
        rows = {(row.arm, row.generation): row for row in before[unit]}
        touched = _merge(rows, news)
        joined = {name: value for one in reversed(news) for name, value in one.groups.items()} | groups[unit]
        cells = (_cells(groups[unit]), _cells(joined))
        changes[_Change(tuple(before[unit]), tuple(rows.values()), cells)] += 1
        if len(rows) > len(before[unit]) == 1:
            touched |= rows.keys()  # the first row is no longer alone
        own = (experiment_id, unit, int(len(rows) == 1))
        changed += [(*own, *rows[key]) for key in touched]
        belonging += [(*own[:2], name, value) for name, value in joined.items() if name not in groups[unit]]
    replace_all(connection, UNITS, ("experiment_id", "unit_id", "alone", *UnitRow._fields), changed)
    insert_all(connection, GROUPS, ("experiment_id", "unit_id", "attribute", "value"), belonging)
    add_totals(connection, experiment_id, _sum(changes, generations))


def _sum(changes: Mapping[_Change, int], generations: Sequence[int]) -> Totals:
    """What all changes add up to. Most units change alike, such as by a first exposure: that is worked out once."""
    totals: Totals = {}
    for (before, after, cells), units in changes.items():
        since = [generation for generation in generations if generation <= max(row.generation for row in after)]
        for place, measures in change(before, after, cells, since).items():
            totals[place] = plus(totals.get(place, Measures()), times(measures, units))
    return totals


def _merge(rows: dict[tuple[str, int], UnitRow], news: Sequence[Seen]) -> set[tuple[str, int]]:
    """Add the news to the unit's `rows`; the keys of those that changed."""
    for one in news:
        key = (one.row.arm, one.row.generation)
        rows[key] = added(rows[key], one.row) if key in rows else one.row
    return {(one.row.arm, one.row.generation) for one in news}


def _cells(groups: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{attribute}={value}" for attribute, value in groups.items())


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
