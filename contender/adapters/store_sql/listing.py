"""Past predictions, page by page: newest first, filtered, and never more at once than asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, and_, or_, select

from contender.adapters.store_sql.database import Database, rows_of
from contender.adapters.store_sql.schema import EXPOSURES
from contender.values import Exposure

OF_EXPOSURE: Final = tuple(column for column in EXPOSURES.columns if column.name != "received_at")
"""The columns that an exposure comes back from."""


class Place(NamedTuple):
    """Where a page ended: the moment and the id of its last prediction."""

    at: float
    prediction_id: str


@dataclass(frozen=True, slots=True)
class Sought:
    """Which predictions: made in [`since`, `until`) (seconds since the epoch), from `source`, assigned to `arm`, of
    `unit`; None leaves a filter out."""

    since: float | None = None
    until: float | None = None
    source: str | None = None
    arm: str | None = None
    unit: str | None = None


class PredictionRecords(Database):
    """The predictions that the store has."""

    def page(self, task: str, sought: Sought, *, limit: int, after: Place | None = None) -> Sequence[Exposure]:
        """At most `limit` predictions of `task`, newest first, that come behind `after`; without their groups.

        Pages neither skip nor repeat what was there when the first was read; what came since is newer than all.
        """
        query = select(*OF_EXPOSURE).where(EXPOSURES.c.task == task, *_conditions(sought))
        if after is not None:
            query = query.where(_behind(after))
        query = query.order_by(EXPOSURES.c.at.desc(), EXPOSURES.c.prediction_id.desc()).limit(limit)
        with self._reading(awaited=True) as connection:
            return [exposure_from(row) for row in rows_of(connection, query)]


def exposure_from(row: Any) -> Exposure:
    """The exposure that a row of `OF_EXPOSURE` holds; without its groups, which are kept apart."""
    return Exposure(**{**row._mapping, "counted": bool(row.counted)})


def _conditions(sought: Sought) -> list[ColumnElement[bool]]:
    column: Any = EXPOSURES.c
    equal = {column.source: sought.source, column.assigned_to: sought.arm, column.unit_id: sought.unit}
    conditions = [name == value for name, value in equal.items() if value is not None]
    if sought.since is not None:
        conditions.append(column.at >= sought.since)
    if sought.until is not None:
        conditions.append(column.at < sought.until)
    return conditions


def _behind(place: Place) -> ColumnElement[bool]:
    at, prediction_id = EXPOSURES.c.at, EXPOSURES.c.prediction_id
    # The first comparison alone lets the index by time begin where the last page ended.
    return and_(at <= place.at, or_(at < place.at, prediction_id < place.prediction_id))
