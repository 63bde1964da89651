"""One database behind SQLAlchemy: transactions, the schema, and its errors in our words."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Select,
    Table,
    create_engine,
    event,
    exc,
    make_url,
)
from sqlalchemy.dialects import postgresql, sqlite

from contender.adapters import sqlite_files
from contender.adapters.addresses import sqlite_url
from contender.adapters.store_sql.address_file import SCHEME, AddressFile, follow
from contender.adapters.store_sql.versions import NEWEST, Versions, create, kept_version, migrate, refuse_other
from contender.errors import Conflict, InvalidInput, Unavailable

BUSY_TIMEOUT_MS: Final = 10_000
"""How long a writer waits for another process's transaction before the store counts as unavailable."""

_WRITES: Final = "contender_writes"

_CREATION_LOCK: Final = 7_205_759_403
"""An arbitrary number that nothing else in the database locks."""

_DAMAGED: Final = "put back the file's last good copy; docs/runbooks/restore.md tells how"

_OTHER_TABLES: Final = {"42703", "42P01"}
"""PostgreSQL's codes for a column and a table that is not there: somebody upgraded the store under our feet."""

_NO_RIGHT: Final = "42501"
"""PostgreSQL's code for what a user may not do: new tables, or a part that runs under another part's user."""

_FULL: Final = "53100"
"""PostgreSQL's code for a disk without room."""

_NO_ROOM: Final = "make room on the disk of the store"

_PRAGMAS: Final = (
    f"busy_timeout = {BUSY_TIMEOUT_MS}",
    "journal_mode = WAL",
    "synchronous = FULL",  # what was acknowledged is there after a power cut; measured: 8 ms a commit
    "cache_size = -8000",  # kibibytes a connection: a server keeps its memory small
    "wal_autocheckpoint = 8000",  # pages
)


class Database:
    """A database at `url`, connected to and given its tables on first use. Safe to share between threads.

    `clock` gives seconds since the epoch.
    """

    def __init__(self, url: str, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._engine = _engine(url)
        address = self._engine.url
        self._file = Path(address.database) if address.database and address.drivername.startswith("sqlite") else None
        self._ready = False
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def versions(self) -> Versions:
        """The version of the tables that are there, and the one that is needed; nothing is made or changed.

        Raises:
            Unavailable: the database does not answer.
        """
        if self._file and not self._file.exists():
            return Versions(None)
        with self._looking() as connection:
            return Versions(kept_version(connection))

    def upgrade(self) -> Versions:
        """Make the tables, or bring older ones to the version of this code; the version that was found.

        All of it or nothing: what fails leaves the database as it was. Every other call refuses older tables.

        Raises:
            Unavailable: the database does not answer, or its tables are newer than this code.
        """
        with _translated():
            return Versions(self._prepare(upgrading=True))

    @contextmanager
    def _looking(self) -> Iterator[Connection]:
        """A transaction of limited time that makes no tables where there are none."""
        with _translated(), _transaction(self._engine, awaited=True) as connection:
            yield connection

    @contextmanager
    def _reading(self, *, awaited: bool = False) -> Iterator[Connection]:
        """A transaction that sees one state of the database; of limited time if a server is `awaited`."""
        with _translated():
            self._create_once()
            with _transaction(self._engine, awaited=awaited) as connection:
                yield connection

    @contextmanager
    def _writing(self, *, awaited: bool = False) -> Iterator[Connection]:
        """A transaction that takes effect whole, or not at all; of limited time if a server is `awaited`."""
        with _translated():
            self._create_once()
            with _write(self._engine, awaited=awaited) as connection:
                yield connection

    def _create_once(self) -> None:
        with self._lock:
            if not self._ready:
                self._prepare(upgrading=False)
                self._ready = True

    def _prepare(self, *, upgrading: bool) -> int | None:
        """Make sure that the tables are there and those of this code; the version that was found."""
        if self._file:
            if problem := sqlite_files.trouble(sqlite_url(self._file)):
                raise Unavailable(f"the store cannot be read: {problem}", remedy=_DAMAGED)
            self._file.parent.mkdir(parents=True, exist_ok=True)
        with _write(self._engine) as connection:
            _one_creator(connection)
            kept = kept_version(connection)
            if kept is None:
                create(connection)
            elif upgrading and kept < NEWEST:
                migrate(connection)
            else:
                refuse_other(kept)
            self._guard(connection)
            return kept

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


def insert_all(connection: Connection, table: Table, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> int:
    """Insert those `rows` (values in the order of `names`) whose primary key is new; how many were.

    The fast way in: the driver takes the values as they are, PostgreSQL all of them in one statement.
    """
    return _send(connection, "DO NOTHING", table, names, rows)


def replace_all(
    connection: Connection,
    table: Table,
    names: tuple[str, ...],
    rows: Sequence[tuple[Any, ...]],
    set_: str = "{0} = excluded.{0}",
) -> None:
    """Insert `rows`, each in place of an earlier one of its primary key, which must be unique among them.

    `set_` says what becomes of every other column, as a format of its name.
    """
    keys = [column.name for column in table.primary_key]
    changed = ", ".join(set_.format(name) for name in names if name not in keys)
    _send(connection, f"({', '.join(keys)}) DO UPDATE SET {changed}", table, names, rows)


def _send(
    connection: Connection, conflict: str, table: Table, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> int:
    if not rows:
        return 0
    if connection.dialect.name == "postgresql":
        sent = json.dumps([dict(zip(names, row, strict=True)) for row in rows])
        return connection.exec_driver_sql(_of_records(table.name, names, conflict), {"rows": sent}).rowcount
    return connection.exec_driver_sql(_of_values(table.name, names, conflict), list(rows)).rowcount


@cache
def _of_records(table: str, names: tuple[str, ...], conflict: str) -> str:
    """One statement and one parameter for any number of rows: arrays by column cost the driver six times as much."""
    columns = ", ".join(names)
    records = f"SELECT {columns} FROM json_populate_recordset(NULL::{table}, %(rows)s::json)"  # noqa: S608 - names of ours
    return f"INSERT INTO {table} ({columns}) {records} ON CONFLICT {conflict}"


@cache
def _of_values(table: str, names: tuple[str, ...], conflict: str) -> str:
    places = ", ".join("?" * len(names))
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places}) ON CONFLICT {conflict}"  # noqa: S608 - names of ours


def upsert(connection: Connection, table: Table) -> Any:
    """An insert of the connection's dialect, which knows ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


def _engine(url: str) -> Engine:
    try:
        if not url.startswith(SCHEME):
            return _made(_completed(make_url(url)))
        file = AddressFile(Path(url.removeprefix(SCHEME)), _completed)
        return _made(file.now(), lambda engine: follow(engine, file))
    except OSError as error:
        problem = f"the file {error.filename} cannot be read: {error.strerror}"
        raise InvalidInput("CONTENDER_STORE_URL", problem, remedy="mount the Secret, or state the address") from None
    except (exc.ArgumentError, ImportError, ValueError) as error:
        # The words of its own may quote the URL, and with it a password.
        problem = f"is no address of a database that can be reached from here ({type(error).__name__})"
        remedy = (
            "sqlite:////path/store.db, postgresql://USER:PASSWORD@HOST/DATABASE, or file:///path of a file with one"
        )
        raise InvalidInput("CONTENDER_STORE_URL", problem, remedy=remedy) from None


def _completed(address: URL) -> URL:
    """The address as the driver takes it, from one as people write it."""
    if address.drivername == "postgresql":  # SQLAlchemy would look for another driver
        address = address.set(drivername="postgresql+psycopg")
    if address.get_backend_name() == "postgresql":
        from contender.adapters.store_sql.patience import ANSWER_OF_PEERS

        return address.set(query={**ANSWER_OF_PEERS, **address.query})
    return address


def _made(address: URL, first: Callable[[Engine], None] = lambda _: None) -> Engine:
    """An engine for `address`; `first` sees it before anybody listens to its events."""
    patient = address.get_backend_name() == "postgresql"
    # Parameters are people's data, none of a log's.
    engine = create_engine(address, hide_parameters=True, pool_pre_ping=patient)
    first(engine)
    if patient:
        from contender.adapters.store_sql.patience import make_patient

        make_patient(engine)
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
def _write(engine: Engine, *, awaited: bool = False) -> Iterator[Connection]:
    with _transaction(engine.execution_options(**{_WRITES: True}), awaited=awaited) as connection:
        yield connection


@contextmanager
def _transaction(engine: Engine, *, awaited: bool) -> Iterator[Connection]:
    with engine.connect() as connection, _limits(connection, awaited=awaited):
        yield connection


def _limits(connection: Connection, *, awaited: bool) -> AbstractContextManager[object]:
    if connection.dialect.name != "postgresql":
        return connection.begin()  # `busy_timeout` is its limit
    from contender.adapters.store_sql.patience import waited_for

    return waited_for(connection, awaited=awaited)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except exc.IntegrityError as error:
        raise Conflict(f"the store holds another record already: {_cause(error)}") from error
    except (exc.OperationalError, exc.InterfaceError, exc.InternalError, exc.TimeoutError, OSError) as error:
        remedy = _NO_ROOM if _is_full(error) else "see `contender doctor`"
        raise Unavailable(f"the store does not answer: {_cause(error)}", remedy=remedy) from error
    except exc.DatabaseError as error:
        if told := _told(error):
            raise told from error
        if isinstance(error, exc.ProgrammingError | exc.DataError | exc.NotSupportedError):
            raise
        raise Unavailable(f"the store cannot be read: {_cause(error)}", remedy=_DAMAGED) from error


def _told(error: exc.DatabaseError) -> Unavailable | None:
    """What whoever runs the store can put right; None of anything else."""
    code = getattr(error.orig, "sqlstate", None)
    if code == _NO_RIGHT:
        remedy = "as the owner: contender database users --urls FOLDER"
        return Unavailable(f"the store's user lacks a right: {_cause(error)}", remedy=remedy)
    if code in _OTHER_TABLES:
        return Unavailable(f"the store has other tables: {_cause(error)}", remedy="contender database check")
    return None


def _is_full(error: BaseException) -> bool:
    cause = getattr(error, "orig", None)
    return getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL or getattr(cause, "sqlstate", "") == _FULL


def _cause(error: BaseException) -> str:
    """The first line of the driver's words: PostgreSQL tells the row, which is a person's data, in the next one."""
    return (str(getattr(error, "orig", None) or error).splitlines() or [""])[0]
