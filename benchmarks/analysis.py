"""Ten million exposures with outcomes: how long the analysis takes, in full and while the experiment runs.

``python -m benchmarks.analysis [--quick] [--json] [--url postgresql://…]``. Records, units and their values are made
inside the database, and then analysed: in full from every unit, and from the running totals, after records that come in
one batch at a time. Keeping a batch is what serving's processes pay; counting and
judging it is what a look, or whoever counts between looks, pays. SQLite always; PostgreSQL at `--url`, or in a cluster
of its own where PostgreSQL is installed.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import create_engine, text

from benchmarks.postgres import cluster, memory_mb
from contender.adapters.store_sql import Store
from contender.adapters.store_sql.recounting import count_totals
from contender.adapters.store_sql.schema import EXPOSURES, OUTCOMES, REWARDS, UNITS
from contender.adapters.store_sql.totals import add_counts, add_sums
from contender.experiment.analysis import Experiment, ExperimentStore, observe
from contender.experiment.data import ExperimentData, PhaseCount
from contender.experiment.decision import Verdict, judge
from contender.experiment.plan import Plan
from contender.values import CHALLENGER, CHAMPION, Exposure, Outcome, Prediction

TASK, EXPERIMENT = "job-change", "e1"
PER_UNIT: Final = 4
"""Requests of one person: the unit of analysis is the person."""
BATCH, SMALL_BATCH, BATCHES = 500, 25, 40
FIRST, SECOND = 2, 3
"""Routing generations: a tenth of the people come while the challenger has its first share."""

_EXPERIMENT: Final = Experiment(
    EXPERIMENT,
    TASK,
    EXPERIMENT,
    Plan(slow_ms=190.0, window_s=3_600.0, grace_s=60.0),
    "7",
    "8",
    0.0,
    ((FIRST, 0.1), (SECOND, 0.5)),
)


class Counted:
    """The store as `observe` reads it, counting every unit instead of trusting the running totals."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counts = store.counted(EXPERIMENT)

    def experiment_data(self, experiment_id: str, without: Collection[str] = ()) -> ExperimentData:  # noqa: ARG002 - counted for one
        """See `Store.experiment_data`."""
        return self._counts.data()

    def phase_counts(self, experiment_id: str, without: Collection[str] = ()) -> Sequence[PhaseCount]:  # noqa: ARG002 - counted for one
        """See `Store.phase_counts`."""
        return self._counts.phases()

    def looks(self, experiment_id: str) -> Sequence[Mapping[str, Any]]:
        """See `Store.looks`."""
        return self._store.looks(experiment_id)

    def save_look(self, experiment_id: str, look: int, verdict: Mapping[str, Any]) -> None:
        """Keep nothing: a count for comparison is no look."""


def figures(url: str, exposures: int) -> dict[str, dict[str, Any]]:
    """All figures of one database by name: value, unit, goal, and whether it is met."""
    name = "postgresql" if url.startswith("postgresql") else "sqlite"
    clock = Clock()
    store = Store(url, clock=clock)
    store.save_experiment(_EXPERIMENT.to_document())
    fill_s = _timed(lambda: fill(url, exposures))
    found = {"filling": _figure(fill_s, "s", math.inf)}
    before = memory_mb()
    found["full_analysis"] = _figure(_timed(lambda: _verdict(Counted(store))), "s", 10.0)
    assert_same(observe(Counted(store), _EXPERIMENT), observe(store, _EXPERIMENT))
    found["full_analysis_memory"] = _figure(memory_mb(), "MB", 300.0)
    found["full_analysis_memory_more"] = _figure(max(0.0, memory_mb() - before), "MB", 300.0)
    looks, kept, judged = _live(store, clock, exposures, BATCH)
    small = _live(store, clock, exposures + BATCH * BATCHES, SMALL_BATCH)[1]
    found["running_analysis_p50"] = _figure(1000 * statistics.median(looks), "ms", 200.0)
    found["running_analysis_worst"] = _figure(1000 * max(looks), "ms", 200.0)
    each = 1e6 / (2 * BATCH)
    found["keeping_a_record_of_500"] = _figure(each * statistics.median(kept), "µs", math.inf)
    found["keeping_a_record_of_25"] = _figure(1e6 / (2 * SMALL_BATCH) * statistics.median(small), "µs", math.inf)
    found["judging_and_counting_a_record"] = _figure(
        each * (statistics.median(judged) + statistics.median(looks)), "µs", math.inf
    )
    store.close()
    return {f"{name}_{key}": figure for key, figure in found.items()}


def fill(url: str, exposures: int) -> None:
    """That many exposures of a quarter as many people, an outcome and a reward each, made by the database."""
    engine = create_engine(url)
    numbers = f"WITH RECURSIVE k(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM k WHERE i < {exposures - 1})"  # noqa: S608 - a number
    if engine.dialect.name == "postgresql":
        numbers = f"WITH k(i) AS (SELECT generate_series(0, {exposures - 1}))"
    tables = (EXPOSURES, OUTCOMES, REWARDS, UNITS)
    with engine.begin() as connection:
        for table in tables:
            for index in table.indexes:
                index.drop(connection)
        for statement in _statements(numbers, exposures):
            connection.execute(text(statement))
        for table in tables:
            for index in table.indexes:
                index.create(connection)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    engine.dispose()
    _add_up(url)


def _statements(numbers: str, exposures: int) -> Iterator[str]:
    """Everything is a function of the row's number: Knuth's multiplicative hash decides arm and reward."""
    unit = f"(i / {PER_UNIT})"
    drawn = f"({unit} * 2654435761 % 4294967296)"
    generation = f"CASE WHEN {unit} * 10 < {exposures // PER_UNIT} THEN {FIRST} ELSE {SECOND} END"
    line = f"(CASE WHEN {unit} * 10 < {exposures // PER_UNIT} THEN 429496729 ELSE 2147483648 END)"
    arm = f"CASE WHEN {drawn} < {line} THEN '{CHALLENGER}' ELSE '{CHAMPION}' END"
    named = "CAST(i AS TEXT)"
    yield f"""INSERT INTO exposures (prediction_id, task, experiment_id, generation, unit_id, assigned_to, served_by,
        label, score, confidence, latency_ms, at, source, counted, received_at)
        {numbers} SELECT 'p' || {named}, '{TASK}', '{EXPERIMENT}', {generation}, 'u' || CAST({unit} AS TEXT), {arm},
        CASE WHEN i % 97 = 0 THEN 'baseline' ELSE {arm} END,
        CASE WHEN i % 11 = 0 THEN 'Review_Required' ELSE 'looking' END,
        0.75, 0.9, (i % 1000) / 5.0, 1e9 + i / 100.0, 'live', 1, 1e9 + i / 100.0
        FROM k"""  # noqa: S608 - made of numbers and constants
    yield f"""INSERT INTO outcomes (event_id, prediction_id, task, metric, value, at, received_at, settled)
        {numbers} SELECT 'o' || {named}, 'p' || {named}, '{TASK}', 'reward', '1', 1e9 + i / 100.0 + 60,
        1e9 + i / 100.0 + 60, 1 FROM k"""  # noqa: S608 - made of numbers and constants
    yield """INSERT INTO rewards (prediction_id, task, experiment_id, generation, unit_id, assigned_to, reward,
        event_id, outcome_at)
        SELECT prediction_id, task, experiment_id, generation, unit_id, assigned_to,
        (CAST(latency_ms * 5 AS INTEGER) * 7919 % 1000) / 1000.0, 'o' || SUBSTR(prediction_id, 2), at + 60
        FROM exposures"""
    yield """INSERT INTO units (experiment_id, unit_id, arm, generation, first_at, first_id, first_review, selected,
        exposures, fallbacks, reviews, errors, slow, crossed, stage)
        SELECT experiment_id, unit_id, MIN(assigned_to), MIN(generation), MIN(at), MIN(prediction_id),
        MAX(CASE WHEN label = 'Review_Required' THEN 1 ELSE 0 END), 0, COUNT(*),
        SUM(CASE WHEN served_by <> assigned_to THEN 1 ELSE 0 END),
        SUM(CASE WHEN label = 'Review_Required' THEN 1 ELSE 0 END), 0,
        SUM(CASE WHEN latency_ms > 190 THEN 1 ELSE 0 END), 0, 1
        FROM exposures GROUP BY experiment_id, unit_id"""
    yield """INSERT INTO unit_values (experiment_id, metric, arm, unit_id, value, divisor, reviewed, review_weight,
        fold, bin, latency)
        SELECT e.experiment_id, 'reward', MIN(e.assigned_to), e.unit_id, AVG(r.reward), 0, 0, 0,
        LENGTH(e.unit_id) % 2, MIN(CAST(e.latency_ms AS INTEGER)) % 20, MAX(CAST(e.latency_ms AS INTEGER)) % 64
        FROM exposures e JOIN rewards r ON r.prediction_id = e.prediction_id
        GROUP BY e.experiment_id, e.unit_id ORDER BY 1, 2, 3, 4"""


def _add_up(url: str) -> None:
    """The running totals of what was filled in: those that the database counts."""
    engine = create_engine(url)
    with engine.begin() as connection:
        totals = count_totals(connection, EXPERIMENT, "reward")
        add_counts(connection, EXPERIMENT, totals.counts)
        add_sums(connection, EXPERIMENT, totals.sums)
    engine.dispose()


class Clock:
    """A clock that moves when it is told to: a batch is valued when its window has closed."""

    def __init__(self) -> None:
        self.now = 2e9

    def __call__(self) -> float:
        """Seconds since the epoch."""
        return self.now


def _live(store: Store, clock: Clock, first: int, size: int) -> tuple[list[float], list[float], list[float]]:
    """Seconds of a look, which counts, after each batch of `size`; of each to be kept; and of each to be valued."""
    looks, kept, judged = [], [], []
    for batch in range(BATCHES):
        numbers = range(first + batch * size, first + (batch + 1) * size)
        exposures = [_exposure(number, clock.now) for number in numbers]
        outcomes = [_outcome(number, clock.now) for number in numbers]
        kept.append(_timed(partial(store.append, exposures, outcomes)))
        # Before `settle`, which would count the batch itself and leave the look nothing to do.
        looks.append(_timed(partial(_verdict, store)))
        clock.now += 4_000.0
        judged.append(_timed(partial(store.settle, TASK, _reward)))
    return looks, kept, judged


def _reward(_prediction: Prediction, outcome: object) -> float:
    return float(str(outcome))


def _exposure(number: int, at: float) -> Exposure:
    arm, unit = CHALLENGER if number % 2 else CHAMPION, f"new{number}"
    return Exposure(f"p{number}", TASK, EXPERIMENT, SECOND, unit, arm, arm, "7", "looking", 0.75, 0.9, None, 3.0, at)


def _outcome(number: int, at: float) -> Outcome:
    return Outcome(f"o{number}", f"p{number}", TASK, number % 3 % 2, at + 60)


def _verdict(store: ExperimentStore) -> Verdict:
    return judge(observe(store, _EXPERIMENT), _EXPERIMENT.plan)


def assert_same(counted: ExperimentData, running: ExperimentData) -> None:
    """Refuse to report figures of totals that are wrong."""
    for name, arm in counted.arms.items():
        other = running.arms[name]
        sums = zip(arm.metric("reward").value, other.metric("reward").value, strict=True)
        if arm.assigned != other.assigned or not all(math.isclose(one, two, rel_tol=1e-9) for one, two in sums):
            raise SystemExit(f"the running totals of {name} are {other}, counted are {arm}")


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _figure(value: float, unit: str, limit: float) -> dict[str, Any]:
    goal = "stated" if math.isinf(limit) else f"< {limit:g}"
    return {"value": round(value, 3), "unit": unit, "goal": goal, "ok": value < limit}


def main() -> int:
    """Print the figures; 0 when all goals are met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="200 000 exposures instead of ten million")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--url", help="a PostgreSQL database to fill; it should be empty")
    parser.add_argument("--sqlite-only", action="store_true", help="leave PostgreSQL out")
    options = parser.parse_args()
    exposures = 200_000 if options.quick else 10_000_000
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="contender-analysis-")))
        found = figures(f"sqlite:///{folder}/store.db", exposures)
        url = None if options.sqlite_only else options.url or stack.enter_context(cluster())
        if url:
            found |= figures(url.replace("postgresql://", "postgresql+psycopg://"), exposures)
    if options.json:
        print(json.dumps(found, indent=1))
    else:
        for name, figure in found.items():
            mark = "ok  " if figure["ok"] else "MISS"
            print(f"{mark} {name:40} {figure['value']:>12,.3f} {figure['unit']:10} {figure['goal']}")
    return 0 if all(figure["ok"] for figure in found.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
