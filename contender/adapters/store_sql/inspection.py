"""What a user sees of the store's database: version, clock, whose tables are there, what may be done with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, inspect

from contender.adapters.store_sql.database import Database
from contender.adapters.store_sql.schema import METADATA

_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")


@dataclass(frozen=True, slots=True)
class DatabaseSeen:
    """A database as a connection's user sees it; `now` in seconds since 1970, `rights` by table of the store."""

    server: str
    user: str
    superuser: bool
    now: float
    foreign_tables: tuple[str, ...]
    rights: Mapping[str, frozenset[str]]


class Inspection(Database):
    """The store's database, looked at and not changed."""

    @property
    def is_server(self) -> bool:
        """Whether it is a PostgreSQL, which has users and rights; an address in a file is followed to know it."""
        return self._engine.dialect.name == "postgresql"

    def seen(self) -> DatabaseSeen:
        """What the connection's user sees there.

        Raises:
            Unavailable: the database does not answer, or not to this user.
        """
        with self._looking() as connection:
            tables = set(inspect(connection).get_table_names())
            row: tuple[Any, ...] = connection.exec_driver_sql(
                "SELECT current_user, (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),"
                " current_setting('server_version'), extract(epoch FROM clock_timestamp())"
            ).one()
            user, superuser, server, now = row
            rights = {name: _rights(connection, name) for name in METADATA.tables if name in tables}
        foreign = tuple(sorted(tables - set(METADATA.tables)))
        return DatabaseSeen(server, user, bool(superuser), float(now), foreign, rights)


def _rights(connection: Connection, table: str) -> frozenset[str]:
    query = "SELECT has_table_privilege(quote_ident(%s), %s)"
    return frozenset(right for right in _RIGHTS if connection.exec_driver_sql(query, (table, right)).scalar())
