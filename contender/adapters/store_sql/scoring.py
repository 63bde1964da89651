"""Scoring rates of groups of people: who scored above the median, counted by the database."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from sqlalchemy import CTE, Select, and_, case, func, select

from contender.adapters.store_sql.database import rows_of
from contender.adapters.store_sql.pending import PendingRecords
from contender.adapters.store_sql.schema import EXPOSURES, GROUPS
from contender.experiment.fairness import UNKNOWN
from contender.experiment.statistics.bernoulli import Count
from contender.values import SHADOW, UNASSIGNED

Scores = dict[str, dict[str, dict[str, Count]]]
"""By arm, attribute and group: how many people scored above the median, of how many."""

_NO_ANSWER: Final = (SHADOW, UNASSIGNED)


class ScoringRecords(PendingRecords):
    """What `contender.experiment.fairness.scoring_counts` counts, without a score leaving the database."""

    def scoring_counts(self, experiment_id: str) -> Scores:
        """People of each group whose score lies strictly above the median of all of known group in their arm.

        A person's score is the mean of the scores of the requests; who was never scored, or told no group at all,
        takes no part. The groups of one attribute are what `fairness.impact_ratios` takes.
        """
        self._catch_up(experiment_id)
        with self._reading() as connection:
            rows = rows_of(connection, _above(_scored(experiment_id)))
        found: Scores = defaultdict(lambda: defaultdict(dict))
        for arm, attribute, group, above, people in rows:
            found[arm][attribute][group] = Count(int(above), people)
        return {arm: dict(attributes) for arm, attributes in found.items()}


def _scored(experiment_id: str) -> CTE:
    """One row a person, arm and attribute."""
    column = EXPOSURES.c
    person = (column.unit_id, column.assigned_to)
    people = select(*person, func.avg(column.score).label("score")).where(
        column.experiment_id == experiment_id,
        column.counted == 1,
        column.score.is_not(None),
        column.assigned_to.not_in(_NO_ANSWER),
    )
    scored = people.group_by(*person).cte("people")
    belongs = and_(GROUPS.c.experiment_id == experiment_id, GROUPS.c.unit_id == scored.c.unit_id)
    return (
        select(scored.c.assigned_to, GROUPS.c.attribute, GROUPS.c.value, scored.c.score)
        .join(GROUPS, belongs)
        .cte("scored")
    )


def _above(scored: CTE) -> Select[tuple[str, str, str, int, int]]:
    within = (scored.c.assigned_to, scored.c.attribute)
    place = func.row_number().over(partition_by=within, order_by=scored.c.score).label("place")
    people = func.count().over(partition_by=within).label("people")
    known = select(*within, scored.c.score, place, people).where(scored.c.value != UNKNOWN).subquery("known")
    # Of an even number the lower of the two in the middle: nobody lies between them, so the same people are above.
    middle = (
        select(known.c.assigned_to, known.c.attribute, known.c.score)
        .where(known.c.place * 2 >= known.c.people, known.c.place * 2 <= known.c.people + 1)
        .subquery("middle")
    )
    same = and_(middle.c.assigned_to == scored.c.assigned_to, middle.c.attribute == scored.c.attribute)
    higher = func.sum(case((scored.c.score > middle.c.score, 1), else_=0))
    key = (*within, scored.c.value)
    return select(*key, higher, func.count()).outerjoin(middle, same).group_by(*key).order_by(*key)
