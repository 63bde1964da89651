"""Outcomes that should never have come are taken back: the store is as if they had not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from contender.adapters.store_sql import Span, Store, Withdrawn
from contender.adapters.store_sql.withdrawing import WITHDRAWN
from contender.errors import Refused
from contender.experiment.plan import Plan
from contender.values import CHALLENGER, CHAMPION, Outcome, Prediction, shadow_of

Make = Callable[..., Any]
TASK = "job-change"
PLAN = Plan(window_s=1_000.0, grace_s=20.0)
EVERYTHING = Span(0.0, 1e9)


def by_outcome(_prediction: Prediction, value: object) -> float:
    return float(str(value))


def figures(store: Store) -> tuple[Any, ...]:
    data = store.experiment_data("e1")
    return data.arms, data.events, store.outcome_counts(TASK), store.faulty_units("e1"), store.counted("e1").counts


def settled(store: Store, clock: Any, now: float) -> None:
    clock.now = now
    store.settle(TASK, by_outcome)


def people(expose: Make) -> list[Any]:
    """Ten of each arm, whose answers the shadow mirrored, and one who is in no experiment."""
    arms = (CHAMPION, CHALLENGER)
    found = [expose(f"p{n}", f"u{n}", arms[n % 2], at=100.0) for n in range(20)]
    found += [expose(shadow_of(f"p{n}"), f"u{n}", "shadow", at=100.0) for n in range(20)]
    return [*found, expose("alone", None, "unassigned", experiment_id=None, at=100.0)]


def batch(value: float, name: str = "o", at: float = 110.0) -> list[Outcome]:
    return [Outcome(f"{name}{n}", f"p{n}", TASK, value, at) for n in range(20)]


@pytest.fixture
def running(timed: Store, clock: Any, begin: Make, expose: Make) -> Store:
    """A store in which all people were answered, and some outcomes came that are right."""
    begin(timed, PLAN)
    clock.now = 105.0
    good = [Outcome(f"g{n}", f"p{n}", TASK, 1, 104.0) for n in range(0, 20, 3)]
    clicks = [Outcome(f"c{n}", f"p{n}", TASK, 1, 104.0, "acceptance") for n in range(5)]
    timed.append(people(expose), [*good, *clicks])
    return timed


def test_the_store_is_as_if_they_had_never_come(running: Store, clock: Any) -> None:
    settled(running, clock, 120.0)
    before = figures(running)
    clock.now = 200.0
    wrong = [*batch(0, at=103.0), *batch(1, "late", at=199_999.0), Outcome("z", "alone", TASK, 1, 110.0)]
    running.append([], wrong)
    settled(running, clock, 210.0)
    assert figures(running) != before
    assert running.faulty_units("e1")["contradictory"] == ["u0", "u12", "u15", "u18", "u3", "u6", "u9"]

    taken = running.withdraw(TASK, Span(200.0, 201.0), 300.0)
    assert taken == Withdrawn(41, {"e1": {CHAMPION: 10, CHALLENGER: 10}})
    settled(running, clock, 300.0)
    assert figures(running) == before


def test_late_ones_do_not_count_as_such_and_rewards_are_judged_anew(running: Store, clock: Any) -> None:
    settled(running, clock, 1_590.0)
    before = figures(running), running.rewards_between(TASK, 0.0, 1e9)
    clock.now = 1_600.0
    running.append([], [*batch(0, at=103.0), *batch(1, "late", at=1_500.0)])
    settled(running, clock, 1_610.0)
    assert running.experiment_data("e1").events.late == 40
    assert {one.reward for one in running.rewards_between(TASK, 0.0, 1e9)} == {0.0}

    running.withdraw(TASK, Span(1_600.0, 1_601.0), 1_620.0)
    settled(running, clock, 1_630.0)
    assert (figures(running), running.rewards_between(TASK, 0.0, 1e9)) == before


def test_what_is_sent_again_under_the_same_names_counts(running: Store, clock: Any) -> None:
    clock.now = 200.0
    running.append([], batch(0))
    settled(running, clock, 210.0)
    running.append([], batch(1))
    assert len(running.faulty_units("e1")["contradictory"]) == 20
    running.withdraw(TASK, Span(200.0, 200.5), 220.0)
    running.append([], batch(1))
    settled(running, clock, 2_000.0)
    arms = running.experiment_data("e1").arms
    assert {name: arm.metric("reward").value.total for name, arm in arms.items()} == {CHAMPION: 10.0, CHALLENGER: 10.0}
    assert running.faulty_units("e1")["contradictory"] == []


def test_units_that_were_valued_already_are_valued_anew(running: Store, clock: Any) -> None:
    clock.now = 200.0
    running.append([], batch(0, at=101.0))
    settled(running, clock, 2_000.0)
    assert running.experiment_data("e1").arms[CHAMPION].metric("reward").value.n == 10
    running.withdraw(TASK, Span(200.0, 201.0), 2_100.0)
    settled(running, clock, 2_200.0)
    seen = running.experiment_data("e1").arms[CHAMPION].metric("reward")
    assert (seen.matured, seen.value.n, seen.value.total) == (10, 4, 4.0)
    assert running.counted("e1").data().arms == running.experiment_data("e1").arms


def test_of_one_metric_alone(running: Store, clock: Any) -> None:
    settled(running, clock, 120.0)
    assert running.arrived(TASK, EVERYTHING._replace(metric="acceptance")).outcomes == 5
    assert running.withdraw(TASK, EVERYTHING._replace(metric="acceptance"), 130.0).outcomes == 5
    assert running.arrived(TASK, EVERYTHING) == Withdrawn(7, {"e1": {CHAMPION: 4, CHALLENGER: 3}})


def test_what_was_taken_back_can_be_looked_at(running: Store) -> None:
    running.append([], [Outcome("odd", "nobody", TASK, 1, 104.0)])
    running.withdraw(TASK, EVERYTHING, 130.0)
    (note,) = running.notes(TASK, WITHDRAWN)
    assert note.document["columns"][:3] == ["prediction_id", "metric", "event_id"]
    assert ["nobody", "reward", "odd", "1", 104.0, 105.0] in note.document["outcomes"]
    assert running.arrived(TASK, EVERYTHING) == Withdrawn(0, {})


def test_where_nothing_arrived_nothing_is_taken_back(running: Store) -> None:
    with pytest.raises(Refused, match="no outcome arrived"):
        running.withdraw(TASK, Span(500.0, 600.0), 700.0)
    with pytest.raises(Refused, match="no outcome arrived"):
        running.withdraw("job-role", EVERYTHING, 700.0)


def test_an_experiment_that_has_ended_stays_as_it_was_judged(running: Store, clock: Any) -> None:
    clock.now = 1_600.0
    running.append([], batch(1, "late", at=1_500.0))
    settled(running, clock, 2_000.0)
    clock.now = 2_000.0
    running.append([], [Outcome("later", "p0", TASK, 1, 1_700.0)])
    settled(running, clock, 2_010.0)
    assert running.experiment_data("e1").events.late == 21
    before = running.experiment_data("e1").arms, running.experiment_data("e1").events
    running.save_experiment({**running.experiment("e1"), "status": "stopped"})
    assert running.withdraw(TASK, Span(0.0, 1_999.0), 2_100.0) == Withdrawn(32, {})
    settled(running, clock, 2_200.0)
    assert (running.experiment_data("e1").arms, running.experiment_data("e1").events) == before
