"""The release's side of the store: the state of every release, and the audit trail."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, delete, func, insert, select, update

from contender.adapters.store_sql.database import Database, column_of, rows_of
from contender.adapters.store_sql.schema import AUDIT, EXPOSURES, RELEASES
from contender.adapters.store_sql.triggers import guard_audit
from contender.errors import Conflict, Refused
from contender.values import CHAMPION, REVIEW_LABEL, UNASSIGNED


class ReleaseRecords(Database):
    """Release documents, changed by compare-and-swap, and audit records, appended for good."""

    def load_release(self, task: str) -> dict[str, Any] | None:
        """The release document that was saved last, or None."""
        query = select(RELEASES.c.document).where(RELEASES.c.task == task)
        with self._reading() as connection:
            document = connection.scalar(query)
        return None if document is None else json.loads(document)

    def save_release(self, task: str, document: Mapping[str, Any], *, expected: int | None) -> None:
        """Replace the release document if its ``revision`` is still `expected` (None: there is none yet).

        Raises:
            Conflict: another process moved the release on.
        """
        values = {"revision": int(document["revision"]), "document": json.dumps(document)}
        with self._writing() as connection:
            if expected is None:
                connection.execute(insert(RELEASES).values(task=task, **values))
                return
            current = (RELEASES.c.task == task) & (RELEASES.c.revision == expected)
            if connection.execute(update(RELEASES).where(current).values(**values)).rowcount != 1:
                raise Conflict(
                    f"the release of {task} is no longer at revision {expected}",
                    remedy="another process moved it on: see `contender status`",
                )

    def append_audit(self, task: str, record: Mapping[str, Any]) -> None:
        """Append `record` for good; its ``sequence`` must follow the last one (the first is 1).

        Raises:
            Conflict: another process appended first.
        """
        last = select(func.max(AUDIT.c.sequence)).where(AUDIT.c.task == task)
        with self._writing() as connection:
            following = (connection.scalar(last) or 0) + 1
            if record["sequence"] != following:
                raise Conflict(f"audit record {record['sequence']} of {task} does not follow: expected {following}")
            row = {"task": task, "sequence": following, "record": json.dumps(record)}
            connection.execute(insert(AUDIT).values(row))

    def audit(self, task: str) -> Sequence[Mapping[str, Any]]:
        """All records of `task` that were not pruned, oldest first."""
        query = select(AUDIT.c.record).where(AUDIT.c.task == task).order_by(AUDIT.c.sequence)
        with self._reading() as connection:
            return [json.loads(record) for record in column_of(connection, query)]

    def prune_audit(self, task: str, through: int) -> int:
        """Delete the records of `task` up to number `through`; how many went.

        Raises:
            Refused: no later record seals them, or one is too young: nothing was deleted.
        """
        doomed = delete(AUDIT).where(AUDIT.c.task == task, AUDIT.c.sequence <= through)
        try:
            with self._writing() as connection:
                return connection.execute(doomed).rowcount
        except Conflict as error:
            raise Refused(f"audit records of {task} stay: {error.message}") from error

    def last_answer_at(self, task: str) -> float | None:
        """When the newest answer of `task` was given, in seconds since the epoch; None before the first."""
        newest = select(func.max(EXPOSURES.c.at)).where(EXPOSURES.c.task == task)
        with self._reading() as connection:
            at = connection.scalar(newest)
        return None if at is None else float(at)

    def champion_rates(self, task: str, generation: int, *, slow_ms: float) -> tuple[int, dict[str, int]]:
        """Units that the champion was meant to answer under routing `generation`, and those that met a fault.

        ``fallback``: somebody else had to answer; ``review``: the answer was left to a person; ``slow``: it took longer
        than `slow_ms`. A request without a unit counts as a unit of its own.
        """
        column = EXPOSURES.c
        fallen = and_(column.fallback_reason.is_not(None), column.served_by != CHAMPION)
        units = (
            select(
                _ever(fallen, "fallback"),
                _ever(column.label == REVIEW_LABEL, "review"),
                _ever(column.latency_ms > slow_ms, "slow"),
            )
            .where(column.task == task, column.generation == generation)
            .where(column.assigned_to.in_([CHAMPION, UNASSIGNED]))
            .group_by(func.coalesce(column.unit_id, column.prediction_id))
            .subquery()
            .c
        )
        query = select(func.count(), *(func.coalesce(func.sum(units[name]), 0) for name in _FAULTS))
        with self._reading() as connection:
            found = [int(n) for n in rows_of(connection, query)[0]]
        return found[0], dict(zip(_FAULTS, found[1:], strict=True))

    def _guard(self, connection: Connection) -> None:
        guard_audit(connection)


_FAULTS = ("fallback", "review", "slow")


def _ever(fault: ColumnElement[bool], name: str) -> ColumnElement[int]:
    return func.max(case((fault, 1), else_=0)).label(name)
