"""The experiment's side of the store: plans and looks as documents, and an experiment's aggregates by arm.

Aggregates are made by the database: one row an arm reaches Python, however many exposures there are.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import Connection, func, select

from contender.adapters.store_sql.database import column_of, insert_new, rows_of, upsert
from contender.adapters.store_sql.intake import CONTRADICTORY
from contender.adapters.store_sql.pending import PendingRecords
from contender.adapters.store_sql.reading import Totals, crossed, faulty, read_totals
from contender.adapters.store_sql.recounting import count_totals, forget, less, of_units, reward_so_far
from contender.adapters.store_sql.schema import EXPERIMENTS, EXPOSURES, LOOKS, TALLIES
from contender.adapters.store_sql.terms import terms_of
from contender.adapters.store_sql.totals import lock
from contender.errors import InvalidInput, NotFound, Refused
from contender.experiment.data import ExperimentData, PhaseCount
from contender.moments import DAY_S
from contender.values import SHADOW

RUNNING: Final = "running"
"""The `status` of an experiment that `current_experiment` finds."""


MOST_FAULTY: Final = 1_000
"""Units of a fault that are named: a person looks at some, not at more."""


class ExperimentRecords(PendingRecords):
    """Experiments, the looks at them, and what they amount to."""

    def save_experiment(self, document: Mapping[str, Any]) -> None:
        """Keep `document` under its ``id``, in place of an earlier one; ``task`` and ``status`` must be in it too.

        Raises:
            InvalidInput: one of the three is missing or empty.
            Refused: the experiment is kept already with another plan: a plan cannot change after the start.
        """
        row = {name: _text(document, name) for name in ("id", "task", "status")}
        row |= {"document": json.dumps(document)}
        with self._writing() as connection:
            lock(connection, [row["id"]])  # nobody counts by the usual terms while the plan comes
            known = _known(connection, row["id"])
            if known is not None and known.get("plan") != document.get("plan"):
                raise Refused(f"the plan of {row['id']} cannot change any more", remedy="start a new experiment")
            insert = upsert(connection, EXPERIMENTS)
            changed = {name: insert.excluded[name] for name in ("task", "status", "document")}
            connection.execute(
                insert.on_conflict_do_update(index_elements=[EXPERIMENTS.c.id], set_=changed),
                [row | {"saved_at": self._clock()}],
            )
            if known is None and rows_of(connection, select(TALLIES.c.arm).where(TALLIES.c.experiment_id == row["id"])):
                # Exposures came before their plan, and were counted by the usual terms.
                forget(connection, row["id"])

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

    def experiment_data(self, experiment_id: str, without: Collection[str] = ()) -> ExperimentData:
        """The experiment's aggregates by arm; units in `without` are left out of both arms.

        Read from running totals, after those exposures are counted that came since the last look: milliseconds,
        however many there are in all. Only counted exposures take part, and each unit in one arm only. Values are those
        that `settle` found final.
        """
        self._catch_up(experiment_id)
        with self._reading() as connection:
            return _totals(connection, experiment_id, without).data()

    def counted_already(self, experiment_id: str, without: Collection[str] = ()) -> ExperimentData:
        """`experiment_data` as it was when somebody counted last: reads only, for those who may do no more."""
        with self._reading() as connection:
            return _totals(connection, experiment_id, without).data()

    def phase_counts(self, experiment_id: str, without: Collection[str] = ()) -> list[PhaseCount]:
        """Newly exposed units by arm for every generation that exposed some, oldest first; from the running totals.

        A unit counts once: in the generation, and the arm, of its first counted exposure. Units in `without` are left
        out.
        """
        self._catch_up(experiment_id)
        with self._reading() as connection:
            return _totals(connection, experiment_id, without).phases()

    def faulty_units(self, experiment_id: str) -> dict[str, list[str]]:
        """The units whose records cannot be right: ``contradictory``, or seen in two arms (``crossed``); some of them.

        Beyond `MOST_FAULTY` of a kind the rest is left out.
        """
        with self._reading() as connection:
            found = {CONTRADICTORY: faulty(connection, experiment_id), "crossed": crossed(connection, experiment_id)}
        return {kind: units[:MOST_FAULTY] for kind, units in found.items()}

    def counted(self, experiment_id: str) -> Totals:
        """All that `experiment_data` and `phase_counts` tell, counted anew from every unit, by the database."""
        self._catch_up(experiment_id)
        with self._reading() as connection:
            terms = terms_of(connection, experiment_id)
            totals = count_totals(connection, experiment_id, terms.primary.name)
            return totals._replace(sums=totals.sums | reward_so_far(connection, experiment_id, terms))

    def recount(self, experiment_id: str) -> None:
        """Build units and counts anew from the records, under the plan as it is; `settle` values the units anew."""
        with self._writing() as connection:
            forget(connection, experiment_id)
        self._catch_up(experiment_id)

    def daily_units(self, task: str, days: float = 7.0) -> float:
        """Different units a day that asked `task` in the last `days`; of a shorter history, its own rate.

        Of less than a day nothing can be said, which is 0: nobody knows how the day goes on.
        """
        now = self._clock()
        column = EXPOSURES.c
        figures: tuple[Any, ...] = (func.count(column.unit_id.distinct()), func.min(column.at))
        query = select(*figures).where(
            column.task == task, column.at >= now - days * DAY_S, column.assigned_to != SHADOW
        )
        with self._reading() as connection:
            units, first = rows_of(connection, query)[0]
        return units * DAY_S / (now - first) if units and now - first >= DAY_S else 0.0


def _totals(connection: Connection, experiment_id: str, without: Collection[str] = ()) -> Totals:
    """The running totals without those units; under the old rule with what rewards there are so far."""
    terms = terms_of(connection, experiment_id)
    primary = terms.primary.name
    totals = read_totals(connection, experiment_id, primary)
    if without:
        events = totals.span.events
        left_out = sum(unit in without for unit in faulty(connection, experiment_id))
        events = events._replace(contradictory=events.contradictory - left_out)
        rest = less(totals, of_units(connection, experiment_id, terms, sorted(without)))
        totals = rest._replace(span=totals.span._replace(events=events))
    return totals._replace(sums=totals.sums | reward_so_far(connection, experiment_id, terms, without))


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidInput(f"experiment.{name}", "must be a text that is not empty")
    return value


def _document(content: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(content)
    return document


def _known(connection: Connection, experiment_id: str) -> dict[str, Any] | None:
    content = connection.scalar(select(EXPERIMENTS.c.document).where(EXPERIMENTS.c.id == experiment_id))
    return None if content is None else _document(content)
