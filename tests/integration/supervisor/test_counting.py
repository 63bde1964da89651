"""Totals keep up with what servers append, without anybody looking."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from contender.adapters.addresses import sqlite_url
from contender.adapters.store_sql import Store
from contender.adapters.supervisor.counting import Counting
from contender.values import Exposure


def exposure(number: int) -> Exposure:
    return Exposure(
        f"p{number}",
        "job-change",
        "e1",
        2,
        f"u{number}",
        "champion",
        "champion",
        "7",
        "looking",
        0.5,
        0.9,
        None,
        1.0,
        9.0,
    )


def waiting(database: Path) -> int:
    with closing(sqlite3.connect(database, timeout=10)) as connection:
        return int(connection.execute("select count(*) from uncounted").fetchone()[0])


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return met


def test_what_servers_append_is_counted_in_the_background(tmp_path: Path) -> None:
    database = tmp_path / "store.db"
    with closing(Counting(sqlite_url(database))) as counting:
        counting.start()
        with closing(Store(f"sqlite:///{database}", clock=time.time)) as store:
            store.append([exposure(number) for number in range(20)], [])
            assert eventually(lambda: waiting(database) == 0)
            store.append([exposure(number) for number in range(20, 30)], [])
            assert eventually(lambda: waiting(database) == 0)
            assert store.experiment_data("e1").arms["champion"].assigned == 30


def test_without_a_store_it_waits_and_stops_at_once(tmp_path: Path) -> None:
    with closing(Counting(sqlite_url(tmp_path / "store.db"))) as counting:
        counting.start()
        assert counting.is_alive()
    assert not counting.is_alive()
    assert not (tmp_path / "store.db").exists()
