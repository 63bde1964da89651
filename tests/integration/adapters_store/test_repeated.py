"""Records that come again, from two writers at once: neither waits for what the other holds while it is waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import psycopg
from sqlalchemy import event

from contender.adapters.store_sql import Store
from contender.experiment.data import Events

Make = Callable[..., Any]
PATIENCE_S = 30.0
"""After this long a test has failed."""


def waits(server: str) -> bool:
    """Whether somebody waits for another's transaction to end."""
    with psycopg.connect(server) as connection:
        return bool(connection.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchall())


def test_two_writers_that_repeat_exposures_and_outcomes_do_not_wait_for_each_other_crosswise(
    server: str, fresh_schema: Callable[[], str], expose: Make, outcome: Make
) -> None:
    """One notes a fault of a unit, and is held there until the other waits for it; then both must come to an end."""
    url = fresh_schema()
    noted, ended = threading.Event(), threading.Event()

    def hold(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT INTO unit_faults"):
            noted.set()
            while not waits(server) and not ended.wait(0.02):
                pass

    with closing(Store(url, clock=lambda: 1.0)) as one, closing(Store(url, clock=lambda: 1.0)) as other:
        one.append([expose("p1")], [outcome("o1", "p1")])
        event.listen(one._engine, "after_cursor_execute", hold)
        with ThreadPoolExecutor(2) as threads:
            contradicting = threads.submit(one.append, [expose("p1", latency_ms=99.0)], [])
            assert noted.wait(PATIENCE_S)
            repeating = threads.submit(other.append, [expose("p1")], [outcome("o1", "p1", 0)])
            repeating.add_done_callback(lambda _: ended.set())
            contradicting.result(PATIENCE_S)
            repeating.result(PATIENCE_S)
        assert other.experiment_data("e1").events == Events(replayed=1, contradictory=1)


def test_what_came_again_is_noted_once_and_last(store: Store, expose: Make, outcome: Make) -> None:
    """In the order in which `settle` notes it too: faults of units first, spans of experiments after them."""
    store.append([expose("p1"), expose("p2", "u2", experiment_id="e0")], [outcome("o1", "p1"), outcome("o2", "p2")])
    written = list[str]()

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT INTO "):
            written.append(statement.split()[2])

    event.listen(store._engine, "before_cursor_execute", note)
    again = [expose("p2", "u2", experiment_id="e0", label="0"), expose("p1")]
    store.append([*again, expose("p3", "u3")], [outcome("o1", "p1", 0), outcome("o2", "p2"), outcome("o3", "p3")])
    event.remove(store._engine, "before_cursor_execute", note)
    assert written[-3:] == ["unit_faults", "spans", "spans"]
    assert set(written[:-3]).isdisjoint({"unit_faults", "spans"})
    assert store.experiment_data("e0").events == Events(replayed=1, contradictory=1)
    assert store.experiment_data("e1").events == Events(replayed=1, contradictory=1)
