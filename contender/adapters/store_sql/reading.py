"""An experiment's totals as the analysis wants them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select

from contender.adapters.store_sql.contributions import (
    ALL,
    COVARIATE,
    LATENCY,
    SHADOW,
    STRATUM,
    CountKey,
    Counts,
    SumKey,
    Sums,
    gather,
    stratum_of,
)
from contender.adapters.store_sql.database import column_of, rows_of
from contender.adapters.store_sql.intake import CONTRADICTORY
from contender.adapters.store_sql.schema import METRIC_TALLIES, SPANS, TALLIES, UNIT_FAULTS, UNITS
from contender.experiment.data import (
    LATENCY_BINS,
    ArmData,
    Events,
    ExperimentData,
    GroupData,
    MetricData,
    PairedSample,
    PhaseCount,
    Sample,
    ShadowData,
)


class Span(NamedTuple):
    """The seconds between the first and the last exposure, and what came otherwise than it should."""

    seconds: float = 0.0
    events: Events = Events()


class Totals(NamedTuple):
    """All totals of an experiment, running or counted anew; `primary` is the name of its primary metric."""

    counts: dict[CountKey, Counts]
    sums: dict[SumKey, Sums]
    span: Span
    primary: str

    def data(self) -> ExperimentData:
        """The aggregates by arm."""
        by_arm = defaultdict[tuple[str, str], Counts](Counts)
        gather((((key.arm, key.cell), counts) for key, counts in self.counts.items()), by_arm)
        arms = {arm: self._arm(arm, by_arm) for arm, cell in sorted(by_arm) if cell == ALL and by_arm[arm, cell].units}
        crossed = sum(counts.crossed_units for (_, cell), counts in by_arm.items() if cell == ALL)
        shadow = {arm: _shadow(self._of(arm, SHADOW)) for arm in arms if self._of(arm, SHADOW)}
        return ExperimentData(arms, crossed, (), shadow, self.span.events, self.span.seconds)

    def phases(self) -> list[PhaseCount]:
        """Units by the generation in which they were first seen, oldest first."""
        by_generation = defaultdict[int, dict[str, Counts]](dict)
        for key, counts in sorted(self.counts.items()):
            if key.cell == ALL and counts.units:
                by_generation[key.generation][key.arm] = counts
        return [
            PhaseCount(
                generation,
                {arm: counts.units for arm, counts in arms.items()},
                {arm: counts.fallback_units for arm, counts in arms.items()},
                {arm: counts.error_units for arm, counts in arms.items()},
                {arm: counts.slow_units for arm, counts in arms.items()},
            )
            for generation, arms in by_generation.items()
        ]

    def _of(self, arm: str, metric: str) -> dict[str, Sums]:
        return {key.cell: sums for key, sums in self.sums.items() if key.arm == arm and key.metric == metric}

    def _arm(self, arm: str, by_arm: Mapping[tuple[str, str], Counts]) -> ArmData:
        counts, primary = by_arm[arm, ALL], self._of(arm, self.primary)
        strata = {stratum_of(cell): _sample(sums) for cell, sums in primary.items() if cell.startswith(STRATUM)}
        groups = {
            cell: GroupData(found.units, found.selected_units, _metric(primary.get(cell, Sums())))
            for (name, cell), found in sorted(by_arm.items())
            if name == arm and cell != ALL and found.units
        }
        return ArmData(
            assigned=counts.units,
            exposures=counts.exposures,
            fallbacks=counts.fallbacks,
            reviews=counts.reviews,
            fallback_units=counts.fallback_units,
            review_units=counts.review_units,
            error_units=counts.error_units,
            slow_units=counts.slow_units,
            metrics={
                key.metric: _metric(sums)
                for key, sums in sorted(self.sums.items())
                if key.arm == arm and key.cell == ALL and key.metric != SHADOW
            },
            strata={stratum: sample for stratum, sample in strata.items() if sample.n},
            covariate_units=_numbered(primary, COVARIATE),
            groups=groups,
            latency=_bins(primary),
        )


def read_totals(connection: Connection, experiment_id: str, primary: str) -> Totals:
    """All running totals of the experiment: a few rows for each metric, group and generation."""
    counts = rows_of(connection, select(TALLIES).where(TALLIES.c.experiment_id == experiment_id))
    sums = rows_of(connection, select(METRIC_TALLIES).where(METRIC_TALLIES.c.experiment_id == experiment_id))
    return Totals(
        {CountKey(*row[1:4]): Counts(*row[4:]) for row in counts},
        {SumKey(*row[1:4]): Sums(*row[4:]) for row in sums},
        span(connection, experiment_id),
        primary,
    )


def span(connection: Connection, experiment_id: str) -> Span:
    """When the experiment's exposures came, and what came amiss.

    Contradictory records from before units were noted count as a unit each: they held the experiment.
    """
    rows = rows_of(connection, select(SPANS).where(SPANS.c.experiment_id == experiment_id))
    units = connection.scalar(_faulty(experiment_id, func.count())) or 0
    if not rows:
        return Span(0.0, Events(contradictory=units))
    kept = rows[0]
    return Span(kept.last_at - kept.first_at, Events(kept.replayed, units + kept.contradictory, kept.late))


def faulty(connection: Connection, experiment_id: str) -> list[str]:
    """The units of the experiment with records that contradict each other."""
    return column_of(connection, _faulty(experiment_id, UNIT_FAULTS.c.unit_id).order_by(UNIT_FAULTS.c.unit_id))


def crossed(connection: Connection, experiment_id: str) -> list[str]:
    """The units of the experiment that were seen in two arms."""
    query = select(UNITS.c.unit_id).where(UNITS.c.experiment_id == experiment_id, UNITS.c.crossed > 0)
    return [row[0] for row in rows_of(connection, query.order_by(UNITS.c.unit_id))]


def _faulty(experiment_id: str, what: ColumnElement[Any]) -> Select[Any]:
    fault, unit = UNIT_FAULTS.c, UNITS.c
    counted = and_(unit.experiment_id == fault.experiment_id, unit.unit_id == fault.unit_id)
    query = select(what).select_from(UNIT_FAULTS).join(UNITS, counted)
    return query.where(fault.experiment_id == experiment_id, fault.kind == CONTRADICTORY)


def _metric(sums: Sums) -> MetricData:
    divisor = Sample(sums.n, sums.divisor, sums.divisor_squares) if sums.divisor_squares else Sample(0, 0.0, 0.0)
    return MetricData(sums.matured, sums.reviewed, _sample(sums), divisor, sums.products, sums.review_weight)


def _sample(sums: Sums) -> Sample:
    return Sample(sums.n, sums.total, sums.squares)


def _pairs(sums: Sums) -> PairedSample:
    return PairedSample(_sample(sums), Sample(sums.n, sums.divisor, sums.divisor_squares), sums.products)


def _shadow(cells: Mapping[str, Sums]) -> ShadowData:
    empty = Sums()
    return ShadowData(
        agreement=_sample(cells.get("agreement", empty)),
        confidence=_pairs(cells.get("confidence", empty)),
        reward=_pairs(cells.get("reward", empty)),
        latency=_bins(cells),
    )


def _numbered(cells: Mapping[str, Sums], kind: str) -> dict[int, int]:
    found = ((int(cell.split()[1]), sums.matured) for cell, sums in cells.items() if cell.startswith(kind))
    return {number: units for number, units in found if units}


def _bins(cells: Mapping[str, Sums]) -> tuple[int, ...]:
    counted = _numbered(cells, LATENCY)
    return tuple(counted.get(number, 0) for number in range(LATENCY_BINS)) if counted else ()
