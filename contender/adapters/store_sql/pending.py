"""Brings counts up to date with the exposures that came in: bounded chunks, each exposure counted exactly once.

An exposure and its place in the queue are committed together, and it leaves the queue in the transaction that counts
it. Whoever counts holds the experiment's lock; a process that dies between any two statements has counted nothing.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, delete, select

from contender.adapters.store_sql.among import among
from contender.adapters.store_sql.contributions import ALL, CountKey, Counts, UnitRow, cells_of, counts_of, gather
from contender.adapters.store_sql.database import Database, column_of, insert_all, replace_all, rows_of
from contender.adapters.store_sql.schema import EXPOSURES, GROUPS, UNCOUNTED, UNITS
from contender.adapters.store_sql.terms import Terms, terms_of
from contender.adapters.store_sql.totals import AT_ONCE, add_counts, groups_of, lock, note_span
from contender.values import REVIEW, REVIEW_LABEL

CHUNK: Final = 5_000
"""Exposures counted in one transaction: bounded memory, and other writers get their turn."""

_READ: Final = (
    *("prediction_id", "unit_id", "assigned_to", "generation", "served_by", "label", "latency_ms", "at"),
    "received_at",
)
_UNIT: Final = ("experiment_id", "unit_id", *UnitRow._fields, "due_at", "stage")


class _Unit(NamedTuple):
    """A unit as it is kept, and the stage of its values."""

    row: UnitRow
    stage: int


class PendingRecords(Database):
    """Exposures that the counts do not hold yet."""

    def count_pending(self, limit: int = CHUNK) -> int:
        """Count up to `limit` exposures that wait, of one experiment; how many it was. 0: none wait.

        Any number of processes may call it, at any time. Looks count what waits themselves; whoever calls this in
        between makes them faster.
        """
        with self._reading() as connection:
            waiting = column_of(connection, select(UNCOUNTED.c.experiment_id).limit(1))
        return self._count_chunk(waiting[0], limit) if waiting else 0

    def _catch_up(self, experiment_id: str) -> None:
        """Count everything of the experiment that waits."""
        mine = select(UNCOUNTED.c.prediction_id).where(UNCOUNTED.c.experiment_id == experiment_id)
        with self._reading() as connection:
            counted = CHUNK if column_of(connection, mine.limit(1)) else 0
        while counted == CHUNK:
            counted = self._count_chunk(experiment_id, CHUNK)

    def _count_chunk(self, experiment_id: str, limit: int) -> int:
        with self._writing() as connection:
            lock(connection, [experiment_id])
            return count_queued(connection, experiment_id, limit)


def count_queued(connection: Connection, experiment_id: str, limit: int = CHUNK) -> int:
    """Count up to `limit` exposures of the experiment that wait; how many it was. The caller holds its lock."""
    return _count_claimed(connection, experiment_id, _claim(connection, experiment_id, limit))


def _claim(connection: Connection, experiment_id: str, limit: int) -> dict[str, str | None]:
    """Take up to `limit` exposures from the queue, first come first: the groups of each, by prediction id."""
    column = UNCOUNTED.c
    mine = column.experiment_id == experiment_id
    order = (column.received_at, column.prediction_id)
    first = rows_of(connection, select(*order, column.groups).where(mine).order_by(*order).limit(limit))
    if not first:
        return {}
    claimed = {row.prediction_id: row.groups for row in first}
    # By name: what another transaction queued meanwhile, with an earlier moment, stays.
    until = column.received_at <= first[-1].received_at
    connection.execute(delete(UNCOUNTED).where(mine, until, among(connection, column.prediction_id, list(claimed))))
    return claimed


def _count_claimed(connection: Connection, experiment_id: str, claimed: dict[str, str | None]) -> int:
    if not claimed:
        return 0
    column = EXPOSURES.c
    query = select(*(column[name] for name in _READ)).where(among(connection, column.prediction_id, list(claimed)))
    exposed = rows_of(connection, query.order_by(column.received_at, column.prediction_id))
    terms = terms_of(connection, experiment_id)
    by_unit = defaultdict[str, list[Any]](list)
    for row in exposed:
        by_unit[row.unit_id].append(row)
    units = list(by_unit)
    for at in range(0, len(units), AT_ONCE):
        chosen = {unit: by_unit[unit] for unit in units[at : at + AT_ONCE]}
        _count_units(connection, experiment_id, chosen, claimed, terms)
    note_span(connection, experiment_id, [row.at for row in exposed])
    return len(claimed)


def _count_units(
    connection: Connection,
    experiment_id: str,
    seen: Mapping[str, Sequence[Any]],
    claimed: Mapping[str, str | None],
    terms: Terms,
) -> None:
    before = _units(connection, experiment_id, list(seen))
    known = groups_of(connection, experiment_id, list(seen))
    totals: dict[CountKey, Counts] = {}
    rows, belonging = [], []
    for unit, exposures in seen.items():
        old = before.get(unit)
        row, stage = _after(old, exposures, terms)
        groups = known[unit] | _new_groups(known[unit], (claimed[one.prediction_id] for one in exposures))
        if old is not None:
            gather(_counts(old.row, known[unit]), totals, sign=-1)
        gather(_counts(row, groups), totals)
        rows.append((experiment_id, unit, *row, terms.due_at(row.first_at, stage), stage))
        belonging += [(experiment_id, unit, name, groups[name]) for name in groups.keys() - known[unit].keys()]
    replace_all(connection, UNITS, _UNIT, rows)
    insert_all(connection, GROUPS, ("experiment_id", "unit_id", "attribute", "value"), belonging)
    add_counts(connection, experiment_id, totals)


def _units(connection: Connection, experiment_id: str, units: list[str]) -> dict[str, _Unit]:
    columns = [UNITS.c[name] for name in UnitRow._fields]
    query = select(UNITS.c.unit_id, UNITS.c.stage, *columns)
    query = query.where(UNITS.c.experiment_id == experiment_id, among(connection, UNITS.c.unit_id, units))
    return {unit: _Unit(UnitRow(*values), stage) for unit, stage, *values in rows_of(connection, query)}


def _counts(row: UnitRow, groups: Mapping[str, str]) -> list[tuple[CountKey, Counts]]:
    counts = counts_of(row)
    return [(CountKey(cell, row.generation, row.arm), counts) for cell in (ALL, *cells_of(groups))]


def _new_groups(known: Mapping[str, str], documents: Iterable[str | None]) -> dict[str, str]:
    """What the exposures say of attributes that are not known yet; the first to say counts."""
    found: dict[str, str] = {}
    for document in documents:
        for name, value in json.loads(document).items() if document else ():
            if name not in known:
                found.setdefault(name, value)
    return found


def _after(before: _Unit | None, exposures: Sequence[Any], terms: Terms) -> _Unit:
    """The unit after these exposures, in the order in which they arrived."""
    row, stage = (before.row, before.stage) if before else (_opened(exposures[0], terms), 0)
    # A unit that has a value stays where that was added, even if an exposure became visible long after it was received.
    for exposure in exposures:
        row = _exposed(row, exposure, terms, movable=not stage)
    return _Unit(row, stage)


def _opened(exposure: Any, terms: Terms) -> UnitRow:
    """A unit that begins with that exposure, which is not counted yet."""
    favourable = terms.plan.favourable_label
    return UnitRow(
        exposure.assigned_to,
        exposure.generation,
        exposure.at,
        exposure.prediction_id,
        int(exposure.label == REVIEW_LABEL),
        int(bool(favourable) and exposure.label == favourable),
    )


def _exposed(row: UnitRow, exposure: Any, terms: Terms, *, movable: bool) -> UnitRow:
    """The unit after one more exposure: an earlier one moves where it belongs, unless it came too late for that."""
    crossed = int(row.crossed or exposure.assigned_to != row.arm)
    earlier = (exposure.at, exposure.prediction_id) < (row.first_at, row.first_id)
    if movable and earlier and exposure.received_at <= row.first_at + terms.opens_until_s:
        opened = _opened(exposure, terms)
        row = row._replace(**{name: getattr(opened, name) for name in UnitRow._fields[:6]})
    return row._replace(
        exposures=row.exposures + 1,
        fallbacks=row.fallbacks + int(exposure.served_by != exposure.assigned_to),
        reviews=row.reviews + int(exposure.label == REVIEW_LABEL),
        errors=row.errors + int(exposure.served_by == REVIEW),
        slow=row.slow + int(exposure.latency_ms > terms.plan.slow_ms),
        crossed=crossed,
    )
