"""What the database itself refuses: changing an audit record, and deleting one that is young or not sealed.

A second lock beside the hash chain: it stops mistakes and programs, not somebody who owns the database. The age is
measured by the database's clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection

LEAST_AGE_S: Final = 15_778_800
"""Six months, as `contender.release.audit` has them: servers use the store and load nothing of the release."""

_SQLITE: Final = (
    """
CREATE TRIGGER IF NOT EXISTS audit_update BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'audit records are never changed'); END""",
    # INSERT OR REPLACE deletes without asking the trigger below.
    """
CREATE TRIGGER IF NOT EXISTS audit_insert BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE task = NEW.task AND sequence = NEW.sequence)
BEGIN SELECT RAISE(ABORT, 'audit records are never replaced'); END""",
    """
CREATE TRIGGER IF NOT EXISTS audit_delete BEFORE DELETE ON audit
WHEN json_extract(OLD.record, '$.at') > (julianday('now') - 2440587.5) * 86400 - LEAST_AGE
  OR NOT EXISTS (
    SELECT 1 FROM audit AS seal WHERE seal.task = OLD.task AND seal.sequence > OLD.sequence
      AND json_extract(seal.record, '$.event') = 'prune'
      AND json_extract(seal.record, '$.detail.checkpoint.sequence') >= OLD.sequence)
BEGIN SELECT RAISE(ABORT, 'audit records that are young or not sealed are never deleted'); END""",
)

_POSTGRESQL: Final = (
    """
CREATE OR REPLACE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND (OLD.record::json->>'at')::float8 <= extract(epoch FROM now()) - LEAST_AGE AND EXISTS (
    SELECT 1 FROM audit AS seal WHERE seal.task = OLD.task AND seal.sequence > OLD.sequence
      AND seal.record::json->>'event' = 'prune'
      AND (seal.record::json#>>'{detail,checkpoint,sequence}')::int >= OLD.sequence)
  THEN RETURN OLD; END IF;
  RAISE EXCEPTION 'audit records are never changed, nor deleted while young or not sealed'
    USING ERRCODE = 'integrity_constraint_violation';
END $$""",
    """
CREATE TRIGGER audit_row BEFORE UPDATE OR DELETE ON audit
FOR EACH ROW EXECUTE FUNCTION audit_is_append_only()""",
    """
CREATE TRIGGER audit_whole BEFORE TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()""",
)

_THERE: Final = "SELECT 1 FROM pg_trigger WHERE tgrelid = 'audit'::regclass AND tgname = 'audit_whole'"


def guard_audit(connection: Connection) -> None:
    """Add the triggers, unless they are there."""
    if connection.dialect.name != "postgresql":
        _execute(connection, _SQLITE)
    elif not connection.exec_driver_sql(_THERE).scalar():  # creating them anew on every start would lock the table
        _execute(connection, _POSTGRESQL)


def _execute(connection: Connection, statements: Iterable[str]) -> None:
    for statement in statements:
        connection.exec_driver_sql(statement.strip().replace("LEAST_AGE", str(LEAST_AGE_S)))
