"""The experiment's side of the store: plans and looks as documents, and an experiment's aggregates by arm.

Aggregates are made by the database: one row an arm reaches Python, however many exposures there are.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, Subquery, and_, case, func, select

from contender.adapters.store_sql.database import Database, column_of, insert_new, rows_of, upsert
from contender.adapters.store_sql.schema import EXPERIMENTS, EXPOSURES, LOOKS, REWARDS
from contender.errors import InvalidInput, NotFound
from contender.experiment.data import ArmData, ExperimentData, PhaseCount, Sample
from contender.values import REVIEW_LABEL, UNASSIGNED

RUNNING: Final = "running"
"""The `status` of an experiment that `current_experiment` finds."""


class ExperimentRecords(Database):
    """Experiments, the looks at them, and what they amount to."""

    def save_experiment(self, document: Mapping[str, Any]) -> None:
        """Keep `document` under its ``id``, in place of an earlier one; ``task`` and ``status`` must be in it too.

        Raises:
            InvalidInput: one of the three is missing or empty.
        """
        row = {name: _text(document, name) for name in ("id", "task", "status")}
        row |= {"document": json.dumps(document)}
        with self._writing() as connection:
            insert = upsert(connection, EXPERIMENTS)
            changed = {name: insert.excluded[name] for name in ("task", "status", "document")}
            connection.execute(
                insert.on_conflict_do_update(index_elements=[EXPERIMENTS.c.id], set_=changed),
                [row | {"saved_at": self._clock()}],
            )

    def experiment(self, experiment_id: str) -> dict[str, Any]:
        """The document of that experiment.

        Raises:
            NotFound: there is none.
        """
        query = select(EXPERIMENTS.c.document).where(EXPERIMENTS.c.id == experiment_id)
        with self._reading() as connection:
            document = connection.scalar(query)
        if document is None:
            raise NotFound(f"no experiment named {experiment_id!r}", remedy="see `contender experiment status`")
        return _document(document)

    def current_experiment(self, task: str) -> dict[str, Any] | None:
        """The document of the running experiment of `task` that began last, or None."""
        running = [document for document in self.experiments(task) if document["status"] == RUNNING]
        return running[-1] if running else None

    def experiments(self, task: str) -> list[dict[str, Any]]:
        """The documents of all experiments of `task`, in the order they were first saved."""
        query = select(EXPERIMENTS.c.document).where(EXPERIMENTS.c.task == task)
        query = query.order_by(EXPERIMENTS.c.saved_at, EXPERIMENTS.c.id)
        with self._reading() as connection:
            return [_document(document) for document in column_of(connection, query)]

    def save_look(self, experiment_id: str, look: int, verdict: Mapping[str, Any]) -> None:
        """Keep the verdict of look number `look`, for good: a look is not taken back.

        Repeating a look that is there already changes nothing.
        """
        row = {"experiment_id": experiment_id, "look": look, "at": self._clock(), "verdict": json.dumps(verdict)}
        with self._writing() as connection:
            insert_new(connection, LOOKS, [row])

    def looks(self, experiment_id: str) -> list[dict[str, Any]]:
        """All looks at the experiment, first to last, as ``{"look", "at", "verdict"}``."""
        query = select(LOOKS.c.look, LOOKS.c.at, LOOKS.c.verdict).where(LOOKS.c.experiment_id == experiment_id)
        with self._reading() as connection:
            rows = rows_of(connection, query.order_by(LOOKS.c.look))
        return [{"look": look, "at": at, "verdict": json.loads(verdict)} for look, at, verdict in rows]

    def experiment_data(self, experiment_id: str, since_generation: int | None = None) -> ExperimentData:
        """The experiment's aggregates by assigned arm, from exposures of `since_generation` on (None: all of them).

        Exposures without a unit take no part. A unit that was seen in two arms counts in both, and as crossed.
        """
        with self._reading() as connection:
            rewards = _samples(connection, experiment_id, since_generation)
            rows = rows_of(connection, _by_arm(_units(experiment_id, since_generation)))
            crossed = connection.scalar(_crossed(experiment_id, since_generation)) or 0
        nothing = Sample(0, 0.0, 0.0)
        arms = {
            row.assigned_to: ArmData(
                assigned=int(row.assigned),
                exposures=int(row.exposures),
                fallbacks=int(row.fallbacks),
                reviews=int(row.reviews),
                reward=rewards.get(row.assigned_to, nothing),
                fallback_units=int(row.fallback_units),
                review_units=int(row.review_units),
            )
            for row in rows
        }
        return ExperimentData(arms, crossed)

    def phase_counts(self, experiment_id: str) -> list[PhaseCount]:
        """Newly exposed units by arm for every generation that exposed some, oldest first.

        A unit counts once: in the generation, and the arm, of its first exposure; it counts as fallen back if it ever
        did in that arm.
        """
        with self._reading() as connection:
            rows = rows_of(connection, _by_phase(_units(experiment_id, None)))
        units, fallback_units = defaultdict[int, dict[str, int]](dict), defaultdict[int, dict[str, int]](dict)
        for generation, arm, seen, fallen in rows:
            units[generation][arm], fallback_units[generation][arm] = int(seen), int(fallen)
        return [PhaseCount(generation, units[generation], fallback_units[generation]) for generation in units]


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidInput(f"experiment.{name}", "must be a text that is not empty")
    return value


def _document(content: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(content)
    return document


def _exposed(experiment_id: str, since_generation: int | None) -> ColumnElement[bool]:
    column = EXPOSURES.c
    found = and_(column.experiment_id == experiment_id, column.unit_id.is_not(None), column.assigned_to != UNASSIGNED)
    return found if since_generation is None else and_(found, column.generation >= since_generation)


def _units(experiment_id: str, since_generation: int | None) -> Subquery:
    """One row a unit and arm: requests, those not served by the arm, those sent to a person, first generation."""
    column = EXPOSURES.c
    return (
        select(
            column.unit_id,
            column.assigned_to,
            func.count().label("exposures"),
            func.sum(case((column.served_by != column.assigned_to, 1), else_=0)).label("fallbacks"),
            func.sum(case((column.label == REVIEW_LABEL, 1), else_=0)).label("reviews"),
            func.min(column.generation).label("first"),
        )
        .where(_exposed(experiment_id, since_generation))
        .group_by(column.unit_id, column.assigned_to)
        .subquery("units")
    )


def _happened(count: ColumnElement[int]) -> ColumnElement[int]:
    return func.sum(case((count > 0, 1), else_=0))


def _by_arm(units: Subquery) -> Select[Any]:
    column = units.c
    return select(
        column.assigned_to,
        func.count().label("assigned"),
        *(func.sum(column[name]).label(name) for name in ("exposures", "fallbacks", "reviews")),
        _happened(column.fallbacks).label("fallback_units"),
        _happened(column.reviews).label("review_units"),
    ).group_by(column.assigned_to)


def _by_phase(units: Subquery) -> Select[Any]:
    order = (units.c.first, units.c.assigned_to)
    place = func.row_number().over(partition_by=units.c.unit_id, order_by=order)
    placed = select(units, place.label("place")).subquery("placed").c
    return (
        select(placed.first, placed.assigned_to, func.count(), _happened(placed.fallbacks))
        .where(placed.place == 1)
        .group_by(placed.first, placed.assigned_to)
        .order_by(placed.first, placed.assigned_to)
    )


def _crossed(experiment_id: str, since_generation: int | None) -> Select[Any]:
    unit, arm = EXPOSURES.c.unit_id, EXPOSURES.c.assigned_to
    crossed = select(unit).where(_exposed(experiment_id, since_generation)).group_by(unit)
    return select(func.count()).select_from(crossed.having(func.min(arm) != func.max(arm)).subquery("crossed"))


def _samples(connection: Connection, experiment_id: str, since_generation: int | None) -> dict[str, Sample]:
    column = REWARDS.c
    means = (
        select(column.assigned_to, func.avg(column.reward).label("mean"))
        .where(column.experiment_id == experiment_id, column.unit_id.is_not(None), column.assigned_to != UNASSIGNED)
        .group_by(column.unit_id, column.assigned_to)
    )
    if since_generation is not None:
        means = means.where(column.generation >= since_generation)
    mean = means.subquery("means").c
    query = select(mean.assigned_to, func.count(), func.sum(mean.mean), func.sum(mean.mean * mean.mean))
    rows = rows_of(connection, query.group_by(mean.assigned_to))
    return {arm: Sample(int(n), float(total), float(squares)) for arm, n, total, squares in rows}
