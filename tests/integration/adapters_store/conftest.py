"""A store in SQLite and in a PostgreSQL of our own, and records to put into it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from benchmarks.postgres import cluster
from contender.adapters.store_sql import Store
from contender.experiment.analysis import Experiment
from contender.experiment.plan import Plan
from contender.values import Exposure, Outcome

Expose = Callable[..., Exposure]


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with cluster(durable=False) as found:
        if found is None:
            pytest.skip("needs a PostgreSQL server: apt-get install postgresql")
        yield found


@pytest.fixture(scope="session")
def fresh_schema(server: str) -> Callable[[], str]:
    """Gives the URL of another empty schema in PostgreSQL at every call."""
    numbers = itertools.count(1)

    def make() -> str:
        name = f"store_{next(numbers)}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}".encode())
        return f"{server}&options=-csearch_path%3D{name}"

    return make


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def fresh_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], str]:
    """Gives the URL of another empty database at every call."""
    if request.param == "sqlite":
        return lambda: f"sqlite:///{tmp_path_factory.mktemp('store')}/home/store.db"
    make: Callable[[], str] = request.getfixturevalue("fresh_schema")
    return make


@pytest.fixture
def url(fresh_url: Callable[[], str]) -> str:
    return fresh_url()


@pytest.fixture
def file_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/home/store.db"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    ticks = iter(range(1_000, 100_000))
    found = Store(url, clock=lambda: float(next(ticks)))
    yield found
    found.close()


@pytest.fixture
def expose() -> Expose:
    def make(prediction_id: str, unit_id: str | None = "u1", assigned_to: str = "champion", **other: Any) -> Exposure:
        plain: dict[str, Any] = {
            "task": "job-change",
            "experiment_id": "e1",
            "generation": 2,
            "served_by": assigned_to,
            "model_version": "7",
            "label": "1",
            "score": 0.75,
            "confidence": 0.9,
            "fallback_reason": None,
            "latency_ms": 3.5,
            "at": 100.0,
        }
        return Exposure(prediction_id, unit_id=unit_id, assigned_to=assigned_to, **plain | other)

    return make


@pytest.fixture
def outcome() -> Callable[..., Outcome]:
    def make(
        event_id: str, prediction_id: str, value: str | float = 1, at: float = 200.0, metric: str = "reward"
    ) -> Outcome:
        return Outcome(event_id, prediction_id, "job-change", value, at, metric)

    return make


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock(100.0)


@pytest.fixture
def timed(url: str, clock: Clock) -> Iterator[Store]:
    """A store by `clock`."""
    found = Store(url, clock=clock)
    yield found
    found.close()


@pytest.fixture
def begin() -> Callable[..., Experiment]:
    """Keeps a running experiment with that plan, half and half from generation 2 on."""

    def make(store: Store, plan: Plan, experiment_id: str = "e1", **other: Any) -> Experiment:
        made = Experiment(experiment_id, "job-change", experiment_id, plan, "7", "8", 0.0, ((2, 0.5),), **other)
        store.save_experiment(made.to_document())
        return made

    return make
