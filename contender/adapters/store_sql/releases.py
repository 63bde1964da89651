"""The release's side of the store: the state of every release, and the audit trail."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, insert, select, update

from contender.adapters.store_sql.database import Database, column_of
from contender.adapters.store_sql.schema import AUDIT, RELEASES
from contender.errors import Conflict


class ReleaseRecords(Database):
    """Release documents, changed by compare-and-swap, and audit records, only ever appended."""

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
        """All records of `task`, oldest first."""
        query = select(AUDIT.c.record).where(AUDIT.c.task == task).order_by(AUDIT.c.sequence)
        with self._reading() as connection:
            return [json.loads(record) for record in column_of(connection, query)]
