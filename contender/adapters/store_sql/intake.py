"""Records as they come in: inserted and queued, each once; counting and valuing are done later, by whoever looks."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Table, select, update

from contender.adapters.store_sql.among import among
from contender.adapters.store_sql.database import insert_all, rows_of, upsert
from contender.adapters.store_sql.schema import (
    COVARIATES,
    EXPOSURES,
    INPUTS,
    IS_PARKED,
    OUTCOMES,
    UNCOUNTED,
    UNIT_FAULTS,
)
from contender.adapters.store_sql.totals import note_span
from contender.values import SHADOW, UNASSIGNED, Covariate, Exposure, Outcome

_APART: Final = {"groups", "features", "baseline_label", "baseline_score"}
_EXPOSED: Final = tuple(field.name for field in fields(Exposure) if field.name not in _APART)
_values: Final = attrgetter(*_EXPOSED)
_UNIT: Final = _EXPOSED.index("unit_id")
_COUNTED: Final = _EXPOSED.index("counted")
_OUTCOME: Final = ("task", "prediction_id", "metric", "event_id", "value", "at")
_COVARIATE: Final = ("prediction_id", "task", "label", "score", "received_at")
CONTRADICTORY: Final = "contradictory"
_OF_THE_CALL: Final = frozenset(_EXPOSED.index(name) for name in ("generation", "latency_ms", "at"))
_SOURCE: Final = _EXPOSED.index("source")
_AT_ONCE: Final = 1_000
"""Exposures named in one statement: under every database's limit of parameters."""


class Repeated(NamedTuple):
    """Rows that came again: of which table, which of its columns, and their values in that order."""

    table: Table
    names: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]


def keep_exposures(connection: Connection, exposures: Iterable[Exposure], now: float) -> Repeated:
    """Keep those that are new by `prediction_id`, and queue them to be counted; those that came before, to be noted."""
    # In one order everywhere: two writers of the same records never wait for each other crosswise.
    ordered = sorted(exposures, key=attrgetter("prediction_id"))
    rows = [_exposure_row(exposure) for exposure in ordered]
    new, again = _insert(connection, EXPOSURES, _EXPOSED, rows, now)
    fresh = [ordered[index] for index in new]
    _queue(connection, fresh, now)
    _wake(connection, fresh)
    _keep_apart(connection, fresh, now)
    return Repeated(EXPOSURES, _EXPOSED, [rows[index] for index in again])


def keep_outcomes(connection: Connection, outcomes: Iterable[Outcome], now: float) -> Repeated:
    """Keep those that are new by task, prediction, metric and `event_id`; those that came before, to be noted."""
    rows = sorted(map(_outcome_row, outcomes), key=lambda row: row[:4])
    _, again = _insert(connection, OUTCOMES, _OUTCOME, rows, now)
    return Repeated(OUTCOMES, _OUTCOME, [rows[index] for index in again])


def keep_covariates(connection: Connection, covariates: Iterable[Covariate], now: float) -> None:
    """Keep those that are new by `prediction_id`."""
    ordered = sorted(covariates, key=attrgetter("prediction_id"))  # and nothing else: of two the first to come stays
    rows = [(one.prediction_id, one.task, one.label, one.score, now) for one in ordered]
    insert_all(connection, COVARIATES, _COVARIATE, rows)


def takes_part(exposure: Exposure) -> bool:
    """Whether the exposure counts in an experiment."""
    named = exposure.experiment_id is not None and exposure.unit_id is not None
    return named and exposure.counted and exposure.assigned_to not in (UNASSIGNED, SHADOW)


def _insert(
    connection: Connection, table: Table, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]], now: float
) -> tuple[Sequence[int], Sequence[int]]:
    """Insert the rows whose key is new, as received `now`; the indexes of those, and of the others."""
    named, received = (*names, "received_at"), [(*row, now) for row in rows]
    with connection.begin_nested() as attempt:
        if insert_all(connection, table, named, received) == len(rows):
            return range(len(rows)), ()
        attempt.rollback()
    # Some came before, which is rare: only now is it worth asking which.
    keys = list(table.primary_key)
    statement = upsert(connection, table).on_conflict_do_nothing().returning(*keys)
    found = connection.execute(statement, [dict(zip(named, row, strict=True)) for row in received])
    fresh = {tuple(row) for row in found}
    new: list[int] = []
    again: list[int] = []
    for index, row in enumerate(rows):
        key = row[: len(keys)]
        (new if key in fresh else again).append(index)
        fresh.discard(key)
    return new, again


def _queue(connection: Connection, exposures: Sequence[Exposure], now: float) -> None:
    waiting = [
        (one.experiment_id, now, one.prediction_id, json.dumps(dict(one.groups)) if one.groups else None)
        for one in exposures
        if takes_part(one)
    ]
    insert_all(connection, UNCOUNTED, ("experiment_id", "received_at", "prediction_id", "groups"), waiting)


def _wake(connection: Connection, exposures: Sequence[Exposure]) -> None:
    """Have the outcomes judged that came before these exposures and were parked."""
    for at in range(0, len(exposures), _AT_ONCE):
        mine = among(connection, OUTCOMES.c.prediction_id, [one.prediction_id for one in exposures[at : at + _AT_ONCE]])
        connection.execute(update(OUTCOMES).where(IS_PARKED, mine).values(due=0.0, tries=0))


def _keep_apart(connection: Connection, exposures: Sequence[Exposure], now: float) -> None:
    sampled = [
        (one.prediction_id, one.task, one.at, json.dumps(dict(one.features)))
        for one in exposures
        if one.features is not None
    ]
    insert_all(connection, INPUTS, ("prediction_id", "task", "at", "document"), sampled)
    said = [
        (one.prediction_id, one.task, one.baseline_label, one.baseline_score, now)
        for one in exposures
        if one.baseline_label is not None and one.baseline_score is not None
    ]
    insert_all(connection, COVARIATES, _COVARIATE, said)


def note_repeated(connection: Connection, repeated: Iterable[Repeated]) -> None:
    """Count, by experiment, the rows that came again as they are kept, and note the units of those that differ.

    For all of a transaction's records at once, as its last writes: the faults of units before the experiments' spans.
    Whoever wrote them twice would hold a span while it waits for a fault, and somebody else the other way round.
    """
    replayed, moments = Counter[str](), defaultdict[str, list[float]](list)
    contradicted = set[tuple[str, str, str]]()
    for one in repeated:
        for (experiment_id, unit_id, at), same in _compared(connection, one):
            moments[experiment_id].append(at)
            if same:
                replayed[experiment_id] += 1
            else:
                contradicted.add((experiment_id, unit_id, CONTRADICTORY))
    insert_all(connection, UNIT_FAULTS, ("experiment_id", "unit_id", "kind"), sorted(contradicted))
    for experiment_id in sorted(moments):
        note_span(connection, experiment_id, moments[experiment_id], replayed=replayed[experiment_id])


def _compared(connection: Connection, repeated: Repeated) -> Iterator[tuple[tuple[str, str, float], bool]]:
    """Of each row that takes part in an experiment: for whom, and whether it says what is kept."""
    table, names, rows = repeated
    if not rows:
        return
    columns, keys = [table.c[name] for name in names], len(table.primary_key)
    place = names.index("prediction_id")
    query = select(*columns).where(among(connection, table.c.prediction_id, sorted({row[place] for row in rows})))
    kept = {tuple(row[:keys]): tuple(row) for row in rows_of(connection, query)}
    exposed = _exposed(connection, {row[place] for row in rows})
    for row in rows:
        if found := exposed.get(row[place]):
            yield found, _said(table, kept[row[:keys]]) == _said(table, row)


def _said(table: Table, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """What two records of one name must agree in.

    A scheduled batch that was interrupted is asked again under the same names: when, how long it took and under which
    routing are of the call, and differ.
    """
    if table is not EXPOSURES or row[_SOURCE] != "scheduled":
        return row
    return tuple(value for place, value in enumerate(row) if place not in _OF_THE_CALL)


def _exposed(connection: Connection, prediction_ids: Iterable[str]) -> dict[str, tuple[str, str, float]]:
    """The experiment and the unit that an exposure takes part for, and its moment, by prediction id."""
    column = EXPOSURES.c
    query = select(column.prediction_id, column.experiment_id, column.unit_id, column.at).where(
        among(connection, column.prediction_id, list(prediction_ids)),
        column.experiment_id.is_not(None),
        column.unit_id.is_not(None),
        column.counted == 1,
        column.assigned_to.not_in((UNASSIGNED, SHADOW)),
    )
    return {prediction_id: tuple(rest) for prediction_id, *rest in rows_of(connection, query)}


def _exposure_row(exposure: Exposure) -> tuple[Any, ...]:
    values: tuple[Any, ...] = _values(exposure)
    row = (*values[:_COUNTED], int(exposure.counted), *values[_COUNTED + 1 :])
    unit = exposure.unit_id
    if unit is None or _is_storable(unit):
        return row
    return (*row[:_UNIT], _storable(unit), *row[_UNIT + 1 :])


def _outcome_row(outcome: Outcome) -> tuple[Any, ...]:
    event_id, prediction_id = _storable(outcome.event_id), _storable(outcome.prediction_id)
    return outcome.task, prediction_id, outcome.metric, event_id, json.dumps(outcome.value), outcome.at


def _is_storable(words: str) -> bool:
    return words.isascii() and "\0" not in words


def _storable(words: str) -> str:
    """A client's text as any database takes it, lone surrogates and NUL escaped: one name must not stop a batch."""
    if _is_storable(words):
        return words
    return words.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
