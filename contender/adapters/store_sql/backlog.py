"""What still waits for a person: predictions handed over that nothing is known of yet."""

from __future__ import annotations

from sqlalchemy import exists, func, select

from contender.adapters.store_sql.database import Database, rows_of
from contender.adapters.store_sql.schema import EXPOSURES, IS_REVIEW, REWARDS
from contender.values import REVIEW_LABEL, SHADOW


class BacklogRecords(Database):
    """Counts of open cases."""

    def review_backlog(self, task: str, *, since: float) -> int:
        """Predictions of `task` from `since` (seconds since the epoch) on answered ``Review_Required``, not judged yet.

        Shadows' are nobody's cases.
        """
        column = EXPOSURES.c
        judged = exists().where(REWARDS.c.prediction_id == column.prediction_id)
        query = select(func.count()).where(column.task == task, column.at >= since, IS_REVIEW)
        with self._reading() as connection:
            waiting: int | None = connection.scalar(query.where(column.assigned_to != SHADOW, ~judged))
        return waiting or 0

    def answered_by_arm(self, task: str, *, since: float) -> dict[str, tuple[int, int]]:
        """Predictions of `task` from `since` on by assigned arm: how many, and how many were told a model's label."""
        column = EXPOSURES.c
        labelled = func.count().filter(column.label != REVIEW_LABEL)
        query = select(column.assigned_to, func.count(), labelled).where(column.task == task, column.at >= since)
        with self._reading() as connection:
            rows = rows_of(connection, query.group_by(column.assigned_to))
        return {arm: (answered, told) for arm, answered, told in rows}
