"""Serving's side of the store: who was answered what, what became of them, and the reward of it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select

from contender.adapters.store_sql.database import Database, rows_of
from contender.adapters.store_sql.intake import keep_covariates, keep_exposures, keep_outcomes
from contender.adapters.store_sql.schema import EXPOSURES, OUTCOMES, Settled
from contender.adapters.store_sql.settling import Judge, settle_chunk
from contender.values import Covariate, Exposure, Outcome


class ExposureRecords(Database):
    """Exposures and outcomes as they came, and rewards computed from them."""

    def append(
        self, exposures: Sequence[Exposure], outcomes: Sequence[Outcome], covariates: Sequence[Covariate] = ()
    ) -> None:
        """Keep all of them, in one transaction; those already there (by `prediction_id`, `event_id`) are left alone.

        Nothing is counted or judged here: answers wait for this call.

        Raises:
            Unavailable: nothing was kept; the same call may be repeated.
        """
        with self._writing(awaited=True) as connection:
            keep_exposures(connection, exposures)
            keep_outcomes(connection, outcomes)
            keep_covariates(connection, covariates)

    def settle(self, task: str, reward: Judge) -> int:
        """Judge the outcomes of `task` that wait and whose exposure is known; how many rewards are new or changed.

        Of several outcomes of one prediction the earliest by event time counts, whatever the order they came in.
        An outcome that `reward` refuses with `InvalidInput`, or judges outside [0, 1], is set aside as refused. Where
        the plan leaves late outcomes out, they are counted as late and are rewards of no experiment.
        """
        changed = 0
        while True:
            with self._writing(awaited=True) as connection:
                judged = settle_chunk(connection, task, reward, self._clock())
            changed += judged.rewards
            if not judged.more:
                return changed

    def predictions(
        self, task: str, *, limit: int = 100, experiment_id: str | None = None, unit_id: str | None = None
    ) -> list[Exposure]:
        """The latest exposures of `task`, newest first, at most `limit`; without their groups, which are kept apart."""
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
