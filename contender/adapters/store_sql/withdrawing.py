"""Takes outcomes back that should never have come: all that arrived within a span of time, whosever they are.

The span is the only criterion, and the metric: neither sees an arm. What was derived from the outcomes is derived
anew from those that stay: rewards at once, and running experiments from their records. The outcomes themselves are kept
among the notes, and one that is sent again under its old name is a new one.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, and_, delete, select, update

from contender.adapters.store_sql.among import among
from contender.adapters.store_sql.database import insert_all, rows_of
from contender.adapters.store_sql.intake import CONTRADICTORY
from contender.adapters.store_sql.recounting import forget
from contender.adapters.store_sql.schema import (
    EXPERIMENTS,
    NOTES,
    OUTCOMES,
    REWARDS,
    SPANS,
    UNIT_FAULTS,
    Settled,
)
from contender.adapters.store_sql.settling import late_outcomes, of_task, outcomes_with_exposures, takes_part
from contender.adapters.store_sql.totals import AT_ONCE, lock
from contender.adapters.store_sql.valuing import RUNNING, ValuingRecords
from contender.errors import Refused
from contender.values import REWARD, shadow_of

WITHDRAWN: Final = "withdrawn outcomes"
"""The kind of note under which outcomes that were taken back are kept."""

MOST: Final = 200_000
"""Outcomes that one withdrawal takes back at most: it is one transaction."""

_KEPT: Final = ("prediction_id", "metric", "event_id", "value", "at", "received_at")
_A_NOTE: Final = 500
"""Outcomes in one note."""


class Span(NamedTuple):
    """Arrived at or after `since` and before `until` (seconds since the epoch), and of that metric if one is named."""

    since: float
    until: float
    metric: str = ""


class Withdrawn(NamedTuple):
    """How many outcomes were taken back, of how many units by arm in each running experiment."""

    outcomes: int
    units: dict[str, dict[str, int]]


class WithdrawalRecords(ValuingRecords):
    """Outcomes that arrived, and the way back."""

    def arrived(self, task: str, span: Span) -> Withdrawn:
        """What `withdraw` would take back; nothing changes."""
        with self._reading() as connection:
            return _described(connection, _found(connection, task, span))

    def withdraw(self, task: str, span: Span, now: float) -> Withdrawn:
        """Take back the outcomes of `task` that arrived within the span; `settle` judges and values the rest anew.

        Raises:
            Refused: there are none, or more than `MOST`.
        """
        with self._writing(awaited=True) as connection:
            lock(connection, [f"settle {task}"])
            found = _found(connection, task, span)
            if not 0 < len(found) <= MOST:
                wrong = f"more than {MOST:,} outcomes" if found else "no outcome"
                raise Refused(f"{wrong} arrived in that span", remedy="name another --since and --until")
            withdrawn = _described(connection, found)
            _take_back(connection, task, found, now)
        return withdrawn


def _found(connection: Connection, task: str, span: Span) -> Sequence[Any]:
    column = OUTCOMES.c
    mine = and_(column.received_at >= span.since, column.received_at < span.until)
    if span.metric:
        mine = and_(mine, column.metric == span.metric)
    return rows_of(connection, outcomes_with_exposures(task).where(mine).limit(MOST + 1))


def _described(connection: Connection, found: Sequence[Any]) -> Withdrawn:
    running = set(_running(connection, found))
    units = {(row.experiment_id, row.assigned_to, row.unit_id) for row in found if takes_part(row._mapping)}
    counts = Counter((experiment, arm) for experiment, arm, _ in units if experiment in running)
    by_experiment: dict[str, dict[str, int]] = {}
    for (experiment, arm), number in sorted(counts.items()):
        by_experiment.setdefault(experiment, {})[arm] = number
    return Withdrawn(len(found), by_experiment)


def _running(connection: Connection, found: Sequence[Any]) -> list[str]:
    """The running experiments that the outcomes are of: what has ended stays as it was judged."""
    named = sorted({row.experiment_id for row in found if row.experiment_id is not None})
    column = EXPERIMENTS.c
    query = select(column.id).where(column.status == RUNNING, among(connection, column.id, named))
    return sorted(row.id for row in rows_of(connection, query))


def _take_back(connection: Connection, task: str, found: Sequence[Any], now: float) -> None:
    running = _running(connection, found)
    lock(connection, running)
    _keep(connection, task, found, now)
    _forget_rewards(connection, task, found, running)
    for at in range(0, len(found), AT_ONCE):
        keys = [(row.prediction_id, row.metric, row.event_id) for row in found[at : at + AT_ONCE]]
        connection.execute(delete(OUTCOMES).where(of_task(connection, task, keys)))
    for experiment_id in running:
        units = {row.unit_id for row in found if row.experiment_id == experiment_id and row.unit_id is not None}
        _forgive(connection, experiment_id, sorted(units))
        forget(connection, experiment_id)


def _keep(connection: Connection, task: str, found: Sequence[Any], now: float) -> None:
    """Keep the outcomes as notes: what was taken back can be looked at."""
    rows = []
    for at in range(0, len(found), _A_NOTE):
        outcomes = [[getattr(row, name) for name in _KEPT] for row in found[at : at + _A_NOTE]]
        document = json.dumps({"columns": list(_KEPT), "outcomes": outcomes})
        rows.append((task, WITHDRAWN, f"{now:.6f} {at // _A_NOTE:06d}", now, document))
    insert_all(connection, NOTES, ("task", "kind", "key", "at", "document"), rows)


def _forget_rewards(connection: Connection, task: str, found: Sequence[Any], running: Collection[str]) -> None:
    """Forget what these predictions earned, and have the truths that stay judged again.

    Late ones are no longer counted, in `running` experiments those that go, in all those that are judged again.
    """
    predictions = sorted({row.prediction_id for row in found})
    gone = {(row.prediction_id, row.metric, row.event_id) for row in found}
    late = Counter[str]()
    for at in range(0, len(predictions), AT_ONCE):
        chosen = predictions[at : at + AT_ONCE]
        mine = among(connection, OUTCOMES.c.prediction_id, chosen)
        judged = rows_of(connection, outcomes_with_exposures(task).where(mine, OUTCOMES.c.settled != 0))
        recounted = [row for row in judged if _is_recounted(row, gone, running)]
        late.update(late_outcomes(connection, recounted))
        rewarded = [*chosen, *map(shadow_of, chosen)]
        connection.execute(delete(REWARDS).where(among(connection, REWARDS.c.prediction_id, rewarded)))
        waits = {"settled": Settled.PENDING.value, "due": 0.0, "tries": 0}
        truth = OUTCOMES.c.metric == REWARD
        connection.execute(update(OUTCOMES).where(OUTCOMES.c.task == task, mine, truth).values(waits))
    for experiment_id, count in sorted(late.items()):
        less = update(SPANS).where(SPANS.c.experiment_id == experiment_id)
        connection.execute(less.values(late=SPANS.c.late - count))


def _is_recounted(row: Any, gone: Collection[tuple[str, str, str]], running: Collection[str]) -> bool:
    """Whether the outcome's part in the count of late ones ends: it goes from a running experiment, or is told anew."""
    return row.experiment_id in running if _key(row) in gone else row.metric == REWARD


def _key(row: Any) -> tuple[str, str, str]:
    return row.prediction_id, row.metric, row.event_id


def _forgive(connection: Connection, experiment_id: str, units: Collection[str]) -> None:
    """Forget that these units contradicted themselves: if their other truths do, it is noted again."""
    column = UNIT_FAULTS.c
    ordered = sorted(units)
    for at in range(0, len(ordered), AT_ONCE):
        mine = among(connection, column.unit_id, ordered[at : at + AT_ONCE])
        of_kind = and_(column.experiment_id == experiment_id, column.kind == CONTRADICTORY)
        connection.execute(delete(UNIT_FAULTS).where(of_kind, mine))
