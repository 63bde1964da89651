"""Values units whose window has closed, once and for all: from their answers and events to an experiment's sums.

Of each unit that is due everything that had arrived by then is read, `contender.experiment.unit_values` says what it is
worth, and value and sums are kept in one transaction with the mark that says so. Whoever values holds the experiment's
lock; a process that dies between any two statements has valued nobody.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Select, and_, select, update

from contender.adapters.store_sql.among import among
from contender.adapters.store_sql.contributions import (
    SumKey,
    Sums,
    Traits,
    cells_of,
    gather,
    metric_cells,
    trait_cells,
)
from contender.adapters.store_sql.database import column_of, replace_all, rows_of
from contender.adapters.store_sql.pending import CHUNK as COUNTED_AT_ONCE
from contender.adapters.store_sql.pending import PendingRecords, count_queued
from contender.adapters.store_sql.schema import (
    COVARIATES,
    EXPERIMENTS,
    EXPOSURES,
    OUTCOMES,
    UNIT_VALUES,
    UNITS,
    Settled,
)
from contender.adapters.store_sql.terms import Terms, terms_from, terms_of
from contender.adapters.store_sql.totals import AT_ONCE, add_sums, groups_of, lock
from contender.experiment.inference import review_value
from contender.experiment.latency import latency_bin
from contender.experiment.plan import HISTORY
from contender.experiment.unit_values import (
    Judge,
    UnitAnswer,
    UnitEvent,
    UnitValue,
    Window,
    bin_of,
    fold_of,
    judged,
    value_of,
    window_of,
)
from contender.metrics import PlannedMetric
from contender.values import BASELINE, REWARD, SHADOW, shadow_of

CHUNK: Final = 500
"""Units valued in one transaction: bounded memory, and other writers get their turn."""

RUNNING: Final = "running"

_ANSWER: Final = (
    *("prediction_id", "unit_id", "assigned_to", "at", "label", "score", "confidence", "latency_ms"),
    "received_at",
)
_VALUE: Final = (
    *("experiment_id", "metric", "arm", "unit_id", "value", "divisor", "reviewed", "review_weight"),
    *Traits._fields,
)
_NO_TRAITS: Final = (None,) * len(Traits._fields)


class _Due(NamedTuple):
    """A unit whose next values are final."""

    unit_id: str
    arm: str
    first_at: float
    first_id: str
    stage: int


@dataclass(frozen=True, slots=True)
class _Records:
    """What had arrived of one unit: its answers, the shadow's, and what happened."""

    answers: list[Any] = field(default_factory=list)
    shadows: list[Any] = field(default_factory=list)
    events: list[UnitEvent] = field(default_factory=list)


class _Reading(NamedTuple):
    """What is known of the units of one chunk, by unit."""

    records: Mapping[str, _Records]
    covariates: Mapping[str, float]
    groups: Mapping[str, Mapping[str, str]]


class ValuingRecords(PendingRecords):
    """Units whose values are final, and are not in the sums yet."""

    def _count_running(self, task: str) -> list[str]:
        """Count what waits of the running experiments of `task`; those whose values have windows."""
        query = select(EXPERIMENTS.c.id, EXPERIMENTS.c.document).where(EXPERIMENTS.c.task == task)
        with self._reading() as connection:
            known = rows_of(connection, query.where(EXPERIMENTS.c.status == RUNNING))
        for experiment_id, _ in known:
            self._catch_up(experiment_id)
        return [experiment_id for experiment_id, document in known if terms_from(json.loads(document)).windowed]

    def _value_experiment(self, experiment_id: str, task: str, judge: Judge) -> None:
        """Value all units of the experiment that are due."""
        now = self._clock()
        with self._reading() as connection:
            more = bool(column_of(connection, _due(experiment_id, now).limit(1)))
        while more:
            with self._writing(awaited=True) as connection:
                lock(connection, [experiment_id])
                # What arrived in the meantime may move a unit's first exposure, and with it the window and the arm.
                queued = count_queued(connection, experiment_id)
                more = queued == COUNTED_AT_ONCE or _value_chunk(connection, experiment_id, task, judge, now)


def _due(experiment_id: str, now: float) -> Select[Any]:
    column = UNITS.c
    names = (column[name] for name in _Due._fields)
    return select(*names).where(column.experiment_id == experiment_id, column.due_at < now).order_by(column.due_at)


def _value_chunk(connection: Connection, experiment_id: str, task: str, judge: Judge, now: float) -> bool:
    """Value up to `CHUNK` units; whether there were any."""
    due = [_Due(*row) for row in rows_of(connection, _due(experiment_id, now).limit(CHUNK))]
    if not due:
        return False
    terms = terms_of(connection, experiment_id)
    read = _read(connection, experiment_id, task, [one.unit_id for one in due], terms, judge)
    totals: dict[SumKey, Sums] = {}
    values = []
    for unit in due:
        for name, value in _values(unit, read.records[unit.unit_id], terms, judge):
            cells: tuple[str, ...] = ()
            beside: tuple[Any, ...] = _NO_TRAITS
            if name == terms.primary.name:
                cells = cells_of(read.groups[unit.unit_id])
                beside = traits = _traits(unit, read, terms, judge)
                gather(trait_cells(name, unit.arm, value, traits), totals)
            gather(metric_cells(name, unit.arm, value, cells), totals)
            values.append((experiment_id, name, unit.arm, unit.unit_id, *_flat(value), *beside))
    replace_all(connection, UNIT_VALUES, _VALUE, values)
    add_sums(connection, experiment_id, totals)
    _advance(connection, experiment_id, due, terms)
    return True


def _advance(connection: Connection, experiment_id: str, due: Sequence[_Due], terms: Terms) -> None:
    """Mark the units as valued to their stage."""
    column = UNITS.c
    for stage in {unit.stage for unit in due}:
        mine = [unit.unit_id for unit in due if unit.stage == stage]
        after = stage + 1
        last = after >= len(terms.windows)
        due_at = None if last else column.first_at + terms.windows[after] + terms.plan.grace_s
        statement = update(UNITS).where(column.experiment_id == experiment_id, among(connection, column.unit_id, mine))
        connection.execute(statement.values(stage=after, due_at=due_at))


def _values(unit: _Due, records: _Records, terms: Terms, judge: Judge) -> Iterator[tuple[str, UnitValue]]:
    price = review_value(terms.plan)
    for metric in terms.of_stage(unit.stage):
        window = window_of(metric, unit.first_at, terms.plan.grace_s)
        answers = [_answer(row) for row in _arrived(records.answers, window)]
        yield metric.name, value_of(metric, window, answers, records.events, judge, price)


def _flat(value: UnitValue) -> tuple[float | None, float, int, float]:
    return value.value, value.divisor, int(value.reviewed), value.review_weight


def _arrived(rows: Sequence[Any], window: Window) -> list[Any]:
    """The answers that had arrived when the value became final."""
    return [row for row in rows if row.received_at <= window.final_at]


def _answer(row: Any) -> UnitAnswer:
    return UnitAnswer(row.prediction_id, row.at, row.label, row.score, row.confidence)


def _traits(unit: _Due, read: _Reading, terms: Terms, judge: Judge) -> Traits:
    records, plan = read.records[unit.unit_id], terms.plan
    window = window_of(terms.primary, unit.first_at, plan.grace_s)
    held = [row for row in _arrived(records.answers, window) if window.holds(_answer(row))]
    shadows = {row.prediction_id: row for row in _arrived(records.shadows, window)}
    traits = Traits(
        fold_of(unit.unit_id),
        bin_of(read.covariates.get(unit.unit_id)) if plan.covariate else None,
        latency_bin(max(row.latency_ms for row in held)) if held else None,
    )
    pairs = [(row, shadows[name]) for row in held if (name := shadow_of(row.prediction_id)) in shadows]
    return (
        _beside(traits, pairs, records.events, terms.primary, (window, judge, review_value(plan))) if pairs else traits
    )


def _beside(
    traits: Traits,
    pairs: Sequence[tuple[Any, Any]],
    events: Sequence[UnitEvent],
    primary: PlannedMetric,
    terms: tuple[Window, Judge, float],
) -> Traits:
    """What the shadow said to the same requests."""
    window, judge, price = terms
    sure = [mirrored.confidence for _, mirrored in pairs if mirrored.confidence is not None]
    traits = traits._replace(
        shadow_latency=latency_bin(max(mirrored.latency_ms for _, mirrored in pairs)),
        agreement=sum(shown.label == mirrored.label for shown, mirrored in pairs) / len(pairs),
        confidence=sum(sure) / len(sure) if sure else None,
    )
    if primary.name != REWARD:
        return traits
    shown = [_answer(row) for row, _ in pairs]
    # The shadow's answer to the same request: the outcome of one is the outcome of both.
    instead = [_answer(mirrored)._replace(prediction_id=row.prediction_id, at=row.at) for row, mirrored in pairs]
    earned, other = (value_of(primary, window, answers, events, judge, price).value for answers in (shown, instead))
    return traits._replace(reward=earned, shadow_reward=other)


def _read(
    connection: Connection, experiment_id: str, task: str, units: list[str], terms: Terms, judge: Judge
) -> _Reading:
    records = {unit: _Records() for unit in units}
    column = EXPOSURES.c
    mine = and_(column.task == task, among(connection, column.unit_id, units), column.experiment_id == experiment_id)
    mine = and_(mine, column.counted == 1)
    for row in rows_of(connection, select(*(column[name] for name in _ANSWER)).where(mine)):
        (records[row.unit_id].shadows if row.assigned_to == SHADOW else records[row.unit_id].answers).append(row)
    owners = {row.prediction_id: unit for unit, found in records.items() for row in found.answers}
    for event in _events(connection, task, list(owners)):
        records[owners[event.prediction_id]].events.append(event)
    covariates = _covariates(connection, experiment_id, task, units, terms, judge)
    return _Reading(records, covariates, groups_of(connection, experiment_id, units))


def _events(connection: Connection, task: str, prediction_ids: Sequence[str]) -> Iterator[UnitEvent]:
    """What happened after these answers. By their names, and not joined: a join may read all outcomes there are."""
    column = OUTCOMES.c
    usable = column.settled != Settled.REFUSED.value
    query = select(*(column[name] for name in UnitEvent._fields)).where(column.task == task, usable)
    for at in range(0, len(prediction_ids), AT_ONCE):
        mine = among(connection, column.prediction_id, prediction_ids[at : at + AT_ONCE])
        for prediction_id, metric, event_id, value, *moments in rows_of(connection, query.where(mine)):
            yield UnitEvent(prediction_id, metric, event_id, json.loads(value), *moments)


def _covariates(
    connection: Connection, experiment_id: str, task: str, units: list[str], terms: Terms, judge: Judge
) -> dict[str, float]:
    """What was known of each unit before its first answer, in [0, 1]; units without are left out."""
    unit = UNITS.c
    mine = and_(unit.experiment_id == experiment_id, among(connection, unit.unit_id, units))
    if terms.plan.covariate == BASELINE:
        final_at = unit.first_at + terms.primary.window_s + terms.plan.grace_s
        query = select(unit.unit_id, COVARIATES.c.score).join(COVARIATES, COVARIATES.c.prediction_id == unit.first_id)
        rows = rows_of(connection, query.where(mine, COVARIATES.c.received_at <= final_at))
        return {name: score for name, score in rows if 0.0 <= score <= 1.0}
    return _history(connection, task, mine, judge) if terms.plan.covariate == HISTORY else {}


def _history(connection: Connection, task: str, mine: Any, judge: Judge) -> dict[str, float]:
    """What each unit's answers before its first counted exposure earned on average, by what was known by then."""
    unit, exposure, outcome = UNITS.c, EXPOSURES.c, OUTCOMES.c
    before = and_(exposure.task == task, exposure.unit_id == unit.unit_id, exposure.at < unit.first_at)
    known = and_(
        outcome.task == task,
        outcome.prediction_id == exposure.prediction_id,
        outcome.metric == REWARD,
        outcome.at < unit.first_at,
        outcome.received_at < unit.first_at,
        outcome.settled != Settled.REFUSED.value,
    )
    told = (exposure.prediction_id, exposure.at, exposure.label, exposure.score, exposure.confidence)
    query = select(unit.unit_id, outcome.value, *told).select_from(UNITS).join(EXPOSURES, before).join(OUTCOMES, known)
    query = query.where(mine, exposure.assigned_to != SHADOW, exposure.received_at < unit.first_at)
    earned = dict[tuple[str, str], float]()
    for name, truth, *answer in rows_of(connection, query.order_by(outcome.at, outcome.event_id)):
        found = UnitAnswer(*answer)
        value = judged(judge, found.prediction, json.loads(truth))
        if value is not None:
            earned.setdefault((name, found.prediction_id), value)
    by_unit = defaultdict[str, list[float]](list)
    for (name, _), value in earned.items():
        by_unit[name].append(value)
    return {name: sum(values) / len(values) for name, values in by_unit.items()}
