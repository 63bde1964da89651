"""What drift and decay are measured on: the sampled rows behind exposures, and rewards as they came in."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from sqlalchemy import Select, delete, select

from contender.adapters.store_sql.database import Database, rows_of
from contender.adapters.store_sql.schema import EXPOSURES, INPUTS, OUTCOMES, REWARDS


class Input(NamedTuple):
    """The row behind one exposure, and what was answered; `at` is seconds since the epoch."""

    prediction_id: str
    at: float
    row: dict[str, Any]
    label: str
    score: float | None
    confidence: float | None
    served_by: str
    model_version: str | None
    assigned_to: str


class Rewarded(NamedTuple):
    """One judged prediction; `at` is when its outcome happened, in seconds since the epoch, `reward` in [0, 1]."""

    prediction_id: str
    at: float
    assigned_to: str
    score: float | None
    label: str
    outcome: str | int | float
    reward: float


class InputRecords(Database):
    """Windows over the sampled rows and over rewards."""

    def inputs(self, task: str, *, since: float, until: float | None = None, limit: int = 50_000) -> list[Input]:
        """The sampled rows of exposures in [`since`, `until`) (seconds since the epoch), oldest first.

        At most `limit`; the next window begins at the last one's `at`.
        """
        query = _joined().where(INPUTS.c.task == task, INPUTS.c.at >= since)
        if until is not None:
            query = query.where(INPUTS.c.at < until)
        with self._reading() as connection:
            rows = rows_of(connection, query.order_by(INPUTS.c.at, INPUTS.c.prediction_id).limit(limit))
        return [Input(prediction_id, at, json.loads(row), *told) for prediction_id, at, row, *told in rows]

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
            )
            .join(EXPOSURES, EXPOSURES.c.prediction_id == reward.prediction_id)
            .join(OUTCOMES, OUTCOMES.c.event_id == reward.event_id)
            .where(reward.task == task, reward.outcome_at >= since, reward.outcome_at < until)
            .order_by(reward.outcome_at, reward.prediction_id)
        )
        with self._reading() as connection:
            rows = rows_of(connection, query)
        return [Rewarded(**{**row._mapping, "outcome": json.loads(row.outcome)}) for row in rows]


def _joined() -> Select[Any]:
    told = ("label", "score", "confidence", "served_by", "model_version", "assigned_to")
    query = select(INPUTS.c.prediction_id, INPUTS.c.at, INPUTS.c.document, *(EXPOSURES.c[name] for name in told))
    return query.join(EXPOSURES, EXPOSURES.c.prediction_id == INPUTS.c.prediction_id)
