"""Exposures wait in a queue and are counted exactly once: by several at once, killed anywhere, and out of order."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event, func, select

from benchmarks.fresh_processes import exit_code, started
from contender.adapters.store_sql import Store
from contender.adapters.store_sql.intake import keep_exposures
from contender.adapters.store_sql.schema import UNCOUNTED
from contender.errors import Unavailable
from contender.experiment.plan import Plan
from contender.values import Exposure, Outcome, Prediction

Make = Callable[..., Any]
TASK = "job-change"


def by_outcome(_prediction: Prediction, value: object) -> float:
    return float(str(value))


def waiting(store: Store) -> int:
    with store._reading() as connection:
        return connection.scalar(select(func.count()).select_from(UNCOUNTED)) or 0


def assert_exact(store: Store, exposures: int) -> None:
    running = store.experiment_data("e1")
    assert sum(arm.exposures for arm in running.arms.values()) == exposures
    assert store.counted("e1").data() == running
    assert store.counted("e1").phases() == store.phase_counts("e1")


def test_keeping_counts_nothing_and_a_look_counts_all(store: Store, expose: Make) -> None:
    store.append([expose("p1"), expose("p2", None, "unassigned"), expose("p3", "u3", experiment_id=None)], [])
    assert waiting(store) == 1
    assert_exact(store, 1)
    assert waiting(store) == 0


def test_others_may_count_in_chunks_before_the_look(store: Store, expose: Make) -> None:
    store.append([expose(f"p{n}", f"u{n % 3}", experiment_id=f"e{n % 2}") for n in range(10)], [])
    assert store.count_pending(4) == 4
    assert waiting(store) == 6
    assert sum(iter(lambda: store.count_pending(4), 0)) == 6
    assert_exact(store, 5)


def test_what_is_new_is_counted_beside_what_came_before(store: Store, expose: Make) -> None:
    store.append([expose("p2", "u2")], [])
    store.append([expose("p1", "u1"), expose("p2", "u2"), expose("p3", "u3"), expose("p3", "u3")], [])
    assert_exact(store, 3)
    assert store.experiment_data("e1").events.replayed == 2


def test_counting_anew_counts_what_is_queued_once(store: Store, expose: Make) -> None:
    store.append([expose("p1", "u1", groups={"gender": "F"})], [])
    assert_exact(store, 1)
    store.append([expose("p2", "u2", groups={"gender": "F"}), expose("p3", "u3", counted=False)], [])
    store.recount("e1")
    assert waiting(store) == 0
    assert_exact(store, 2)
    assert store.experiment_data("e1").arms["champion"].groups["gender=F"].units == 2


def test_a_plan_that_comes_late_finds_the_groups_of_all(store: Store, expose: Make, begin: Make) -> None:
    store.append([expose("p1", "u1", groups={"gender": "F"})], [])
    assert store.count_pending() == 1
    store.append([expose("p2", "u2", groups={"gender": "F"})], [])
    begin(store, Plan(favourable_label="1"))
    group = store.experiment_data("e1").arms["champion"].groups["gender=F"]
    assert (group.units, group.selected) == (2, 2)
    assert_exact(store, 2)


def test_more_than_a_chunk_is_counted_by_one_look(store: Store, expose: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contender.adapters.store_sql.pending.CHUNK", 3)
    store.append([expose(f"p{n}", f"u{n}") for n in range(10)], [])
    assert_exact(store, 10)


def test_a_look_with_nothing_new_waits_for_no_writer(file_url: str, expose: Make) -> None:
    store = Store(file_url, clock=time.time)
    store.append([expose("p1")], [])
    assert_exact(store, 1)
    rival = sqlite3.connect(file_url.removeprefix("sqlite:///"), isolation_level=None)
    rival.execute("BEGIN IMMEDIATE")
    assert_exact(store, 1)
    rival.close()
    store.close()


def patiently(call: Callable[..., object], *arguments: object) -> None:
    """SQLite has one writer and no queue: who was passed over for too long asks again, as a shipper does."""
    for _ in range(10):
        with contextlib.suppress(Unavailable):
            call(*arguments)
            return
    call(*arguments)


def planned(url: str, begin: Make, plan: Plan) -> None:
    """Keep a running experiment with that plan."""
    made = Store(url, clock=lambda: 150.0)
    begin(made, plan)
    made.close()


def valued_by_three(url: str) -> Store:
    """The store after three at once have valued what is due."""
    stores = [Store(url, clock=lambda: 500.0) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda store: patiently(store.settle, TASK, by_outcome), stores))
    for store in stores[1:]:
        store.close()
    return stores[0]


def test_many_keep_count_and_judge_at_once(url: str, expose: Make, outcome: Make, begin: Make) -> None:
    gate = threading.Barrier(6)
    planned(url, begin, Plan(window_s=100.0, grace_s=0.0))

    def keep(store: Store, number: int) -> None:
        for batch in range(6):
            names = [f"p{number}-{batch}-{n}" for n in range(20)]
            exposures = [expose(name, f"u{n}", ("challenger", "champion")[n % 2]) for n, name in enumerate(names)]
            patiently(store.append, exposures, [outcome(f"o{name}", name, n % 2) for n, name in enumerate(names)])
            patiently(store.append, exposures[:3], [])

    def count(store: Store, number: int) -> None:
        for _ in range(12):
            patiently(store.count_pending, 7)
            patiently(store.settle, TASK, by_outcome)
            patiently(store.experiment_data, "e1")

    def work(number: int) -> None:
        store = Store(url, clock=lambda: 150.0)
        gate.wait(30)
        (keep if number % 2 else count)(store, number)
        store.close()

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, range(6))) == [None] * 6
    store = valued_by_three(url)
    assert_exact(store, 3 * 6 * 20)
    data = store.experiment_data("e1")
    assert data.events.replayed == 3 * 6 * 3
    values = [arm.metric("reward") for _, arm in sorted(data.arms.items())]
    assert [(one.matured, one.value) for one in values] == [(10, (10, 0.0, 0.0)), (10, (10, 10.0, 10.0))]
    store.close()


def test_what_becomes_visible_late_is_counted_late(fresh_schema: Callable[[], str], expose: Make) -> None:
    url = fresh_schema()  # SQLite has one writer: nothing becomes visible out of order
    slow, fast = Store(url, clock=time.time), Store(url, clock=time.time)
    fast.upgrade()
    with slow._writing() as connection:
        keep_exposures(connection, [expose("p1", "u1")], 1.0)
        fast.append([expose("p2", "u2")], [])
        assert_exact(fast, 1)
    assert_exact(fast, 2)
    slow.close()
    fast.close()


def test_what_arrives_while_units_are_valued_moves_their_values_too(
    timed: Store, url: str, clock: Any, begin: Make, expose: Make
) -> None:
    """Before whichever of the transactions of one `settle` the unit's true first exposure is kept."""
    begin(timed, Plan(window_s=100.0, grace_s=20.0))
    server = Store(url, clock=lambda: 215.0)
    late: list[tuple[int, Exposure]] = []
    transactions = itertools.count()

    def keep(*_: object) -> None:
        if late and late[0][0] == next(transactions):
            server.append([late.pop()[1]], [])

    event.listen(timed._engine, "checkout", keep)
    for at in itertools.count():
        unit, transactions = f"u{at}", itertools.count()
        server.append([expose(f"p{at}", unit, at=100.0)], [])
        late = [(at, expose(f"q{at}", unit, "challenger", at=90.0))]
        clock.now = 230.0
        timed.settle(TASK, by_outcome)
        if late:
            break
        assert_exact(timed, 2 * (at + 1))
        arms = timed.experiment_data("e1").arms.values()
        assert sum(arm.assigned for arm in arms) == at + 1
        assert [arm.metric("reward").matured for arm in arms] == [arm.assigned for arm in arms]
    assert at > 4
    # Only before the last transaction, which finds nothing due any more, has the unit its value already.
    assigned = {name: arm.assigned for name, arm in timed.experiment_data("e1").arms.items() if name != "champion"}
    assert assigned == {"challenger": at - 1}
    server.close()


def test_what_becomes_visible_when_its_unit_is_valued_moves_nothing(
    fresh_schema: Callable[[], str], expose: Make, begin: Make
) -> None:
    url = fresh_schema()
    slow, fast = Store(url, clock=lambda: 215.0), Store(url, clock=lambda: 230.0)
    begin(fast, Plan(window_s=100.0, grace_s=20.0))
    fast.append([expose("p1", at=100.0)], [])
    slow.upgrade()
    with slow._writing() as connection:
        keep_exposures(connection, [expose("p2", "u1", "challenger", at=90.0)], 215.0)
        fast.settle(TASK, by_outcome)
    assert_exact(fast, 2)
    data = fast.experiment_data("e1")
    assert (set(data.arms), data.crossed_units) == ({"champion"}, 1)
    assert data.arms["champion"].metric("reward").matured == 1
    assert fast.counted("e1").data() == data
    assert fast.experiment_data("e1", {"u1"}).arms == {}
    slow.close()
    fast.close()


def killed(url: str, at: int, work: Callable[[Store], object], now: float = 150.0) -> bool:
    """Run `work` in a process that is killed before its statement number `at`; whether it got that far."""
    code = exit_code(started(doomed, url, at, work, now), 60)
    assert code in (0, -signal.SIGKILL)
    return code != 0


def doomed(url: str, at: int, work: Callable[[Store], object], now: float) -> None:
    store = Store(url, clock=lambda: now)
    left = [at]

    def tick(*_: object) -> None:
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    for place in ("before_cursor_execute", "commit"):
        event.listen(store._engine, place, tick)
    work(store)
    store.close()


def count_and_value(exposures: Sequence[Exposure], outcomes: Sequence[Outcome], store: Store) -> None:
    store.append(exposures, outcomes)
    store.settle(TASK, by_outcome)
    store.count_pending()


def test_a_death_at_any_statement_counts_and_values_nothing_twice(
    url: str, expose: Make, outcome: Make, begin: Make
) -> None:
    exposures: list[Exposure] = [expose(f"p{n}", f"u{n % 4}", groups={"gender": "F"}) for n in range(6)]
    outcomes: list[Outcome] = [outcome(f"o{n}", f"p{n}", 1) for n in range(6)]
    everything = partial(count_and_value, exposures, outcomes)
    made = Store(url, clock=time.time)
    begin(made, Plan(window_s=150.0, grace_s=0.0, covariate="history"))
    made.close()
    for now, least in ((150.0, 15), (500.0, 6)):
        at = 0
        while killed(url, at, everything, now):
            at += 1
        assert at > least
    store = Store(url, clock=lambda: 500.0)
    assert waiting(store) == 0
    assert_exact(store, 6)
    arm = store.experiment_data("e1").arms["champion"]
    assert (arm.assigned, arm.metric("reward").value, arm.groups["gender=F"].metric.matured) == (4, (4, 4.0, 4.0), 4)
    assert arm.covariate_units == {-1: 4}
    store.close()
