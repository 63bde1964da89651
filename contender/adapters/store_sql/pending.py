"""Brings the running totals up to date with the exposures that came in: bounded chunks, each counted exactly once.

An exposure and its place in the queue are committed together, and it leaves the queue in the transaction that counts
it. Whoever counts holds the experiment's lock; a process that dies between any two statements has counted nothing.
"""

from __future__ import annotations

import json
from typing import Any, Final

from sqlalchemy import Connection, delete, select

from contender.adapters.store_sql.database import Database, column_of, rows_of
from contender.adapters.store_sql.schema import EXPOSURES, UNCOUNTED
from contender.adapters.store_sql.tally import UnitRow
from contender.adapters.store_sql.terms import Terms, terms_of
from contender.adapters.store_sql.totals import Seen, count, lock, note_span
from contender.experiment.data import Events
from contender.values import REVIEW, REVIEW_LABEL

CHUNK: Final = 5_000
"""Exposures counted in one transaction: bounded memory, and other writers get their turn."""

_READ: Final = ("prediction_id", "unit_id", "assigned_to", "generation", "served_by", "label", "latency_ms", "at")


class PendingRecords(Database):
    """Exposures that the totals do not hold yet."""

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
            return _count_claimed(connection, experiment_id, _claim(connection, experiment_id, limit))


def _claim(connection: Connection, experiment_id: str, limit: int) -> dict[str, str | None]:
    """Take up to `limit` exposures from the queue: the groups that came with each, by prediction id."""
    column = UNCOUNTED.c
    mine = column.experiment_id == experiment_id
    first = select(column.prediction_id).where(mine).order_by(column.prediction_id).limit(limit)
    taken = delete(UNCOUNTED).where(mine, column.prediction_id.in_(first.scalar_subquery()))
    rows = connection.execute(taken.returning(column.prediction_id, column.groups)).all()
    return {row[0]: row[1] for row in rows}


def _count_claimed(connection: Connection, experiment_id: str, claimed: dict[str, str | None]) -> int:
    if not claimed:
        return 0
    column = EXPOSURES.c
    query = select(*(column[name] for name in _READ)).where(column.prediction_id.in_(list(claimed)))
    exposed = rows_of(connection, query.order_by(column.at, column.prediction_id))
    terms = terms_of(connection, experiment_id)
    count(connection, experiment_id, [_seen(row, claimed[row.prediction_id], terms) for row in exposed])
    note_span(connection, experiment_id, [row.at for row in exposed], Events())
    return len(claimed)


def _seen(exposure: Any, groups: str | None, terms: Terms) -> Seen:
    favourable = terms.favourable_label
    row = UnitRow(
        exposure.assigned_to,
        exposure.generation,
        exposures=1,
        fallbacks=int(exposure.served_by != exposure.assigned_to),
        reviews=int(exposure.label == REVIEW_LABEL),
        errors=int(exposure.served_by == REVIEW),
        slow=int(exposure.latency_ms > terms.slow_ms),
        selections=int(bool(favourable) and exposure.label == favourable),
    )
    return Seen(exposure.unit_id, row, json.loads(groups) if groups else {})
