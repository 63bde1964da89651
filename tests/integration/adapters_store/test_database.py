"""The database itself: made by many at once, away, locked, damaged."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, exc, inspect, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from contender.adapters.store_sql import Store, database
from contender.adapters.store_sql.schema import METADATA
from contender.errors import Conflict, Unavailable

Make = Callable[..., Any]


def test_opening_a_store_touches_nothing(tmp_path: Path) -> None:
    Store(f"sqlite:///{tmp_path}/home/store.db", clock=float).close()
    assert list(tmp_path.iterdir()) == []


def test_many_at_once_make_the_tables_and_lose_nothing(url: str, expose: Make) -> None:
    gate = threading.Barrier(8)

    def work(number: int) -> None:
        store = Store(url, clock=time.time)
        gate.wait(30)
        for place in range(5):
            store.append([expose(f"p{number}-{place}")], [])
        store.close()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [None] * 8
    store = Store(url, clock=time.time)
    assert len(store.predictions("job-change")) == 40
    store.close()


def test_one_store_may_be_shared_by_threads(store: Store, expose: Make) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda number: store.append([expose(f"p{number}")], []), range(8))) == [None] * 8
    assert len(store.predictions("job-change")) == 8


def test_readers_do_not_wait_for_a_writer(file_url: str, expose: Make) -> None:
    store = Store(file_url, clock=time.time)
    store.append([expose("p1")], [])
    rival = sqlite3.connect(file_url.removeprefix("sqlite:///"), isolation_level=None)
    rival.execute("BEGIN IMMEDIATE")
    assert len(store.predictions("job-change")) == 1
    rival.close()
    store.close()


def test_a_store_locked_for_long_is_unavailable_and_keeps_nothing(
    file_url: str, expose: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_PRAGMAS", ("busy_timeout = 20", "journal_mode = WAL"))
    store = Store(file_url, clock=time.time)
    store.append([], [])
    rival = sqlite3.connect(file_url.removeprefix("sqlite:///"), isolation_level=None)
    rival.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="database is locked"):
        store.append([expose("p1")], [])
    rival.close()
    assert store.predictions("job-change") == []
    store.close()


def test_a_store_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = Store(f"sqlite:///{tmp_path}/file/store.db", clock=time.time)
    with pytest.raises(Unavailable, match="does not answer"):
        store.predictions("job-change")
    store.close()


def test_a_damaged_file_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"this is no database" * 1000)
    store = Store(f"sqlite:///{tmp_path}/store.db", clock=time.time)
    with pytest.raises(Unavailable, match="is no database"):
        store.predictions("job-change")
    store.close()


def fill(store: Store) -> None:
    with store._writing() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")  # SQLite takes what is there already as the least
        connection.exec_driver_sql("CREATE TABLE large AS SELECT zeroblob(1000000) AS content")


def test_a_disk_without_room_is_told_with_what_helps(tmp_path: Path, expose: Make) -> None:
    store = Store(f"sqlite:///{tmp_path}/store.db", clock=time.time)
    store.append([expose("p0")], [])
    with pytest.raises(Unavailable, match="is full") as told:
        fill(store)
    assert told.value.remedy == "make room on the disk of the store"
    store.close()


def test_what_came_back_is_used_again(tmp_path: Path, expose: Make) -> None:
    blocker = tmp_path / "home"
    blocker.write_text("")
    store = Store(f"sqlite:///{tmp_path}/home/store.db", clock=time.time)
    with pytest.raises(Unavailable):
        store.append([expose("p1")], [])
    blocker.unlink()
    store.append([expose("p1")], [])
    assert len(store.predictions("job-change")) == 1
    store.close()


def test_a_transaction_that_fails_leaves_nothing(store: Store, expose: Make) -> None:
    broken = expose("p2", assigned_to=None)
    with pytest.raises(Conflict) as refusal:
        store.append([expose("p1"), broken], [])
    assert "u1" not in str(refusal.value)
    assert store.predictions("job-change") == []


def test_a_defect_of_ours_is_not_dressed_up(store: Store) -> None:
    with pytest.raises(exc.ProgrammingError), store._reading() as connection:
        connection.execute(text("SELECT :a"), {"a": object()})


def test_postgresql_takes_the_same_tables() -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    for table in METADATA.sorted_tables:
        assert "CREATE TABLE IF NOT EXISTS" in str(CreateTable(table, if_not_exists=True).compile(dialect=dialect))
        for index in table.indexes:
            assert "CREATE INDEX" in str(CreateIndex(index, if_not_exists=True).compile(dialect=dialect))


@pytest.mark.parametrize("act", [Store.versions, Store.upgrade, lambda store: store.experiments("job-change")])
def test_a_database_with_anothers_tables_is_refused_and_left_alone(url: str, act: Callable[[Store], object]) -> None:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    if engine.dialect.name == "sqlite":
        Path(str(engine.url.database)).parent.mkdir(parents=True)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE experiments (experiment_id INTEGER, name TEXT)"))
    store = Store(url, clock=time.time)
    try:
        with pytest.raises(Unavailable, match="tables of another program: experiments") as caught:
            act(store)
        assert "CONTENDER_STORE_URL" in str(caught.value.remedy)
        assert inspect(engine).get_table_names() == ["experiments"]
    finally:
        store.close()
        engine.dispose()
