"""From outcomes to rewards: each outcome judged once, the earliest of a prediction counting, the shadow's with it."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from operator import sub
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, and_, delete, or_, select, update

from contender.adapters.store_sql.database import column_of, rows_of, upsert
from contender.adapters.store_sql.schema import (
    COVARIATES,
    EXPOSURES,
    IS_PENDING,
    OUTCOMES,
    REVISITS,
    REWARDS,
    Settled,
)
from contender.adapters.store_sql.tally import UnitRow
from contender.adapters.store_sql.terms import Terms, terms_of
from contender.adapters.store_sql.totals import Seen, count, lock, note_span
from contender.errors import InvalidInput
from contender.experiment.data import Events
from contender.values import REVIEW_LABEL, SHADOW, UNASSIGNED, Prediction, shadow_of

CHUNK: Final = 2_000
"""Outcomes judged in one transaction: bounded memory, and other writers get their turn."""

FIRST_RETRY_S: Final = 60.0
"""After this long an outcome of an unknown prediction is looked at again."""

_MOST_TRIES: Final = 20
"""Two years later."""

_REWARD: Final = tuple(column.name for column in REWARDS.columns)

Judge = Callable[[Prediction, object], float]
"""A task's `reward`."""

_DAY_S: Final = 86_400.0
_SKEW_S: Final = 60.0
"""Clocks of two machines may differ by this; an outcome further before its exposure is no outcome of it."""

_OF_EXPOSURE: Final = (
    *(EXPOSURES.c[name] for name in ("experiment_id", "generation", "unit_id", "assigned_to")),
    *(EXPOSURES.c[name] for name in ("label", "score", "confidence")),
    EXPOSURES.c.at.label("exposed_at"),
    COVARIATES.c.label.label("baseline_label"),
    COVARIATES.c.score.label("baseline_score"),
)


class Judged(NamedTuple):
    """How many rewards are new or changed, and whether more outcomes may wait."""

    rewards: int
    more: bool


def settle_chunk(connection: Connection, task: str, reward: Judge, now: float) -> Judged:
    """Judge up to `CHUNK` outcomes of `task` that wait; those whose exposure is not known are parked."""
    # One judge of a task at a time: what came too late for another's judgement is found once that one has ended.
    lock(connection, [f"settle {task}"])
    revisited = _revisit(connection, task)
    due = _due(connection, task, now)
    waiting = [row for row in due if row.exposed_at is not None]
    _park(connection, [row for row in due if row.exposed_at is None], now)
    judged = [(row, _judge(row, row.value, reward)) for row in waiting]
    _mark(connection, Settled.JUDGED, [row.event_id for row, value in judged if value is not None])
    _mark(connection, Settled.REFUSED, [row.event_id for row, value in judged if value is None])
    lock(connection, {row.experiment_id for row in waiting if row.experiment_id is not None})
    rewards = [_reward_row(row, row, value, task, reward) for row, value in judged if value is not None]
    rewards += _of_shadows(connection, [row for row, value in judged if value is not None], task, reward)
    return Judged(_keep_earliest(connection, rewards), more=CHUNK in (len(due), revisited))


def _revisit(connection: Connection, task: str) -> int:
    """Have the outcomes judged again whose covariate or shadow came later; how many predictions were looked at."""
    column = REVISITS.c
    first = select(column.prediction_id).where(column.task == task).order_by(column.prediction_id).limit(CHUNK)
    taken = delete(REVISITS).where(column.task == task, column.prediction_id.in_(first.scalar_subquery()))
    found: list[str] = list(connection.execute(taken.returning(column.prediction_id)).scalars())
    if found:
        events = column_of(connection, select(REWARDS.c.event_id).where(REWARDS.c.prediction_id.in_(found)))
        _mark(connection, Settled.PENDING, events)
    return len(found)


def _due(connection: Connection, task: str, now: float) -> Sequence[Any]:
    column = OUTCOMES.c
    query = (
        select(column.event_id, column.prediction_id, column.value, column.at, column.tries, *_OF_EXPOSURE)
        .outerjoin(EXPOSURES, and_(EXPOSURES.c.prediction_id == column.prediction_id, EXPOSURES.c.task == task))
        .outerjoin(COVARIATES, COVARIATES.c.prediction_id == column.prediction_id)
        .where(column.task == task, IS_PENDING, column.due <= now)
        .order_by(column.due, column.at, column.event_id)
        .limit(CHUNK)
    )
    return rows_of(connection, query)


def _park(connection: Connection, unknown: Sequence[Any], now: float) -> None:
    """Look at these again when their exposure comes (`intake`), and in case that was missed, ever more rarely."""
    by_tries = defaultdict[int, list[str]](list)
    for row in unknown:
        by_tries[row.tries].append(row.event_id)
    for tries, event_ids in by_tries.items():
        later = {"due": now + FIRST_RETRY_S * 2.0**tries, "tries": min(tries + 1, _MOST_TRIES)}
        connection.execute(update(OUTCOMES).where(OUTCOMES.c.event_id.in_(event_ids)).values(later))


def _judge(exposure: Any, outcome: str, reward: Judge) -> float | None:
    answered = exposure.score is not None
    prediction = Prediction(
        label=exposure.label if answered else REVIEW_LABEL,
        confidence=exposure.confidence if answered and exposure.confidence is not None else 0.0,
        score=exposure.score if answered else 0.5,
    )
    return _value(prediction, outcome, reward)


def _baseline(exposure: Any, outcome: str, reward: Judge) -> float | None:
    if exposure.baseline_label is None or exposure.baseline_score is None:
        return None
    return _value(Prediction(exposure.baseline_label, 0.0, exposure.baseline_score), outcome, reward)


def _value(prediction: Prediction, outcome: str, reward: Judge) -> float | None:
    try:
        value = reward(prediction, json.loads(outcome))
    except InvalidInput:
        return None
    return value if 0.0 <= value <= 1.0 else None


def _reward_row(exposure: Any, outcome: Any, value: float, task: str, reward: Judge) -> dict[str, Any]:
    copied = ("prediction_id", "experiment_id", "generation", "unit_id", "assigned_to", "exposed_at")
    return {name: exposure._mapping[name] for name in copied} | {
        "task": task,
        "reward": value,
        "event_id": outcome.event_id,
        "outcome_at": outcome.at,
        "baseline_reward": _baseline(exposure, outcome.value, reward),
    }


def _of_shadows(connection: Connection, outcomes: Sequence[Any], task: str, reward: Judge) -> list[dict[str, Any]]:
    """The rewards of what the shadow said to the same requests."""
    by_shadow = defaultdict[str, list[Any]](list)
    for outcome in outcomes:
        by_shadow[shadow_of(outcome.prediction_id)].append(outcome)
    query = select(EXPOSURES.c.prediction_id, *_OF_EXPOSURE)
    query = query.outerjoin(COVARIATES, COVARIATES.c.prediction_id == EXPOSURES.c.prediction_id)
    query = query.where(EXPOSURES.c.prediction_id.in_(list(by_shadow)))
    pairs = [(shadow, outcome) for shadow in rows_of(connection, query) for outcome in by_shadow[shadow.prediction_id]]
    judged = [(shadow, outcome, _judge(shadow, outcome.value, reward)) for shadow, outcome in pairs]
    return [_reward_row(shadow, outcome, value, task, reward) for shadow, outcome, value in judged if value is not None]


def _mark(connection: Connection, state: Settled, event_ids: Sequence[str]) -> None:
    if event_ids:
        connection.execute(update(OUTCOMES).where(OUTCOMES.c.event_id.in_(event_ids)).values(settled=state.value))


def _keep_earliest(connection: Connection, rows: Sequence[dict[str, Any]]) -> int:
    """Keep those rewards that are the earliest of their prediction, and count what changes."""
    known = _known(connection, [row["prediction_id"] for row in rows])
    now = dict(known)
    experiments = {row["experiment_id"] for row in rows} - {None}
    terms = {experiment_id: terms_of(connection, experiment_id) for experiment_id in experiments}
    events = defaultdict[str, Counter[str]](Counter)
    moments = defaultdict[str, list[float]](list)
    for row in rows:
        old = now.get(row["prediction_id"])
        if _takes_part(row):
            experiment_id, late = row["experiment_id"], _is_late(row, terms[row["experiment_id"]])
            if row["assigned_to"] != SHADOW:
                events[experiment_id].update(_events(row, old, late=late))
                moments[experiment_id].append(row["exposed_at"])
            if late and terms[experiment_id].leave_out_late:
                row["experiment_id"] = None  # still a reward of the task, but of no experiment
        if old is None or _precedence(row) < _precedence(old) or _completes(row, old):
            now[row["prediction_id"]] = row
    changed = [(row, known.get(key)) for key, row in now.items() if row is not known.get(key)]
    if changed:
        kept = [{name: row[name] for name in _REWARD} for row, _ in changed]
        connection.execute(_replacing(upsert(connection, REWARDS)), kept)
    _count(connection, changed)
    for experiment_id, counted in sorted(events.items()):
        note_span(connection, experiment_id, moments[experiment_id], Events(**counted))
    return len(changed)


def _known(connection: Connection, prediction_ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    query = select(REWARDS).where(REWARDS.c.prediction_id.in_(prediction_ids))
    return {row.prediction_id: dict(row._mapping) for row in rows_of(connection, query)}


def _is_late(row: Mapping[str, Any], terms: Terms) -> bool:
    return not -_SKEW_S <= row["outcome_at"] - row["exposed_at"] <= terms.outcome_days * _DAY_S


def _events(row: Mapping[str, Any], old: Mapping[str, Any] | None, *, late: bool) -> list[str]:
    """What is wrong with an outcome: late, or of another opinion than an earlier one."""
    if old is not None:
        differs = row["event_id"] != old["event_id"] and row["reward"] != old["reward"]
        return ["contradictory"] if differs else []
    return ["late"] if late else []


def _completes(row: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    """Whether it is the same judgement, now with the baseline's."""
    return row["event_id"] == old["event_id"] and old["baseline_reward"] is None and row["baseline_reward"] is not None


def _takes_part(row: Mapping[str, Any]) -> bool:
    return None not in (row["experiment_id"], row["unit_id"]) and row["assigned_to"] != UNASSIGNED


def _precedence(row: Mapping[str, Any]) -> tuple[bool, float, str]:
    """The earliest counts; one that was left out of its experiment only while there is no other."""
    return row["experiment_id"] is None, row["outcome_at"], row["event_id"]


def _count(connection: Connection, changed: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]]) -> None:
    by_experiment = defaultdict[str, list[Seen]](list)
    for row, old in changed:
        if _takes_part(row):
            by_experiment[row["experiment_id"]].append(Seen(row["unit_id"], _difference(row, old), {}))
    for experiment_id, seen in by_experiment.items():
        count(connection, experiment_id, seen)


def _difference(row: Mapping[str, Any], old: Mapping[str, Any] | None) -> UnitRow:
    new, before = _rewarded(row), _rewarded(old)
    more = map(sub, new, before)
    names: tuple[str, ...] = ("rewards", "reward_total", "pairs", "paired_total", "baseline_total")
    return UnitRow(row["assigned_to"], row["generation"], **dict(zip(names, more, strict=True)))


def _rewarded(row: Mapping[str, Any] | None) -> tuple[int, float, int, float, float]:
    if row is None or row["experiment_id"] is None:
        return 0, 0.0, 0, 0.0, 0.0
    reward, baseline = row["reward"], row["baseline_reward"]
    return (1, reward, 0, 0.0, 0.0) if baseline is None else (1, reward, 1, reward, baseline)


def _replacing(insert: Any) -> Any:
    """The insert, with the comparison repeated: rewards outside of experiments are judged without a lock."""
    new, old = insert.excluded, REWARDS.c
    # The same event again is the same judgement, with the baseline's.
    tie = and_(new.outcome_at == old.outcome_at, new.event_id <= old.event_id)
    return insert.on_conflict_do_update(
        index_elements=[old.prediction_id],
        set_={name: new[name] for name in ("experiment_id", "reward", "event_id", "outcome_at", "baseline_reward")},
        where=or_(
            new.outcome_at < old.outcome_at, tie, and_(old.experiment_id.is_(None), new.experiment_id.is_not(None))
        ),
    )
