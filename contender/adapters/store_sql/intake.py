"""Records as they come in: each kept once, counted once, and compared with the one before where it comes again."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Table, select, update

from contender.adapters.store_sql.database import rows_of, upsert
from contender.adapters.store_sql.schema import EXPERIMENTS, EXPOSURES, OUTCOMES, REWARDS, Settled
from contender.adapters.store_sql.tally import UnitRow
from contender.adapters.store_sql.totals import Seen, count, lock, note_span
from contender.experiment.data import Events
from contender.experiment.plan import Plan
from contender.values import REVIEW, REVIEW_LABEL, SHADOW, UNASSIGNED, Exposure, Outcome, shadow_of

_FIELDS: Final = tuple(field.name for field in fields(Exposure) if field.name != "groups")
_values: Final = attrgetter(*_FIELDS)
_USUAL: Final = Plan()


class Terms(NamedTuple):
    """What counting needs of an experiment's plan."""

    slow_ms: float
    favourable_label: str
    outcome_days: float


def keep_exposures(connection: Connection, exposures: Sequence[Exposure]) -> None:
    """Keep those that are new by `prediction_id`, and count them; take note of those that came before."""
    lock(connection, {exposure.experiment_id for exposure in exposures if exposure.experiment_id is not None})
    rows = [_exposure_row(exposure) for exposure in exposures]
    new, again = _insert(connection, EXPOSURES, "prediction_id", rows)
    by_experiment = defaultdict[str, list[tuple[Exposure, Mapping[str, Any]]]](list)
    for index in new:
        if takes_part(exposures[index]):
            by_experiment[exposures[index].experiment_id or ""].append((exposures[index], rows[index]))
    for experiment_id, kept in by_experiment.items():
        terms = terms_of(connection, experiment_id)
        count(connection, experiment_id, [_seen(exposure, row["unit_id"], terms) for exposure, row in kept])
        note_span(connection, experiment_id, [exposure.at for exposure, _ in kept], Events())
    _note_again(connection, EXPOSURES, "prediction_id", [rows[index] for index in again])
    _wake_outcomes(connection, [exposures[index] for index in new])


def keep_outcomes(connection: Connection, outcomes: Sequence[Outcome]) -> None:
    """Keep those that are new by `event_id`; take note of those that came before."""
    rows = [_outcome_row(outcome) for outcome in outcomes]
    _, again = _insert(connection, OUTCOMES, "event_id", rows)
    _note_again(connection, OUTCOMES, "event_id", [rows[index] for index in again])


def takes_part(exposure: Exposure) -> bool:
    """Whether the exposure counts in an experiment."""
    return None not in (exposure.experiment_id, exposure.unit_id) and exposure.assigned_to != UNASSIGNED


def terms_of(connection: Connection, experiment_id: str) -> Terms:
    """The terms that the experiment's plan states; the usual ones where it is not known (yet)."""
    document = connection.scalar(select(EXPERIMENTS.c.document).where(EXPERIMENTS.c.id == experiment_id))
    plan = json.loads(document).get("plan", {}) if document else {}
    return Terms(*(plan.get(name, getattr(_USUAL, name)) for name in Terms._fields))


def _seen(exposure: Exposure, unit_id: str, terms: Terms) -> Seen:
    favourable = terms.favourable_label
    row = UnitRow(
        exposure.assigned_to,
        exposure.generation,
        exposures=1,
        fallbacks=int(exposure.served_by != exposure.assigned_to),
        reviews=int(exposure.label == REVIEW_LABEL),
        errors=int(exposure.served_by == REVIEW),
        slow=int(exposure.latency_ms > terms.slow_ms),
        selections=int(bool(favourable) and exposure.label == favourable),
    )
    return Seen(unit_id, row, exposure.groups)


def _insert(
    connection: Connection, table: Table, key: str, rows: Sequence[Mapping[str, Any]]
) -> tuple[list[int], list[int]]:
    """Insert the rows whose key is new; the indexes of those, and of the others."""
    if not rows:
        return [], []
    statement = upsert(connection, table).on_conflict_do_nothing().returning(table.c[key])
    fresh = set(connection.execute(statement, list(rows)).scalars())
    new: list[int] = []
    again: list[int] = []
    for index, row in enumerate(rows):
        (new if row[key] in fresh else again).append(index)
        fresh.discard(row[key])
    return new, again


def _note_again(connection: Connection, table: Table, key: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Count, by experiment, the rows that came again with the content that is kept, and with another."""
    if not rows:
        return
    keys = {row[key] for row in rows}
    kept = {row._mapping[key]: row._mapping for row in rows_of(connection, select(table).where(table.c[key].in_(keys)))}
    experiments = _experiments(connection, {kept[row[key]]["prediction_id"] for row in rows})
    counted = defaultdict[str, Counter[str]](Counter)
    for row in rows:
        same = all(kept[row[key]][name] == value for name, value in row.items())
        if experiment_id := experiments.get(kept[row[key]]["prediction_id"]):
            counted[experiment_id]["replayed" if same else "contradictory"] += 1
    for experiment_id, events in counted.items():
        note_span(connection, experiment_id, [], Events(**events))


def _experiments(connection: Connection, prediction_ids: Iterable[str]) -> dict[str, str]:
    query = select(EXPOSURES.c.prediction_id, EXPOSURES.c.experiment_id)
    rows = rows_of(connection, query.where(EXPOSURES.c.prediction_id.in_(list(prediction_ids))))
    return {prediction_id: experiment_id for prediction_id, experiment_id in rows if experiment_id is not None}


def _wake_outcomes(connection: Connection, exposures: Sequence[Exposure]) -> None:
    """A shadow's exposure that comes after its outcome was judged has it judged once more."""
    mirrored = [
        exposure.prediction_id.removesuffix(shadow_of("")) for exposure in exposures if exposure.assigned_to == SHADOW
    ]
    if mirrored:
        events = select(REWARDS.c.event_id).where(REWARDS.c.prediction_id.in_(mirrored))
        waiting = update(OUTCOMES).where(OUTCOMES.c.event_id.in_(events.scalar_subquery()))
        connection.execute(waiting.values(settled=Settled.PENDING.value))


def _exposure_row(exposure: Exposure) -> dict[str, Any]:
    row = dict(zip(_FIELDS, _values(exposure), strict=True))
    if exposure.unit_id is not None:
        row["unit_id"] = _storable(exposure.unit_id)
    return row


def _outcome_row(outcome: Outcome) -> dict[str, Any]:
    return {
        "event_id": _storable(outcome.event_id),
        "prediction_id": _storable(outcome.prediction_id),
        "task": outcome.task,
        "value": json.dumps(outcome.value),
        "at": outcome.at,
    }


def _storable(words: str) -> str:
    """A client's text as any database takes it, lone surrogates and NUL escaped: one name must not stop a batch."""
    if words.isascii() and "\0" not in words:
        return words
    return words.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
