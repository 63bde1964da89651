"""The sampled rows behind exposures, and rewards by the time of their outcome."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from contender.adapters.store_sql import Input, Rewarded, Store
from contender.values import Prediction

Make = Callable[..., Any]
TASK = "job-change"


def by_outcome(_prediction: Prediction, value: object) -> float:
    return float(str(value))


def test_the_sampled_rows_come_back_oldest_first(store: Store, expose: Make) -> None:
    row = {"city": "city_103", "hours": 36, "share": 0.5, "major": None, "relevant": True}
    store.append([expose("p2", at=102.0, features=row), expose("p3"), expose("p1", at=101.0, features={})], [])
    first, second = store.inputs(TASK, since=0.0)
    assert first.row == {}
    assert second._replace(person=None) == Input("p2", 102.0, row, "1", 0.75, 0.9, "champion", "7", "champion")
    assert all(found.features is None for found in store.predictions(TASK))


def test_windows_of_rows_hold_their_start_and_not_their_end(store: Store, expose: Make) -> None:
    store.append([expose(f"p{at}", at=float(at), features={}) for at in range(4)], [])
    assert [found.at for found in store.inputs(TASK, since=1.0, until=3.0)] == [1.0, 2.0]
    assert store.input_count(TASK, since=1.0, until=3.0) == 2
    assert store.inputs("job-role", since=0.0) == []


def test_of_many_rows_some_are_drawn_evenly_and_the_same_again(store: Store, expose: Make) -> None:
    rng = random.Random(1)
    ids = [f"{number:012x}{rng.randbytes(10).hex()}" for number in range(1_000)]
    store.append([expose(one, at=float(number), features={}) for number, one in enumerate(ids)], [])
    drawn = store.inputs(TASK, since=0.0, limit=200)
    assert len(drawn) == pytest.approx(200, abs=45)
    assert sum(one.at < 500.0 for one in drawn) == pytest.approx(len(drawn) / 2, abs=25)
    again = store.inputs(TASK, since=0.0, limit=200)
    assert [one.prediction_id for one in drawn] == [one.prediction_id for one in again]
    assert len(store.inputs(TASK, since=0.0, limit=1_000)) == store.input_count(TASK, since=0.0) == 1_000


def test_rows_of_one_person_are_told_without_their_id(store: Store, expose: Make) -> None:
    asked = [("p1", "somebody"), ("p2", "somebody"), ("p3", "another"), ("p4", None)]
    store.append([expose(one, unit, features={}) for one, unit in asked], [])
    first, second, third, nobody = (one.person for one in store.inputs(TASK, since=0.0))
    assert first == second != third
    assert nobody is None
    assert first != store.inputs(TASK, since=0.0)[0].person, "another call, another word for them"
    assert "somebody" not in repr(store.inputs(TASK, since=0.0))


def test_rows_are_forgotten_without_their_exposures(store: Store, expose: Make) -> None:
    store.append([expose(f"p{at}", at=float(at), features={"a": at}) for at in range(3)], [])
    assert store.prune_inputs(2.0) == 2
    assert [found.row for found in store.inputs(TASK, since=0.0)] == [{"a": 2}]
    assert len(store.predictions(TASK)) == 3


def test_a_row_that_comes_again_is_kept_once(store: Store, expose: Make) -> None:
    for value in (1, 2):
        store.append([expose("p1", features={"a": value})], [])
    assert [found.row for found in store.inputs(TASK, since=0.0)] == [{"a": 1}]


def test_rewards_are_told_by_the_time_of_the_outcome_that_counts(store: Store, expose: Make, outcome: Make) -> None:
    events = [outcome("o1", "p1", 1, at=300.0), outcome("o2", "p1", 0, at=250.0), outcome("o3", "p2", 1, at=400.0)]
    store.append([expose("p1"), expose("p2", "u2", "challenger", score=None)], events)
    store.settle(TASK, by_outcome)
    assert store.rewards_between(TASK, 250.0, 400.0) == [Rewarded("p1", 250.0, "champion", 0.75, "1", 0, 0.0, 100.0)]
    assert [found.outcome for found in store.rewards_between(TASK, 0.0, 1e9)] == [0, 1]
