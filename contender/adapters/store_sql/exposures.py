"""Serving's side of the store: who was answered what, what became of them, and the reward of it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Connection, and_, func, or_, select, update

from contender.adapters.store_sql.database import Database, insert_new, rows_of, upsert
from contender.adapters.store_sql.schema import EXPOSURES, OUTCOMES, REWARDS, Settled
from contender.errors import InvalidInput
from contender.values import REVIEW_LABEL, Exposure, Outcome, Prediction

CHUNK: Final = 2_000
"""Outcomes judged in one transaction: bounded memory, and other writers get their turn."""

Judge = Callable[[Prediction, object], float]
"""A task's `reward`."""


_FIELDS: Final = tuple(field.name for field in fields(Exposure))
_values: Final = attrgetter(*_FIELDS)


class ExposureRecords(Database):
    """Exposures and outcomes as they came, and rewards computed from them."""

    def append(self, exposures: Sequence[Exposure], outcomes: Sequence[Outcome]) -> None:
        """Keep all of them, in one transaction; those already there (by `prediction_id`, `event_id`) are left alone.

        Raises:
            Unavailable: nothing was kept; the same call may be repeated.
        """
        with self._writing() as connection:
            insert_new(connection, EXPOSURES, [_exposure_row(exposure) for exposure in exposures])
            insert_new(connection, OUTCOMES, [_outcome_row(outcome) for outcome in outcomes])

    def settle(self, task: str, reward: Judge) -> int:
        """Judge the outcomes of `task` that wait and whose exposure is known; how many rewards are new or changed.

        Of several outcomes of one prediction the earliest by event time counts, whatever the order they came in.
        An outcome that `reward` refuses with `InvalidInput`, or judges outside [0, 1], is set aside as refused.
        """
        changed = 0
        while True:
            with self._writing() as connection:
                waiting = _waiting(connection, task)
                changed += _settle(connection, waiting, reward)
            if len(waiting) < CHUNK:
                return changed

    def predictions(
        self, task: str, *, limit: int = 100, experiment_id: str | None = None, unit_id: str | None = None
    ) -> list[Exposure]:
        """The latest exposures of `task`, newest first, at most `limit`."""
        query = select(EXPOSURES).where(EXPOSURES.c.task == task)
        if experiment_id is not None:
            query = query.where(EXPOSURES.c.experiment_id == experiment_id)
        if unit_id is not None:
            query = query.where(EXPOSURES.c.unit_id == unit_id)
        query = query.order_by(EXPOSURES.c.at.desc(), EXPOSURES.c.prediction_id).limit(limit)
        with self._reading() as connection:
            return [Exposure(**row._mapping) for row in rows_of(connection, query)]

    def exposure_counts(
        self, task: str, *, experiment_id: str | None = None, since: float = 0.0
    ) -> dict[tuple[str, str, str | None], int]:
        """Exposures by (assigned to, served by, fallback reason), from `since` (seconds since the epoch) on."""
        key = (EXPOSURES.c.assigned_to, EXPOSURES.c.served_by, EXPOSURES.c.fallback_reason)
        query = select(*key, func.count()).where(EXPOSURES.c.task == task, EXPOSURES.c.at >= since).group_by(*key)
        if experiment_id is not None:
            query = query.where(EXPOSURES.c.experiment_id == experiment_id)
        with self._reading() as connection:
            return {(arm, server, reason): n for arm, server, reason, n in rows_of(connection, query)}

    def outcome_counts(self, task: str) -> dict[str, int]:
        """Outcomes of `task`: ``pending`` (no exposure yet, or not judged yet), ``judged`` and ``refused``."""
        query = select(OUTCOMES.c.settled, func.count()).where(OUTCOMES.c.task == task).group_by(OUTCOMES.c.settled)
        with self._reading() as connection:
            found = {Settled(state): n for state, n in rows_of(connection, query)}
        return {state.name.lower(): found.get(state, 0) for state in Settled}


def _exposure_row(exposure: Exposure) -> dict[str, Any]:
    row = dict(zip(_FIELDS, _values(exposure), strict=True))
    if exposure.unit_id is not None:
        row["unit_id"] = _storable(exposure.unit_id)
    return row


def _storable(text: str) -> str:
    """A client's text as any database takes it, lone surrogates and NUL escaped: one name must not stop a batch."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()


def _outcome_row(outcome: Outcome) -> dict[str, Any]:
    return {
        "event_id": _storable(outcome.event_id),
        "prediction_id": _storable(outcome.prediction_id),
        "task": outcome.task,
        "value": json.dumps(outcome.value),
        "at": outcome.at,
    }


def _waiting(connection: Connection, task: str) -> Sequence[Any]:
    exposure = (EXPOSURES.c[name] for name in _OF_EXPOSURE)
    query = (
        select(OUTCOMES.c.event_id, OUTCOMES.c.prediction_id, OUTCOMES.c.value, OUTCOMES.c.at, *exposure)
        .join(EXPOSURES, and_(EXPOSURES.c.prediction_id == OUTCOMES.c.prediction_id, EXPOSURES.c.task == task))
        .where(OUTCOMES.c.task == task, OUTCOMES.c.settled == Settled.PENDING)
        .order_by(OUTCOMES.c.at, OUTCOMES.c.event_id)
        .limit(CHUNK)
        .with_for_update(of=OUTCOMES, skip_locked=True)
    )
    return rows_of(connection, query)


_OF_EXPOSURE: Final = ("task", "experiment_id", "generation", "unit_id", "assigned_to", "label", "score", "confidence")


def _settle(connection: Connection, waiting: Sequence[Any], reward: Judge) -> int:
    judged = [(row, _judge(row, reward)) for row in waiting]
    _mark(connection, Settled.JUDGED, [row.event_id for row, value in judged if value is not None])
    _mark(connection, Settled.REFUSED, [row.event_id for row, value in judged if value is None])
    first: dict[str, dict[str, Any]] = {}
    for row, value in judged:
        if value is not None:
            first.setdefault(row.prediction_id, _reward_row(row, value))
    return _keep_earliest(connection, list(first.values()))


def _judge(row: Any, reward: Judge) -> float | None:
    answered = row.score is not None
    prediction = Prediction(
        label=row.label if answered else REVIEW_LABEL,
        confidence=row.confidence if answered and row.confidence is not None else 0.0,
        score=row.score if answered else 0.5,
    )
    try:
        value = reward(prediction, json.loads(row.value))
    except InvalidInput:
        return None
    return value if 0.0 <= value <= 1.0 else None


def _reward_row(row: Any, value: float) -> dict[str, Any]:
    mapping = row._mapping
    copied = ("prediction_id", "task", "experiment_id", "generation", "unit_id", "assigned_to", "event_id")
    return {name: mapping[name] for name in copied} | {"reward": value, "outcome_at": row.at}


def _mark(connection: Connection, state: Settled, event_ids: Sequence[str]) -> None:
    if event_ids:
        connection.execute(update(OUTCOMES).where(OUTCOMES.c.event_id.in_(event_ids)).values(settled=state.value))


def _keep_earliest(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    old = REWARDS.c
    query = select(old.prediction_id, old.outcome_at, old.event_id)
    known = rows_of(connection, query.where(old.prediction_id.in_([row["prediction_id"] for row in rows])))
    counted = {prediction_id: (at, event_id) for prediction_id, at, event_id in known}
    earlier = [row for row in rows if _moment(row) < counted.get(row["prediction_id"], _NEVER)]
    if earlier:
        connection.execute(_replacing(upsert(connection, REWARDS)), earlier)
    return len(earlier)


_NEVER: Final = (math.inf, "")


def _moment(row: Mapping[str, Any]) -> tuple[float, str]:
    return row["outcome_at"], row["event_id"]


def _replacing(insert: Any) -> Any:
    """The insert, with the comparison repeated: another process may have judged meanwhile."""
    new, old = insert.excluded, REWARDS.c
    tie = and_(new.outcome_at == old.outcome_at, new.event_id < old.event_id)
    return insert.on_conflict_do_update(
        index_elements=[old.prediction_id],
        set_={name: new[name] for name in ("reward", "event_id", "outcome_at")},
        where=or_(new.outcome_at < old.outcome_at, tie),
    )
