"""Serving's side of the store: who was answered what, what became of them, and the reward of it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select

from contender.adapters.store_sql.database import rows_of
from contender.adapters.store_sql.intake import keep_covariates, keep_exposures, keep_outcomes, note_repeated
from contender.adapters.store_sql.listing import OF_EXPOSURE, exposure_from
from contender.adapters.store_sql.schema import EXPOSURES, OUTCOMES, Settled
from contender.adapters.store_sql.settling import settle_chunk
from contender.adapters.store_sql.valuing import ValuingRecords
from contender.experiment.unit_values import Judge
from contender.values import Covariate, Exposure, Outcome


class ExposureRecords(ValuingRecords):
    """Exposures and outcomes as they came, and rewards computed from them."""

    def append(
        self, exposures: Sequence[Exposure], outcomes: Sequence[Outcome], covariates: Sequence[Covariate] = ()
    ) -> None:
        """Keep all of them, in one transaction; those already there are left alone.

        Exposures are named by `prediction_id`, outcomes by task, prediction, metric and `event_id`. Nothing is counted
        or judged here: answers wait for this call.

        Raises:
            Unavailable: nothing was kept; the same call may be repeated.
        """
        with self._writing(awaited=True) as connection:
            now = self._clock()
            repeated = [keep_exposures(connection, exposures, now), keep_outcomes(connection, outcomes, now)]
            keep_covariates(connection, covariates, now)
            note_repeated(connection, repeated)

    def settle(self, task: str, reward: Judge) -> int:
        """Judge the outcomes of `task` that wait, and value the units of its running experiments that are due.

        Returns how many rewards are new or changed. Of several truths of one prediction the earliest by event time
        counts, whatever the order they came in; one that `reward` refuses with `InvalidInput`, or judges outside
        [0, 1], is set aside as refused. A unit is valued once, when its window has closed.
        """
        running = self._count_running(task)
        changed, more = 0, True
        while more:
            with self._writing(awaited=True) as connection:
                judged = settle_chunk(connection, task, reward, self._clock())
            changed += judged.rewards
            more = judged.more
        for experiment_id in running:
            self._value_experiment(experiment_id, task, reward)
        return changed

    def predictions(
        self, task: str, *, limit: int = 100, experiment_id: str | None = None, unit_id: str | None = None
    ) -> list[Exposure]:
        """The latest exposures of `task`, newest first, at most `limit`; without their groups, which are kept apart."""
        query = select(*OF_EXPOSURE).where(EXPOSURES.c.task == task)
        if experiment_id is not None:
            query = query.where(EXPOSURES.c.experiment_id == experiment_id)
        if unit_id is not None:
            query = query.where(EXPOSURES.c.unit_id == unit_id)
        query = query.order_by(EXPOSURES.c.at.desc(), EXPOSURES.c.prediction_id).limit(limit)
        with self._reading() as connection:
            return [exposure_from(row) for row in rows_of(connection, query)]

    def prediction(self, task: str, prediction_id: str) -> Exposure | None:
        """The answer of that id, without its groups; None while the store does not have it."""
        column = EXPOSURES.c
        query = select(*OF_EXPOSURE).where(column.task == task, column.prediction_id == prediction_id)
        with self._reading() as connection:
            rows = rows_of(connection, query)
        return exposure_from(rows[0]) if rows else None

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
