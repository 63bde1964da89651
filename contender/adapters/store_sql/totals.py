"""Adds what units are and what they are worth to an experiment's totals, by the difference that it makes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, Table, case, func, select

from contender.adapters.store_sql.among import among
from contender.adapters.store_sql.contributions import CountKey, Counts, SumKey, Sums
from contender.adapters.store_sql.database import replace_all, rows_of, upsert
from contender.adapters.store_sql.schema import GROUPS, METRIC_TALLIES, SPANS, TALLIES

AT_ONCE = 1_000
"""Units read back in one query: under every database's limit of parameters."""


def lock(connection: Connection, experiment_ids: Iterable[str]) -> None:
    """Let nobody else count for these experiments until the transaction ends; always in the same order.

    SQLite has one writer anyway.
    """
    if connection.dialect.name == "postgresql":
        for experiment_id in sorted(set(experiment_ids)):
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(experiment_id, 0))))


def note_span(
    connection: Connection, experiment_id: str, moments: Sequence[float], *, replayed: int = 0, late: int = 0
) -> None:
    """Widen the experiment's span to `moments`, of which there is at least one, and add to what came amiss."""
    events = {"replayed": replayed, "late": late}
    counted = {name: SPANS.c[name] + more for name, more in events.items() if more}
    statement = upsert(connection, SPANS)
    new, old = statement.excluded, SPANS.c
    widened = {
        "first_at": case((new.first_at < old.first_at, new.first_at), else_=old.first_at),
        "last_at": case((new.last_at > old.last_at, new.last_at), else_=old.last_at),
    }
    row = {"experiment_id": experiment_id, "first_at": min(moments), "last_at": max(moments), **events}
    connection.execute(statement.on_conflict_do_update(index_elements=[old.experiment_id], set_=widened | counted), row)


def add_counts(connection: Connection, experiment_id: str, totals: Mapping[CountKey, Counts]) -> None:
    """Add `totals` to the counts that are kept."""
    _add(connection, TALLIES, experiment_id, totals)


def add_sums(connection: Connection, experiment_id: str, totals: Mapping[SumKey, Sums]) -> None:
    """Add `totals` to the sums that are kept."""
    _add(connection, METRIC_TALLIES, experiment_id, totals)


def groups_of(connection: Connection, experiment_id: str, units: Sequence[str]) -> dict[str, dict[str, str]]:
    """The groups of each of `units` by attribute; an empty mapping for who has none."""
    query = select(GROUPS.c.unit_id, GROUPS.c.attribute, GROUPS.c.value)
    query = query.where(GROUPS.c.experiment_id == experiment_id, among(connection, GROUPS.c.unit_id, units))
    found: dict[str, dict[str, str]] = {unit: {} for unit in units}
    for unit, attribute, value in rows_of(connection, query):
        found[unit][attribute] = value
    return found


def _add(
    connection: Connection,
    table: Table,
    experiment_id: str,
    totals: Mapping[CountKey, Counts] | Mapping[SumKey, Sums],
) -> None:
    rows = [(experiment_id, *key, *more) for key, more in totals.items() if any(more)]
    if rows:
        names = tuple(column.name for column in table.columns)
        replace_all(connection, table, names, rows, f"{{0}} = {table.name}.{{0}} + excluded.{{0}}")
