"""What drift and decay are measured on: the sampled rows behind exposures, and rewards as they came in."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, case, delete, func, select

from contender.adapters.store_sql.database import Database, rows_of
from contender.adapters.store_sql.schema import EXPOSURES, INPUTS, OUTCOMES, REWARDS
from contender.values import REWARD, SHADOW, shadow_of

_RANDOM_FROM: Final = 13
"""Where the random digits of a prediction id begin; those before are its time."""
_RANDOM_DIGITS: Final = 8


class Input(NamedTuple):
    """The row behind one exposure, and what was answered; `at` is seconds since the epoch.

    `person` is the same for rows of the same unit that one call gives back, and tells nothing else; None without one.
    """

    prediction_id: str
    at: float
    row: dict[str, Any]
    label: str
    score: float | None
    confidence: float | None
    served_by: str
    model_version: str | None
    assigned_to: str
    person: bytes | None = None


class Rewarded(NamedTuple):
    """One judged prediction; `at` is when its outcome happened, in seconds since the epoch, `reward` in [0, 1].

    `answered_at` is when it was answered.
    """

    prediction_id: str
    at: float
    assigned_to: str
    score: float | None
    label: str
    outcome: str | int | float
    reward: float
    answered_at: float = 0.0


class InputRecords(Database):
    """Windows over the sampled rows and over rewards."""

    def inputs(self, task: str, *, since: float, until: float | None = None, limit: int = 50_000) -> list[Input]:
        """The sampled rows of exposures in [`since`, `until`) (seconds since the epoch), oldest first.

        Of more than `limit` about so many are drawn, evenly over the window and the same ones every time.
        """
        window = _within(task, since, until)
        with self._reading() as connection:
            total = _count(connection, window)
            if total > limit:
                window.append(func.substr(INPUTS.c.prediction_id, _RANDOM_FROM, _RANDOM_DIGITS) < _cut(limit / total))
            rows = rows_of(connection, _joined().where(*window).order_by(INPUTS.c.at, INPUTS.c.prediction_id))
        salt = os.urandom(16)
        return [
            Input(prediction_id, at, json.loads(row), *told)._replace(person=_person(unit, salt))
            for prediction_id, at, row, unit, *told in rows
        ]

    def input_count(self, task: str, *, since: float, until: float | None = None) -> int:
        """How many sampled rows the window holds."""
        with self._reading() as connection:
            return _count(connection, _within(task, since, until))

    def prune_inputs(self, before: float) -> int:
        """Forget the rows of every task from before that moment (seconds since the epoch); how many went."""
        with self._writing() as connection:
            return connection.execute(delete(INPUTS).where(INPUTS.c.at < before)).rowcount

    def rewards_between(self, task: str, since: float, until: float) -> list[Rewarded]:
        """The rewards of `task` whose outcome happened in [`since`, `until`) (seconds since the epoch), oldest first.

        The one outcome that counts of each prediction; those of shadows among them, as `assigned_to` tells.
        """
        reward = REWARDS.c
        query = (
            select(
                reward.prediction_id,
                reward.outcome_at.label("at"),
                reward.assigned_to,
                EXPOSURES.c.score,
                EXPOSURES.c.label,
                OUTCOMES.c.value.label("outcome"),
                reward.reward,
                EXPOSURES.c.at.label("answered_at"),
            )
            .join(EXPOSURES, EXPOSURES.c.prediction_id == reward.prediction_id)
            .join(OUTCOMES, _outcome_of(reward))
            .where(reward.task == task, reward.outcome_at >= since, reward.outcome_at < until)
            .order_by(reward.outcome_at, reward.prediction_id)
        )
        with self._reading() as connection:
            rows = rows_of(connection, query)
        return [Rewarded(**{**row._mapping, "outcome": json.loads(row.outcome)}) for row in rows]


def _outcome_of(reward: Any) -> ColumnElement[bool]:
    """The outcome that a reward was judged by; of a shadow's that of the request which it mirrored."""
    outcome = OUTCOMES.c
    mirrored = reward.assigned_to == SHADOW
    cut = func.substr(reward.prediction_id, 1, func.length(reward.prediction_id) - len(shadow_of("")))
    of = case((mirrored, cut), else_=reward.prediction_id)
    return and_(
        outcome.task == reward.task,
        outcome.prediction_id == of,
        outcome.metric == REWARD,
        outcome.event_id == reward.event_id,
    )


def _within(task: str, since: float, until: float | None) -> list[ColumnElement[bool]]:
    bounds = [INPUTS.c.task == task, INPUTS.c.at >= since]
    return bounds if until is None else [*bounds, INPUTS.c.at < until]


def _count(connection: Connection, window: list[ColumnElement[bool]]) -> int:
    return connection.scalar(select(func.count()).select_from(INPUTS).where(*window)) or 0


def _cut(share: float) -> str:
    """The random digits below which that share of all ids lies."""
    return f"{int(share * 16**_RANDOM_DIGITS):0{_RANDOM_DIGITS}x}"


def _person(unit: str | None, salt: bytes) -> bytes | None:
    return None if unit is None else hashlib.blake2b(unit.encode(), digest_size=8, key=salt).digest()


def _joined() -> Select[Any]:
    told = ("unit_id", "label", "score", "confidence", "served_by", "model_version", "assigned_to")
    query = select(INPUTS.c.prediction_id, INPUTS.c.at, INPUTS.c.document, *(EXPOSURES.c[name] for name in told))
    return query.join(EXPOSURES, EXPOSURES.c.prediction_id == INPUTS.c.prediction_id)
