"""From outcomes to rewards: each truth judged once, the earliest of a prediction counting, the shadow's with it.

Rewards are what the health of models is read from, as soon as the truth is known. What an experiment compares is
`valuing`: a unit's value, when its window has closed.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Select, and_, or_, select, update

from contender.adapters.store_sql.among import among, key_among
from contender.adapters.store_sql.database import insert_all, rows_of, upsert
from contender.adapters.store_sql.intake import CONTRADICTORY
from contender.adapters.store_sql.schema import (
    EXPOSURES,
    IS_PENDING,
    OUTCOMES,
    REWARDS,
    UNIT_FAULTS,
    UNITS,
    Settled,
)
from contender.adapters.store_sql.terms import Terms, terms_of
from contender.adapters.store_sql.totals import lock, note_span
from contender.experiment.unit_values import SKEW_S, Judge, UnitAnswer, judged
from contender.moments import is_outcome
from contender.values import REWARD, SHADOW, UNASSIGNED, shadow_of

CHUNK: Final = 2_000
"""Outcomes judged in one transaction: bounded memory, and other writers get their turn."""

FIRST_RETRY_S: Final = 60.0
"""After this long an outcome of an unknown prediction is looked at again."""

_MOST_TRIES: Final = 20
"""Two years later."""

_REWARD: Final = tuple(column.name for column in REWARDS.columns)
_COPIED: Final = ("prediction_id", "experiment_id", "generation", "unit_id", "assigned_to")
_OF_EXPOSURE: Final = (
    *(EXPOSURES.c[name] for name in ("experiment_id", "generation", "unit_id", "assigned_to", "counted")),
    *(EXPOSURES.c[name] for name in ("label", "score", "confidence")),
    EXPOSURES.c.at.label("exposed_at"),
)

Key = tuple[str, str, str]
"""Prediction, metric and event id: what an outcome of a task is called."""


class Judged(NamedTuple):
    """How many rewards are new or changed, and whether more outcomes may wait."""

    rewards: int
    more: bool


def settle_chunk(connection: Connection, task: str, judge: Judge, now: float) -> Judged:
    """Judge up to `CHUNK` outcomes of `task` that wait; those whose exposure is not known are parked."""
    # One judge of a task at a time: what came too late for another's judgement is found once that one has ended.
    lock(connection, [f"settle {task}"])
    due = _due(connection, task, now)
    waiting = [row for row in due if row.exposed_at is not None]
    _park(connection, task, [row for row in due if row.exposed_at is None], now)
    possible = [row for row in waiting if is_outcome(row.at, row.exposed_at, row.received_at)]
    earned = [(row, _earned(row, row.value, judge)) for row in possible if row.metric == REWARD]
    refused = {_key(row) for row, value in earned if value is None}
    refused |= {_key(row) for row in waiting} - {_key(row) for row in possible}
    _mark(connection, task, Settled.REFUSED, sorted(refused))
    _mark(connection, task, Settled.JUDGED, [key for row in waiting if (key := _key(row)) not in refused])
    lock(connection, {row.experiment_id for row in waiting if row.experiment_id is not None})
    known = [(row, value) for row, value in earned if value is not None]
    rewards = [_reward_row(row, row, value, task) for row, value in known]
    rewards += _of_shadows(connection, [row for row, _ in known], task, judge)
    changed = _keep_earliest(connection, rewards)
    # After the faults of units, as where records come in (`intake`): neither waits for the other crosswise.
    _note_late(connection, waiting)
    return Judged(changed, more=len(due) == CHUNK)


def outcomes_with_exposures(task: str) -> Select[Any]:
    """The outcomes of `task`, each with the exposure that it is of, if that is known."""
    column = OUTCOMES.c
    names = ("prediction_id", "metric", "event_id", "value", "at", "received_at", "tries")
    known = and_(EXPOSURES.c.prediction_id == column.prediction_id, EXPOSURES.c.task == task)
    query = select(*(column[name] for name in names), *_OF_EXPOSURE).outerjoin(EXPOSURES, known)
    return query.where(column.task == task)


def _due(connection: Connection, task: str, now: float) -> Sequence[Any]:
    column = OUTCOMES.c
    query = outcomes_with_exposures(task).where(IS_PENDING, column.due <= now)
    return rows_of(connection, query.order_by(column.due, column.at, column.event_id).limit(CHUNK))


def _key(row: Any) -> Key:
    return row.prediction_id, row.metric, row.event_id


def of_task(connection: Connection, task: str, keys: Sequence[Key]) -> Any:
    """The condition that an outcome of `task` is one of these."""
    column = OUTCOMES.c
    # SQLite uses no index for tuples: without the predictions it would read all outcomes of the task.
    of_these = among(connection, column.prediction_id, [prediction_id for prediction_id, _, _ in keys])
    mine = key_among(connection, (column.prediction_id, column.metric, column.event_id), keys)
    return and_(column.task == task, of_these, mine)


def _park(connection: Connection, task: str, unknown: Sequence[Any], now: float) -> None:
    """Look at these again when their exposure comes (`intake`), and in case that was missed, ever more rarely."""
    by_tries = defaultdict[int, list[Key]](list)
    for row in unknown:
        by_tries[row.tries].append(_key(row))
    for tries, keys in by_tries.items():
        later = {"due": now + FIRST_RETRY_S * 2.0**tries, "tries": min(tries + 1, _MOST_TRIES)}
        connection.execute(update(OUTCOMES).where(of_task(connection, task, keys)).values(later))


def _mark(connection: Connection, task: str, state: Settled, keys: Sequence[Key]) -> None:
    if keys:
        connection.execute(update(OUTCOMES).where(of_task(connection, task, keys)).values(settled=state.value))


def _earned(exposure: Any, truth: str, judge: Judge) -> float | None:
    answer = UnitAnswer("", 0.0, exposure.label, exposure.score, exposure.confidence)
    return judged(judge, answer.prediction, json.loads(truth))


def _reward_row(exposure: Any, outcome: Any, value: float, task: str) -> dict[str, Any]:
    return {name: exposure._mapping[name] for name in (*_COPIED, "counted", "exposed_at")} | {
        "task": task,
        "reward": value,
        "event_id": outcome.event_id,
        "outcome_at": outcome.at,
    }


def _of_shadows(connection: Connection, outcomes: Sequence[Any], task: str, judge: Judge) -> list[dict[str, Any]]:
    """The rewards of what the shadow said to the same requests."""
    by_shadow = defaultdict[str, list[Any]](list)
    for outcome in outcomes:
        by_shadow[shadow_of(outcome.prediction_id)].append(outcome)
    query = select(EXPOSURES.c.prediction_id, *_OF_EXPOSURE)
    query = query.where(among(connection, EXPOSURES.c.prediction_id, list(by_shadow)))
    pairs = [(shadow, outcome) for shadow in rows_of(connection, query) for outcome in by_shadow[shadow.prediction_id]]
    earned = [(shadow, outcome, _earned(shadow, outcome.value, judge)) for shadow, outcome in pairs]
    return [_reward_row(shadow, outcome, value, task) for shadow, outcome, value in earned if value is not None]


def _note_late(connection: Connection, outcomes: Sequence[Any]) -> None:
    """Count, by experiment, the outcomes that do not count because of when they happened or came."""
    late = late_outcomes(connection, outcomes)
    for experiment_id, rows in sorted(_by_experiment(outcomes).items()):
        note_span(connection, experiment_id, [row.exposed_at for row in rows], late=late[experiment_id])


def late_outcomes(connection: Connection, outcomes: Sequence[Any]) -> Counter[str]:
    """How many of the outcomes do not count because of when they happened or came, by experiment."""
    late = Counter[str]()
    for experiment_id, rows in _by_experiment(outcomes).items():
        terms = terms_of(connection, experiment_id)
        opened = _opened(connection, experiment_id, {row.unit_id for row in rows})
        late[experiment_id] = sum(_is_late(row, opened.get(row.unit_id, row.exposed_at), terms) for row in rows)
    return late


def _by_experiment(outcomes: Sequence[Any]) -> dict[str, list[Any]]:
    found = defaultdict[str, list[Any]](list)
    for row in outcomes:
        if takes_part(row._mapping):
            found[row.experiment_id].append(row)
    return found


def _opened(connection: Connection, experiment_id: str, units: set[str]) -> dict[str, float]:
    column = UNITS.c
    query = select(column.unit_id, column.first_at)
    query = query.where(column.experiment_id == experiment_id, among(connection, column.unit_id, sorted(units)))
    return {row.unit_id: row.first_at for row in rows_of(connection, query)}


def _is_late(row: Any, opened_at: float, terms: Terms) -> bool:
    window = terms.window_of(row.metric)
    if window is None or not terms.windowed:
        return False
    closed_at = opened_at + window
    if not is_outcome(row.at, row.exposed_at, row.received_at):
        return False  # refused, and so neither in time nor late
    in_time = row.exposed_at - SKEW_S <= row.at <= closed_at
    return not in_time or row.received_at > closed_at + terms.plan.grace_s


def _keep_earliest(connection: Connection, rows: Sequence[dict[str, Any]]) -> int:
    """Keep those rewards that are the earliest of their prediction, and note units whose truths differ."""
    known = _known(connection, [row["prediction_id"] for row in rows])
    now = dict(known)
    contradicted = set[tuple[str, str, str]]()
    for row in rows:
        old = now.get(row["prediction_id"])
        if old is not None and takes_part(row) and _contradict(row, old):
            contradicted.add((row["experiment_id"], row["unit_id"], CONTRADICTORY))
        if old is None or _precedence(row) < _precedence(old):
            now[row["prediction_id"]] = row
    changed = [row for key, row in now.items() if row is not known.get(key)]
    if changed:
        kept = [{name: row[name] for name in _REWARD} for row in changed]
        connection.execute(_replacing(upsert(connection, REWARDS)), kept)
    insert_all(connection, UNIT_FAULTS, ("experiment_id", "unit_id", "kind"), sorted(contradicted))
    return len(changed)


def _known(connection: Connection, prediction_ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    query = select(REWARDS).where(among(connection, REWARDS.c.prediction_id, prediction_ids))
    return {row.prediction_id: dict(row._mapping) for row in rows_of(connection, query)}


def takes_part(row: Mapping[str, Any]) -> bool:
    """Whether the exposure that the row holds takes part in an experiment."""
    named = None not in (row["experiment_id"], row["unit_id"])
    return bool(named and row["counted"] and row["assigned_to"] not in (UNASSIGNED, SHADOW))


def _contradict(row: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    return bool(row["event_id"] != old["event_id"] and row["reward"] != old["reward"])


def _precedence(row: Mapping[str, Any]) -> tuple[float, str]:
    """The earliest counts."""
    return row["outcome_at"], row["event_id"]


def _replacing(insert: Any) -> Any:
    """The insert, with the comparison repeated: another judge of the same prediction may have been faster."""
    new, old = insert.excluded, REWARDS.c
    tie = and_(new.outcome_at == old.outcome_at, new.event_id <= old.event_id)
    return insert.on_conflict_do_update(
        index_elements=[old.prediction_id],
        set_={name: new[name] for name in ("experiment_id", "reward", "event_id", "outcome_at")},
        where=or_(new.outcome_at < old.outcome_at, tie),
    )
