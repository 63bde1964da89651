"""Records as they come in: inserted and queued, each once; counting and judging are done later, by whoever looks."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Connection, Table, select, update

from contender.adapters.store_sql.database import insert_all, rows_of, upsert
from contender.adapters.store_sql.schema import COVARIATES, EXPOSURES, INPUTS, IS_PARKED, OUTCOMES, REVISITS, UNCOUNTED
from contender.adapters.store_sql.totals import note_span
from contender.experiment.data import Events
from contender.values import SHADOW, UNASSIGNED, Covariate, Exposure, Outcome, shadow_of

_APART: Final = {"groups", "features", "baseline_label", "baseline_score"}
_EXPOSED: Final = tuple(field.name for field in fields(Exposure) if field.name not in _APART)
_values: Final = attrgetter(*_EXPOSED)
_UNIT: Final = _EXPOSED.index("unit_id")
_TOLD: Final = ("event_id", "prediction_id", "task", "value", "at")
_SAID: Final = ("prediction_id", "task", "label", "score")
_SHADOWS: Final = shadow_of("")
_AT_ONCE: Final = 1_000
"""Exposures named in one statement: under every database's limit of parameters."""


def keep_exposures(connection: Connection, exposures: Iterable[Exposure]) -> None:
    """Keep those that are new by `prediction_id`, and queue them to be counted; take note of those that came before."""
    # In one order everywhere: two writers of the same records never wait for each other crosswise.
    ordered = sorted(exposures, key=attrgetter("prediction_id"))
    rows = [_exposure_row(exposure) for exposure in ordered]
    new, again = _insert(connection, EXPOSURES, _EXPOSED, rows)
    fresh = [ordered[index] for index in new]
    _queue(connection, fresh)
    _wake(connection, fresh)
    _keep_apart(connection, fresh)
    _note_again(connection, EXPOSURES, _EXPOSED, [rows[index] for index in again])


def keep_outcomes(connection: Connection, outcomes: Iterable[Outcome]) -> None:
    """Keep those that are new by `event_id`; take note of those that came before."""
    rows = sorted(map(_outcome_row, outcomes), key=lambda row: row[0])
    _, again = _insert(connection, OUTCOMES, _TOLD, rows)
    _note_again(connection, OUTCOMES, _TOLD, [rows[index] for index in again])


def keep_covariates(connection: Connection, covariates: Iterable[Covariate]) -> None:
    """Keep those that are new by `prediction_id`; outcomes that were judged without them are judged again."""
    ordered = sorted(covariates, key=attrgetter("prediction_id"))  # and nothing else: of two the first to come stays
    rows = [(one.prediction_id, one.task, one.label, one.score) for one in ordered]
    insert_all(connection, COVARIATES, _SAID, rows)
    insert_all(connection, REVISITS, ("prediction_id", "task"), [row[:2] for row in rows])


def takes_part(exposure: Exposure) -> bool:
    """Whether the exposure counts in an experiment."""
    return exposure.experiment_id is not None and exposure.unit_id is not None and exposure.assigned_to != UNASSIGNED


def _insert(
    connection: Connection, table: Table, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> tuple[Sequence[int], Sequence[int]]:
    """Insert the rows whose key, their first value, is new; the indexes of those, and of the others."""
    with connection.begin_nested() as attempt:
        if insert_all(connection, table, names, rows) == len(rows):
            return range(len(rows)), ()
        attempt.rollback()
    # Some came before, which is rare: only now is it worth asking which.
    statement = upsert(connection, table).on_conflict_do_nothing().returning(table.c[names[0]])
    fresh = set(connection.execute(statement, [dict(zip(names, row, strict=True)) for row in rows]).scalars())
    new: list[int] = []
    again: list[int] = []
    for index, row in enumerate(rows):
        (new if row[0] in fresh else again).append(index)
        fresh.discard(row[0])
    return new, again


def _queue(connection: Connection, exposures: Sequence[Exposure]) -> None:
    waiting = [
        (one.experiment_id, one.prediction_id, json.dumps(dict(one.groups)) if one.groups else None)
        for one in exposures
        if takes_part(one)
    ]
    insert_all(connection, UNCOUNTED, ("experiment_id", "prediction_id", "groups"), waiting)
    mirrored = [(one.task, one.prediction_id.removesuffix(_SHADOWS)) for one in exposures if one.assigned_to == SHADOW]
    insert_all(connection, REVISITS, ("task", "prediction_id"), mirrored)


def _wake(connection: Connection, exposures: Sequence[Exposure]) -> None:
    """Have the outcomes judged that came before these exposures and were parked."""
    for at in range(0, len(exposures), _AT_ONCE):
        mine = OUTCOMES.c.prediction_id.in_([one.prediction_id for one in exposures[at : at + _AT_ONCE]])
        connection.execute(update(OUTCOMES).where(IS_PARKED, mine).values(due=0.0, tries=0))


def _keep_apart(connection: Connection, exposures: Sequence[Exposure]) -> None:
    sampled = [
        (one.prediction_id, one.task, one.at, json.dumps(dict(one.features)))
        for one in exposures
        if one.features is not None
    ]
    insert_all(connection, INPUTS, ("prediction_id", "task", "at", "document"), sampled)
    said = [
        (one.prediction_id, one.task, one.baseline_label, one.baseline_score)
        for one in exposures
        if one.baseline_label is not None and one.baseline_score is not None
    ]
    insert_all(connection, COVARIATES, _SAID, said)


def _note_again(connection: Connection, table: Table, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
    """Count, by experiment, the rows that came again with the content that is kept, and with another."""
    if not rows:
        return
    columns = [table.c[name] for name in names]
    query = select(*columns).where(columns[0].in_({row[0] for row in rows}))
    kept = {row[0]: tuple(row) for row in rows_of(connection, query)}
    place = names.index("prediction_id")
    exposed = _exposed(connection, {kept[row[0]][place] for row in rows})
    events = defaultdict[str, Counter[str]](Counter)
    moments = defaultdict[str, list[float]](list)
    for row in rows:
        if found := exposed.get(kept[row[0]][place]):
            events[found[0]]["replayed" if kept[row[0]] == row else "contradictory"] += 1
            moments[found[0]].append(found[1])
    for experiment_id in sorted(events):
        note_span(connection, experiment_id, moments[experiment_id], Events(**events[experiment_id]))


def _exposed(connection: Connection, prediction_ids: Iterable[str]) -> dict[str, tuple[str, float]]:
    """The experiment that an exposure takes part in, and its moment, by prediction id."""
    column = EXPOSURES.c
    query = select(column.prediction_id, column.experiment_id, column.at).where(
        column.prediction_id.in_(list(prediction_ids)),
        column.experiment_id.is_not(None),
        column.unit_id.is_not(None),
        column.assigned_to != UNASSIGNED,
    )
    return {prediction_id: (experiment_id, at) for prediction_id, experiment_id, at in rows_of(connection, query)}


def _exposure_row(exposure: Exposure) -> tuple[Any, ...]:
    row: tuple[Any, ...] = _values(exposure)
    unit = exposure.unit_id
    if unit is None or _is_storable(unit):
        return row
    return (*row[:_UNIT], _storable(unit), *row[_UNIT + 1 :])


def _outcome_row(outcome: Outcome) -> tuple[Any, ...]:
    event_id, prediction_id = _storable(outcome.event_id), _storable(outcome.prediction_id)
    return event_id, prediction_id, outcome.task, json.dumps(outcome.value), outcome.at


def _is_storable(words: str) -> bool:
    return words.isascii() and "\0" not in words


def _storable(words: str) -> str:
    """A client's text as any database takes it, lone surrogates and NUL escaped: one name must not stop a batch."""
    if _is_storable(words):
        return words
    return words.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
