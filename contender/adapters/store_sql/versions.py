"""Which tables a database has: none yet, those of this code, older ones, or newer ones."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import Connection, insert, inspect, select
from sqlalchemy.schema import CreateIndex, CreateTable

from contender.adapters.store_sql.schema import EXPOSURES, METADATA, VERSIONS
from contender.errors import Unavailable

NEWEST: Final = 4
"""The version that this code reads and writes; the last of the migrations leads to it."""

UNVERSIONED: Final = 1
"""The tables as they were before versions were kept."""


MIGRATIONS: Final = Path(__file__).with_name("migrations")
"""Where alembic finds them."""


class Versions(NamedTuple):
    """The version that a store has (None: it has no tables yet) and the one that this code needs."""

    kept: int | None
    needed: int = NEWEST


def kept_version(connection: Connection) -> int | None:
    """The version of the tables that are there; None without any.

    Raises:
        Unavailable: tables of another program bear names of ours.
    """
    tables = inspect(connection)
    if tables.has_table(VERSIONS.name):
        return int(connection.scalars(select(VERSIONS.c.version_num)).one())
    if tables.has_table(EXPOSURES.name):
        return UNVERSIONED
    taken = sorted(set(tables.get_table_names()) & set(METADATA.tables))
    if taken:
        raise Unavailable(
            f"the store's database holds tables of another program: {', '.join(taken)}",
            remedy="give the store a database of its own in CONTENDER_STORE_URL; MLflow's has such tables",
        )
    return None


def create(connection: Connection) -> None:
    """Make all tables, at the newest version, in a database without any."""
    for table in METADATA.sorted_tables:
        connection.execute(CreateTable(table))
        for index in table.indexes:
            connection.execute(CreateIndex(index))
    connection.execute(insert(VERSIONS).values(version_num=str(NEWEST)))


def refuse_other(kept: int) -> None:
    """Let nobody work on tables that this code does not know.

    Raises:
        Unavailable: they are older or newer; records that wait to be kept go on waiting.
    """
    words = f"the store has version {kept} of its tables, and this code needs version {NEWEST}"
    if kept < NEWEST:
        raise Unavailable(words, remedy="contender database upgrade")
    if kept > NEWEST:
        raise Unavailable(words, remedy="run the newer contender that upgraded it")


def migrate(connection: Connection) -> None:
    """Bring older tables to the newest version, in the transaction of `connection`."""
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection, "version_table": VERSIONS.name})
    config.set_main_option("script_location", str(MIGRATIONS))
    command.upgrade(config, "head")
