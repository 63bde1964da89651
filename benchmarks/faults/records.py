"""Stopping, killing and repeating: nothing acknowledged is lost, nothing counts twice."""

from __future__ import annotations

import json
import signal
import sqlite3
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import numpy as np

from benchmarks.chain import TASK, TRANSFORMER, request
from benchmarks.faults.world import Figures, World, at_least, at_most, wait_until
from contender.adapters.store_sql import Store

RATE = 300.0
LATE_S = 5.0


def drains(world: World, *, quick: bool) -> Figures:
    """SIGTERM under load while clients go on coming for five seconds; they are then sent to another transformer."""
    names, codes, told = ["first", "second"], [], []
    drain_s = str(LATE_S + 1)
    for name in names:
        world.second(name, CONTENDER_DRAIN_S=drain_s)
    with world.traffic(RATE, port=world.ports["first"], reuse=20) as playing:
        time.sleep(1)
        for _ in range(2 if quick else 50):
            old, new = names
            told.append(time.time())
            world.signal(old, signal.SIGTERM)
            time.sleep(LATE_S)
            playing.tell(str(world.ports[new]))
            codes.append(world.processes[old].wait(30))
            world.again(old)
            world.ready(old)
            names.reverse()
        time.sleep(0.5)
    for name in names:
        world.signal(name, signal.SIGTERM)
        codes.append(world.processes.pop(name).wait(30))
    report = playing.report
    for at in report.failed_at:
        before = [moment for moment in told if moment <= at]
        print(f"  failed {at - before[-1] if before else 0:.2f} s into drain {len(before)}", file=sys.stderr)
    return {
        "drains": at_least(len(codes) - 2, "SIGTERMs", 2 if quick else 50),
        "drain_requests": at_least(len(report.answers), "requests", 1),
        "drain_failed": at_most(report.failed, "requests", 0),
        "drain_shed": at_most(report.shed, "requests", 0),
        "drain_exit_codes": at_most(sum(code != 0 for code in codes), "not 0", 0),
    }


def kills(world: World, *, quick: bool) -> Figures:
    """SIGKILL the transformer under load again and again; what it acknowledged must be in the store, once."""
    rounds = 3 if quick else 200
    chance = np.random.default_rng(11)
    with world.traffic(RATE, waits=True) as playing:
        for _ in range(rounds):
            time.sleep(float(chance.uniform(0.05, 0.6)))
            world.kill(TRANSFORMER)
            world.again(TRANSFORMER)
            world.ready(TRANSFORMER)
        time.sleep(1)
    wait_until(lambda: world.metrics()['contender_spool_depth{task="job-change"}'] == 0, 120)
    told = [answer[6] for answer in playing.report.answers]
    stored = identities(world)
    return {
        "transformer_kills": at_least(rounds, "SIGKILLs", 3 if quick else 200),
        "acknowledged": at_least(len(told), "exposures", 1),
        "acknowledged_lost": at_most(len(set(told) - set(stored)), "exposures", 0),
        "exposures_doubled": at_most(len(stored) - len(set(stored)) + len(told) - len(set(told)), "exposures", 0),
    }


def identities(world: World) -> list[str]:
    """The prediction id of every exposure in the store."""
    with closing(sqlite3.connect(world.home / "store.db")) as database:
        return [row[0] for row in database.execute("SELECT prediction_id FROM exposures")]


def outcomes(world: World, *, quick: bool) -> Figures:
    """Tell outcomes once, then again: doubled, in another order, replayed."""
    with world.traffic(RATE) as playing:
        time.sleep(3 if quick else 10)
    ids = [answer[6] for answer in playing.report.answers]
    now = time.time()
    events = [
        {"event_id": f"event-{index}", "prediction_id": one, "value": index % 2, "at": now + index / 1e6}
        for index, one in enumerate(ids)
    ]
    chance = np.random.default_rng(3)
    tell(world, events)
    first = estimate(world, len(events))
    for _ in range(2 if quick else 10):
        tell(world, [events[index] for index in chance.permutation(np.repeat(np.arange(len(events)), 2))])
    later = [{**event, "event_id": f"late-{event['event_id']}", "at": now + 60.0} for event in events]
    tell(world, later)
    again = estimate(world, 2 * len(events))
    return {
        "outcomes_told": at_least(len(events), "outcomes", 1),
        "estimate_change": at_most(float(first != again), "differences", 0),
    }


def tell(world: World, events: Sequence[dict[str, Any]]) -> None:
    """Send outcomes in portions."""
    for start in range(0, len(events), 1_000):
        body = {"outcomes": list(events[start : start + 1_000])}
        status, reply = request(world.ports[TRANSFORMER], f"/v1/models/{TASK}:outcome", body)
        if status != 200:
            raise RuntimeError(f"outcomes refused: {status} {reply[:200]!r}")


def estimate(world: World, judged: int) -> str:
    """What analysis would read, once so many outcomes are judged and the spool is empty."""
    store = Store(f"sqlite:///{world.home}/store.db", clock=time.time)
    try:
        wait_until(lambda: store.outcome_counts(TASK)["judged"] >= judged, 60)
        wait_until(lambda: world.metrics()['contender_spool_depth{task="job-change"}'] == 0)
        return json.dumps(str(store.experiment_data("measured").arms))
    finally:
        store.close()
