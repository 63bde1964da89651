"""One database behind SQLAlchemy: transactions, the schema, and its errors in our words."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, Select, Table, create_engine, event, exc, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from contender.adapters.store_sql.schema import METADATA
from contender.errors import Conflict, Unavailable

BUSY_TIMEOUT_MS: Final = 10_000
"""How long a writer waits for another process's transaction before the store counts as unavailable."""

_WRITES: Final = "contender_writes"

_CREATION_LOCK: Final = 7_205_759_403
"""An arbitrary number that nothing else in the database locks."""

_PRAGMAS: Final = (
    f"busy_timeout = {BUSY_TIMEOUT_MS}",
    "journal_mode = WAL",
    "synchronous = FULL",  # what was acknowledged is there after a power cut; measured: 8 ms a commit
    "cache_size = -32000",  # kibibytes: indexes are written at random places
    "wal_autocheckpoint = 8000",  # pages
)


class Database:
    """A database at `url`, connected to and given its tables on first use. Safe to share between threads.

    `clock` gives seconds since the epoch.
    """

    def __init__(self, url: str, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._engine = _engine(url)
        self._ready = False
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database."""
        with _translated():
            self._create_once()
            with self._engine.begin() as connection:
                yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction that takes effect whole, or not at all."""
        with _translated():
            self._create_once()
            with _write(self._engine) as connection:
                yield connection

    def _create_once(self) -> None:
        with self._lock:
            if not self._ready:
                self._create()
                self._ready = True

    def _create(self) -> None:
        if self._engine.url.database and self._engine.dialect.name == "sqlite":
            Path(self._engine.url.database).parent.mkdir(parents=True, exist_ok=True)
        with _write(self._engine) as connection:
            _one_creator(connection)
            for table in METADATA.sorted_tables:
                connection.execute(CreateTable(table, if_not_exists=True))
                for index in table.indexes:
                    connection.execute(CreateIndex(index, if_not_exists=True))
            self._guard(connection)

    def _guard(self, connection: Connection) -> None:
        """What a part of the store adds to its tables; may be repeated."""


def rows_of(connection: Connection, query: Select[Any]) -> Sequence[Any]:
    """The rows that `query` selects, as named tuples."""
    return connection.execute(query).all()


def column_of(connection: Connection, query: Select[Any]) -> list[Any]:
    """The values of the one column that `query` selects."""
    return [row[0] for row in connection.execute(query)]


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert those `rows` whose primary key is not there yet; the first to come stays."""
    if rows:
        connection.execute(upsert(connection, table).on_conflict_do_nothing(), rows)


def upsert(connection: Connection, table: Table) -> Any:
    """An insert of the connection's dialect, which knows ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


def _engine(url: str) -> Engine:
    # Parameters are people's data: an error must not carry them into a log.
    engine = create_engine(make_url(url), hide_parameters=True, pool_pre_ping=not url.startswith("sqlite"))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver's own, late BEGIN would let two readers collide as writers
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _one_creator(connection: Connection) -> None:
    """PostgreSQL's IF NOT EXISTS is not safe from rivals; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_CREATION_LOCK})")


@contextmanager
def _write(engine: Engine) -> Iterator[Connection]:
    with engine.execution_options(**{_WRITES: True}).begin() as connection:
        yield connection


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except exc.IntegrityError as error:
        raise Conflict(f"the store holds another record already: {_cause(error)}") from error
    except (exc.OperationalError, exc.InterfaceError, exc.InternalError, exc.TimeoutError, OSError) as error:
        raise Unavailable(f"the store does not answer: {_cause(error)}", remedy="see `contender doctor`") from error
    except exc.DatabaseError as error:
        if isinstance(error, exc.ProgrammingError | exc.DataError | exc.NotSupportedError):
            raise
        raise Unavailable(f"the store cannot be read: {_cause(error)}", remedy="see `contender doctor`") from error


def _cause(error: BaseException) -> str:
    """The first line of the driver's words: PostgreSQL tells the row, which is a person's data, in the next one."""
    return (str(getattr(error, "orig", None) or error).splitlines() or [""])[0]
