"""What other parts of the house remember: a JSON document by task, kind and key, such as a drift report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import select

from contender.adapters.store_sql.database import Database, rows_of, upsert
from contender.adapters.store_sql.schema import NOTES


class Note(NamedTuple):
    """A document kept under `key`; `at` is the moment it speaks of, in seconds since the epoch."""

    key: str
    at: float
    document: dict[str, Any]


class NoteRecords(Database):
    """Documents that the store keeps without knowing what they say."""

    def keep_note(self, task: str, kind: str, key: str, at: float, document: Mapping[str, Any]) -> bool:
        """Keep `document` under (`task`, `kind`, `key`); False, and nothing changes, when there is one already."""
        with self._writing() as connection:
            kept = upsert(connection, NOTES).on_conflict_do_nothing().returning(NOTES.c.key)
            return connection.execute(kept, _row(task, kind, key, at, document)).first() is not None

    def revise_note(self, task: str, kind: str, key: str, at: float, document: Mapping[str, Any]) -> None:
        """Keep `document` under (`task`, `kind`, `key`), in place of an earlier one."""
        with self._writing() as connection:
            insert = upsert(connection, NOTES)
            changed = {name: insert.excluded[name] for name in ("at", "document")}
            revised = insert.on_conflict_do_update(index_elements=list(NOTES.primary_key), set_=changed)
            connection.execute(revised, _row(task, kind, key, at, document))

    def note(self, task: str, kind: str, key: str) -> Note | None:
        """The note under that key, or None."""
        column = NOTES.c
        query = select(column.key, column.at, column.document)
        query = query.where(column.task == task, column.kind == kind, column.key == key)
        with self._reading() as connection:
            found = [_note(*row) for row in rows_of(connection, query)]
        return found[0] if found else None

    def notes(self, task: str, kind: str, *, since: float = 0.0, limit: int = 1000) -> list[Note]:
        """The latest notes of that kind from `since` (seconds since the epoch) on, newest first, at most `limit`."""
        column = NOTES.c
        query = select(column.key, column.at, column.document)
        query = query.where(column.task == task, column.kind == kind, column.at >= since)
        with self._reading() as connection:
            rows = rows_of(connection, query.order_by(column.at.desc(), column.key.desc()).limit(limit))
        return [_note(*row) for row in rows]


def _row(task: str, kind: str, key: str, at: float, document: Mapping[str, Any]) -> dict[str, Any]:
    return {"task": task, "kind": kind, "key": key, "at": at, "document": json.dumps(document)}


def _note(key: str, at: float, document: str) -> Note:
    return Note(key, at, json.loads(document))
