"""Exposures and outcomes in a real database: kept once, judged once, the earliest outcome counting."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event, text

from contender.adapters.store_sql import Store
from contender.adapters.store_sql.listing import Sought
from contender.errors import InvalidInput
from contender.experiment.data import Events
from contender.values import Exposure, Outcome, Prediction

Make = Callable[..., Any]
TASK = "job-change"


def rewards(store: Store) -> list[float]:
    with store._engine.connect() as connection:
        return [float(row[0]) for row in connection.execute(text("SELECT reward FROM rewards ORDER BY prediction_id"))]


def by_outcome(_prediction: Prediction, value: object) -> float:
    return float(str(value))


class Recorder:
    """A task's reward that remembers what it was asked."""

    def __init__(self) -> None:
        self.seen: list[tuple[Prediction, object]] = []

    def __call__(self, prediction: Prediction, outcome: object) -> float:
        self.seen.append((prediction, outcome))
        return 0.5


def test_what_was_appended_comes_back(store: Store, expose: Make) -> None:
    plain = expose("p1")
    bare = expose("p2", None, "unassigned", experiment_id=None, score=None, confidence=None, at=101.0)
    store.append([plain, bare], [])
    assert store.predictions(TASK) == [bare, plain]
    assert store.predictions(TASK, limit=1) == [bare]
    assert store.predictions(TASK, experiment_id="e1", unit_id="u1") == [plain]
    assert store.predictions("job-role") == []


def test_appending_nothing_is_allowed(store: Store) -> None:
    store.append([], [])
    assert store.predictions(TASK) == []


def test_appending_again_changes_nothing(store: Store, expose: Make, outcome: Make) -> None:
    for label in ("1", "0", "1"):
        store.append([expose("p1", label=label), expose("p2")], [outcome("o1", "p1"), outcome("o1", "p1", 0)])
    assert {found.prediction_id: found.label for found in store.predictions(TASK)} == {"p1": "1", "p2": "1"}
    assert store.outcome_counts(TASK) == {"pending": 1, "judged": 0, "refused": 0}
    assert store.settle(TASK, by_outcome) == 1
    assert rewards(store) == [1.0]


def test_outcomes_are_named_by_prediction_metric_and_event(store: Store, expose: Make, outcome: Make) -> None:
    clicks = [outcome("o1", "p1", 1, metric="click"), outcome("o1", "p2", 2, metric="click")]
    for _ in range(2):
        store.append([expose("p1"), expose("p2", "u2")], [outcome("o1", "p1"), outcome("o1", "p2", 0), *clicks])
    assert store.outcome_counts(TASK)["pending"] == 4
    assert store.settle(TASK, by_outcome) == 2
    assert rewards(store) == [1.0, 0.0]
    assert store.outcome_counts(TASK) == {"pending": 0, "judged": 4, "refused": 0}
    assert store.experiment_data("e1").events == Events(replayed=6)


def test_whether_an_exposure_counts_comes_back(store: Store, expose: Make) -> None:
    kept = [expose("p1"), expose("p2", counted=False)]
    store.append(kept, [])
    assert sorted(store.predictions(TASK), key=lambda found: found.prediction_id) == kept
    assert sorted(store.page(TASK, Sought(), limit=9), key=lambda found: found.prediction_id) == kept


@pytest.mark.parametrize(
    ("sent", "kept"), [("\ud800x", "\\ud800x"), ("a\0b", "a\\x00b"), ("Jürgen 李", "Jürgen 李"), ("", "")]
)
def test_a_strange_name_of_a_client_stops_nothing(
    store: Store, expose: Make, outcome: Make, sent: str, kept: str
) -> None:
    store.append([expose("p1", sent), expose("p2")], [outcome(sent, sent), outcome("o1", "p1")])
    assert {found.unit_id for found in store.predictions(TASK)} == {kept, "u1"}
    assert store.settle(TASK, by_outcome) == 1


def test_counts_tell_who_served_whom_and_why(store: Store, expose: Make) -> None:
    fallen = {"served_by": "baseline", "fallback_reason": "timeout"}
    store.append([expose("p1"), expose("p2", "u2", at=300.0), expose("p3", "u3", "challenger", **fallen)], [])
    assert store.exposure_counts(TASK) == {
        ("champion", "champion", None): 2,
        ("challenger", "baseline", "timeout"): 1,
    }
    assert store.exposure_counts(TASK, since=200.0) == {("champion", "champion", None): 1}
    assert store.exposure_counts(TASK, experiment_id="e2") == {}


def test_a_scheduled_batch_that_is_asked_again_contradicts_nothing(store: Store, expose: Make) -> None:
    """When it was asked, how long it took and under which routing are of the call; what it said is the record."""
    first = expose("p1", source="scheduled", at=100.0)
    again = replace(first, at=900.0, latency_ms=80.0, generation=first.generation + 1)
    store.append([first], [])
    store.append([again], [])
    events = store.experiment_data("e1").events
    assert (events.replayed, events.contradictory) == (1, 0)
    store.append([replace(again, label="0")], [])
    assert store.experiment_data("e1").events.contradictory == 1


def test_an_outcome_waits_for_its_exposure(store: Store, expose: Make, outcome: Make) -> None:
    store.append([], [outcome("o1", "p1")])
    assert store.settle(TASK, by_outcome) == 0
    assert store.outcome_counts(TASK)["pending"] == 1
    store.append([expose("p1")], [])
    assert store.settle(TASK, by_outcome) == 1
    assert store.settle(TASK, by_outcome) == 0


def test_an_outcome_of_another_task_is_not_judged(store: Store, expose: Make) -> None:
    store.append([expose("p1")], [Outcome("o1", "p1", "job-role", "dev", 5.0)])
    assert store.settle(TASK, by_outcome) == 0
    assert store.settle("job-role", by_outcome) == 0


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("at_once", [True, False])
def test_the_earliest_outcome_counts_in_whatever_order_they_come(
    store: Store, expose: Make, outcome: Make, order: tuple[int, ...], at_once: bool
) -> None:
    outcomes = [outcome("b", "p1", 0.25, 10.0), outcome("c", "p1", 1, 10.0), outcome("a", "p1", 0, 20.0)]
    store.append([expose("p1")], [])
    for place in order:
        store.append([], [outcomes[place]])
        if not at_once:
            store.settle(TASK, by_outcome)
    store.settle(TASK, by_outcome)
    assert rewards(store) == [0.25]
    assert store.outcome_counts(TASK) == {"pending": 0, "judged": 3, "refused": 0}


@pytest.mark.parametrize("value", ["dev", 1, 0.5, "1"])
def test_the_task_judges_the_outcome_as_it_was_sent(
    store: Store, expose: Make, outcome: Make, value: str | float
) -> None:
    judge = Recorder()
    store.append([expose("p1")], [outcome("o1", "p1", value)])
    store.settle(TASK, judge)
    assert judge.seen == [(Prediction("1", 0.9, 0.75), value)]
    assert type(judge.seen[0][1]) is type(value)


def test_an_answer_no_model_gave_is_judged_as_a_review(store: Store, expose: Make, outcome: Make) -> None:
    judge = Recorder()
    told = expose("p1", score=None, confidence=None, served_by="review", label="Review_Required")
    store.append([told], [outcome("o1", "p1")])
    store.settle(TASK, judge)
    assert judge.seen == [(Prediction("Review_Required", 0.0, 0.5), 1)]


def test_what_the_client_was_told_is_judged_with_the_models_score(store: Store, expose: Make, outcome: Make) -> None:
    judge = Recorder()
    store.append([expose("p1", label="Review_Required", confidence=None)], [outcome("o1", "p1")])
    store.settle(TASK, judge)
    assert judge.seen == [(Prediction("Review_Required", 0.0, 0.75), 1)]


def refusing(_prediction: Prediction, value: object) -> float:
    if value == "?":
        raise InvalidInput("outcome", "unknown")
    return float(str(value))


@pytest.mark.parametrize("value", ["?", 1.5, -0.1, "nan"])
def test_an_outcome_that_cannot_be_judged_is_set_aside(
    store: Store, expose: Make, outcome: Make, value: str | float
) -> None:
    store.append([expose("p1"), expose("p2", "u2")], [outcome("o1", "p1", value), outcome("o2", "p2", 1)])
    assert store.settle(TASK, refusing) == 1
    assert store.outcome_counts(TASK) == {"pending": 0, "judged": 1, "refused": 1}


def test_more_outcomes_than_a_chunk_are_all_judged_past_those_that_wait(
    store: Store, expose: Make, outcome: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contender.adapters.store_sql.settling.CHUNK", 3)
    exposures: list[Exposure] = [expose(f"p{number}", f"u{number}") for number in range(10)]
    orphans = [outcome(f"x{number}", f"gone{number}", at=1.0) for number in range(7)]
    store.append(exposures, [outcome(f"o{number}", f"p{number}", 1, float(number)) for number in range(10)] + orphans)
    assert store.settle(TASK, by_outcome) == 10
    assert store.outcome_counts(TASK) == {"pending": 7, "judged": 10, "refused": 0}


def parked(store: Store) -> list[tuple[str, float, int]]:
    with store._engine.connect() as connection:
        rows = connection.execute(text("SELECT event_id, due, tries FROM outcomes WHERE due > 0 ORDER BY event_id"))
        return [(str(row[0]), float(row[1]), int(row[2])) for row in rows]


def test_an_outcome_nobody_knows_is_looked_at_ever_more_rarely(url: str, expose: Make, outcome: Make) -> None:
    now = [1_000.0]
    store = Store(url, clock=lambda: now[0])
    store.append([], [outcome("o1", "p1")])
    for _ in range(3):
        store.settle(TASK, by_outcome)
    assert parked(store) == [("o1", 1_060.0, 1)]
    for at, due, tries in ((1_060.0, 1_180.0, 2), (1_179.0, 1_180.0, 2), (1_180.0, 1_420.0, 3)):
        now[0] = at
        store.settle(TASK, by_outcome)
        assert parked(store) == [("o1", due, tries)]
    store.append([expose("p1")], [])
    assert parked(store) == []
    assert store.settle(TASK, by_outcome) == 1
    store.close()


def test_an_outcome_whose_exposure_came_unseen_is_judged_when_it_is_due(url: str, expose: Make, outcome: Make) -> None:
    """Of two transactions the exposure's may end before, and become visible after, the look that parks its outcome."""
    now = [1_000.0]
    store = Store(url, clock=lambda: now[0])
    store.append([expose("p1")], [outcome("o1", "p1")])
    with store._engine.begin() as connection:
        connection.execute(text("UPDATE outcomes SET due = 1060, tries = 1"))
    assert store.settle(TASK, by_outcome) == 0
    now[0] = 1_060.0
    assert store.settle(TASK, by_outcome) == 1
    store.close()


def test_finding_what_is_due_reads_an_index_and_nothing_else_of_the_outcomes(file_url: str, outcome: Make) -> None:
    store = Store(file_url, clock=lambda: 1_000.0)
    store.append([], [outcome(f"o{number}", f"gone{number}") for number in range(50)])
    with store._engine.connect() as connection:
        plans = [
            " ".join(row[3] for row in connection.execute(text(f"EXPLAIN QUERY PLAN {words}")))
            for words in (
                "SELECT at FROM outcomes WHERE task = 'x' AND settled = 0 AND due <= 9 ORDER BY due, at, event_id",
                "UPDATE outcomes SET due = 0 WHERE settled = 0 AND due > 0 AND prediction_id IN ('a', 'b')",
            )
        ]
    assert "outcomes_pending (task=? AND due<?)" in plans[0]
    assert "TEMP B-TREE" not in plans[0]
    assert "outcomes_parked (prediction_id=?)" in plans[1]
    store.close()


def test_marking_outcomes_finds_each_by_its_key(file_url: str, expose: Make, outcome: Make) -> None:
    """However many outcomes the task has: judged, refused and parked ones are looked up, none is passed over."""
    store = Store(file_url, clock=lambda: 1_000.0)
    told = [outcome(f"o{n}", f"p{n}", (1, 7)[n % 2]) for n in range(6)]
    gone = [outcome(f"o{n}", f"gone{n}") for n in range(3)]  # of a single key SQLite would make an equality
    store.append([expose(f"p{n}") for n in range(6)], [*told, *gone])
    sent: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if statement.startswith("UPDATE outcomes"):
            sent.append((statement, parameters))

    event.listen(store._engine, "before_cursor_execute", note)
    store.settle(TASK, by_outcome)
    event.remove(store._engine, "before_cursor_execute", note)
    assert len(sent) == 3
    with store._engine.connect() as connection:
        for statement, parameters in sent:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            assert "(task=? AND prediction_id=?" in " ".join(row[3] for row in plan)
    store.close()
