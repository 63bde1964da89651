"""The same totals counted by the database from units and their values: the proof of the running ones.

And the way back to the records: everything derived is forgotten, and all exposures wait to be counted again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, case, delete, func, literal, null, select

from contender.adapters.store_sql.among import among
from contender.adapters.store_sql.contributions import (
    ALL,
    COVARIATE,
    LATENCY,
    STRATUM,
    CountKey,
    Counts,
    SumKey,
    Sums,
    Traits,
    UnitRow,
    cells_of,
    counts_of,
    gather,
    metric_cells,
    trait_cells,
)
from contender.adapters.store_sql.contributions import SHADOW as SHADOW_METRIC
from contender.adapters.store_sql.database import rows_of, upsert
from contender.adapters.store_sql.reading import Totals, span
from contender.adapters.store_sql.schema import (
    EXPOSURES,
    GROUPS,
    METRIC_TALLIES,
    REWARDS,
    TALLIES,
    UNCOUNTED,
    UNIT_VALUES,
    UNITS,
)
from contender.adapters.store_sql.terms import Terms
from contender.adapters.store_sql.totals import AT_ONCE, groups_of, lock
from contender.experiment.unit_values import UnitValue
from contender.values import REWARD, SHADOW, UNASSIGNED

_CELL: Final = GROUPS.c.attribute + "=" + GROUPS.c.value
_SHADOW_PAIRS: Final[Mapping[str, tuple[ColumnElement[Any], ColumnElement[Any]]]] = {
    "agreement": (UNIT_VALUES.c.agreement, literal(0.0)),
    "confidence": (UNIT_VALUES.c.confidence, UNIT_VALUES.c.shadow_reward),
    "reward": (UNIT_VALUES.c.reward, UNIT_VALUES.c.shadow_reward),
}
_PAIR: Final = 6
"""Figures of a pair of numbers."""
_HAPPENED: Final = {"fallback_units": "fallbacks", "error_units": "errors", "slow_units": "slow"}
_SUMMED: Final = {
    "exposures": "exposures",
    "fallbacks": "fallbacks",
    "reviews": "reviews",
    "review_units": "first_review",
    "selected_units": "selected",
    "crossed_units": "crossed",
}


def count_totals(connection: Connection, experiment_id: str, primary: str) -> Totals:
    """Everything that the running totals should hold, counted from all units."""
    counts: dict[CountKey, Counts] = {}
    for query in _counting(experiment_id):
        counts |= {CountKey(*row[:3]): _typed(Counts, row[3:]) for row in rows_of(connection, query)}
    sums: dict[SumKey, Sums] = {}
    for query in _summing(experiment_id, primary):
        sums |= {SumKey(*row[:3]): _typed(Sums, row[3:]) for row in rows_of(connection, query)}
    gather(_by_traits(connection, experiment_id, primary), sums)
    return Totals(counts, sums, span(connection, experiment_id), primary)


def of_units(connection: Connection, experiment_id: str, terms: Terms, units: Sequence[str]) -> Totals:
    """What these units alone add to the totals."""
    primary = terms.primary.name
    counts: dict[CountKey, Counts] = {}
    sums: dict[SumKey, Sums] = {}
    for at in range(0, len(units), AT_ONCE):
        chosen = list(units[at : at + AT_ONCE])
        groups = groups_of(connection, experiment_id, chosen)
        arms = dict[str, str]()
        for unit, *values in rows_of(connection, _unit_rows(connection, experiment_id, chosen)):
            row, arms[unit] = UnitRow(*values), values[0]
            cells = (ALL, *cells_of(groups[unit]))
            gather(((CountKey(cell, row.generation, row.arm), counts_of(row)) for cell in cells), counts)
        for unit, metric, value, traits in _valued(connection, experiment_id, arms, terms):
            cells = cells_of(groups[unit]) if metric == primary else ()
            gather(metric_cells(metric, arms[unit], value, cells), sums)
            if metric == primary:
                gather(trait_cells(primary, arms[unit], value, traits), sums)
    return Totals(counts, sums, span(connection, experiment_id), primary)


def less(whole: Totals, part: Totals) -> Totals:
    """The totals without those of `part`."""
    counts, sums = dict(whole.counts), dict(whole.sums)
    gather(part.counts.items(), counts, sign=-1)
    gather(part.sums.items(), sums, sign=-1)
    return whole._replace(counts=counts, sums=sums)


def forget(connection: Connection, experiment_id: str) -> None:
    """Forget what was counted and valued, and queue all exposures again; the groups of units stay."""
    lock(connection, [experiment_id])
    for table in (UNITS, UNIT_VALUES, TALLIES, METRIC_TALLIES):
        connection.execute(delete(table).where(table.c.experiment_id == experiment_id))
    column = EXPOSURES.c
    every = select(column.experiment_id, column.received_at, column.prediction_id, null()).where(
        column.experiment_id == experiment_id,
        column.unit_id.is_not(None),
        column.counted == 1,
        column.assigned_to.not_in((UNASSIGNED, SHADOW)),
    )
    names = ["experiment_id", "received_at", "prediction_id", "groups"]
    # Those that wait already stay as they are: only they know the groups of units that nobody has counted yet.
    connection.execute(upsert(connection, UNCOUNTED).from_select(names, every).on_conflict_do_nothing())


def reward_so_far(
    connection: Connection, experiment_id: str, terms: Terms, without: Collection[str] = ()
) -> dict[SumKey, Sums]:
    """The sums of rewards under the old rule: each unit's mean of all that came so far, from the planned share on.

    None where values have windows. Units in `without` are left out.
    """
    if terms.windowed or terms.since is None:
        return {}
    reward, unit = REWARDS.c, UNITS.c
    mine = and_(reward.experiment_id == experiment_id, reward.generation >= terms.since)
    mine = and_(mine, reward.unit_id.not_in(sorted(without)))
    same = and_(unit.experiment_id == experiment_id, unit.unit_id == reward.unit_id)
    means = select(reward.unit_id, reward.assigned_to.label("arm"), func.avg(reward.reward).label("mean"))
    # Only the exposure knows whether it counts: rewards are kept of all, for the health of models.
    counted = and_(EXPOSURES.c.prediction_id == reward.prediction_id, EXPOSURES.c.counted == 1)
    means = means.join(UNITS, same).join(EXPOSURES, counted)
    means = means.where(mine, reward.assigned_to.not_in((SHADOW, UNASSIGNED)))
    each = means.group_by(reward.unit_id, reward.assigned_to).subquery("means")
    query = select(each.c.arm, func.count(), func.sum(each.c.mean), func.sum(each.c.mean * each.c.mean))
    return {
        SumKey(REWARD, ALL, arm): Sums(matured=n, n=n, total=float(total), squares=float(squares))
        for arm, n, total, squares in rows_of(connection, query.group_by(each.c.arm))
    }


def _counting(experiment_id: str) -> Iterator[Select[Any]]:
    column = UNITS.c
    sums: dict[str, ColumnElement[Any]] = {"units": func.count()}
    sums |= {name: func.sum(column[source]) for name, source in _SUMMED.items()}
    sums |= {name: func.sum(case((column[source] > 0, 1), else_=0)) for name, source in _HAPPENED.items()}
    figures, mine = [sums[name] for name in Counts._fields], column.experiment_id == experiment_id
    key = (column.generation, column.arm)
    yield select(literal(ALL), *key, *figures).where(mine).group_by(*key)
    belongs = and_(GROUPS.c.experiment_id == experiment_id, GROUPS.c.unit_id == column.unit_id)
    yield select(_CELL, *key, *figures).join(GROUPS, belongs).where(mine).group_by(_CELL, *key)


def _summing(experiment_id: str, primary: str) -> Iterator[Select[Any]]:
    value = UNIT_VALUES.c
    counted = and_(value.reviewed == 0, value.value.is_not(None))
    first, second = case((counted, value.value)), case((counted, value.divisor))
    figures = [
        func.count(),
        func.sum(value.reviewed),
        func.sum(case((counted, 1), else_=0)),
        func.sum(first),
        func.sum(first * first),
        func.sum(second),
        func.sum(second * second),
        func.sum(first * second),
        func.sum(case((counted, value.review_weight))),
    ]
    mine = value.experiment_id == experiment_id
    key = (value.metric, value.arm)
    yield select(value.metric, literal(ALL), value.arm, *figures).where(mine).group_by(*key)
    belongs = and_(GROUPS.c.experiment_id == experiment_id, GROUPS.c.unit_id == value.unit_id)
    query = select(value.metric, _CELL, value.arm, *figures).select_from(UNIT_VALUES).join(GROUPS, belongs)
    yield query.where(mine, value.metric == primary).group_by(*key, _CELL)


def _by_traits(connection: Connection, experiment_id: str, primary: str) -> Iterator[tuple[SumKey, Sums]]:
    """What units add by what else is known of them, as `contributions.trait_cells` has it for one.

    Units that are alike in all their bins come as one row. SQLite sorts what it groups: small numbers first, and no
    more figures than needed.
    """
    value = UNIT_VALUES.c
    mine = and_(value.experiment_id == experiment_id, value.metric == primary)
    alike = (value.latency, value.bin, value.fold, value.reviewed, value.arm)
    figures = (func.count(), func.count(value.value), func.sum(value.value), func.sum(value.value * value.value))
    shadows = [figure for pair in _SHADOW_PAIRS.values() for figure in _pair_figures(*pair)]
    beside = (value.shadow_latency, value.arm)
    mirrored = select(*beside, func.count(), *shadows).where(mine, value.shadow_latency.is_not(None)).group_by(*beside)
    for query, cells in (
        (select(*alike, *figures).where(mine).group_by(*alike), _primary_cells),
        (mirrored, _shadow_cells),
    ):
        for row in connection.execute(query):
            yield from ((key, sums) for key, sums in cells(primary, row) if any(sums))


def _primary_cells(primary: str, row: Any) -> Iterator[tuple[SumKey, Sums]]:
    latency, number, fold, reviewed, arm, units, n, total, squares = row
    if latency is not None:
        yield SumKey(primary, f"{LATENCY} {latency}", arm), Sums(matured=units)
    if number is not None:
        yield SumKey(primary, f"{COVARIATE} {number}", arm), Sums(matured=units)
        sums = Sums(n=n, total=float(total or 0), squares=float(squares or 0))
        yield SumKey(primary, f"{STRATUM} {fold} {number} {reviewed}", arm), sums


def _shadow_cells(_primary: str, row: Any) -> Iterator[tuple[SumKey, Sums]]:
    latency, arm, units, *figures = row
    yield SumKey(SHADOW_METRIC, f"{LATENCY} {latency}", arm), Sums(matured=units)
    for place, name in enumerate(_SHADOW_PAIRS):
        yield SumKey(SHADOW_METRIC, name, arm), _pairs_of(figures[place * _PAIR :])


def _pair_figures(first: ColumnElement[Any], second: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    """The figures of `_pairs_of`, over the units that have both numbers."""
    both = and_(first.is_not(None), second.is_not(None))
    one, other = case((both, first)), case((both, second))
    sums = (one, one * one, other, other * other, one * other)
    return [func.count(one), *map(func.sum, sums)]


def _pairs_of(figures: Sequence[Any]) -> Sums:
    n, *sums = (figure or 0 for figure in figures[:_PAIR])
    return Sums(0, 0, n, *map(float, sums))


def _valued(
    connection: Connection, experiment_id: str, arms: Mapping[str, str], terms: Terms
) -> Iterator[tuple[str, str, UnitValue, Traits]]:
    """The final values by metric of the units in `arms`, and what came with them."""
    value = UNIT_VALUES.c
    names = ("unit_id", "metric", "value", "divisor", "reviewed", "review_weight", *Traits._fields)
    # All parts of the key are named: there is no other way to a unit than by metric and arm.
    query = select(*(value[name] for name in names)).where(
        value.experiment_id == experiment_id,
        value.metric.in_([metric.name for metric in terms.measured]),
        value.arm.in_(sorted(set(arms.values()))),
        among(connection, value.unit_id, list(arms)),
    )
    for unit, metric, amount, divisor, reviewed, weight, *traits in rows_of(connection, query):
        yield unit, metric, UnitValue(amount, divisor, bool(reviewed), weight), Traits(*traits)


def _unit_rows(connection: Connection, experiment_id: str, units: Sequence[str]) -> Select[Any]:
    columns = [UNITS.c[name] for name in UnitRow._fields]
    mine = and_(UNITS.c.experiment_id == experiment_id, among(connection, UNITS.c.unit_id, units))
    return select(UNITS.c.unit_id, *columns).where(mine)


def _typed(kind: Any, values: Iterable[Any]) -> Any:
    """SQL's sum over no rows is NULL, and PostgreSQL's over integers a Decimal."""
    kinds = (type(default) for default in kind._field_defaults.values())
    return kind(*(one(value or 0) for one, value in zip(kinds, values, strict=True)))
