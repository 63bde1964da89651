"""An experiment's totals as the analysis wants them."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import NamedTuple

from sqlalchemy import Connection, select

from contender.adapters.store_sql.database import rows_of
from contender.adapters.store_sql.schema import SPANS, TALLIES
from contender.adapters.store_sql.tally import ALL, FIRST, PAIRED, Measures, Place, Totals
from contender.experiment.data import ArmData, Events, ExperimentData, GroupData, PairedSample, PhaseCount, Sample
from contender.values import SHADOW


class Span(NamedTuple):
    """The seconds between the first and the last exposure, and what came otherwise than it should."""

    seconds: float = 0.0
    events: Events = Events()


class Counts(NamedTuple):
    """All totals of an experiment, running or counted anew, as the analysis asks for them."""

    totals: Totals
    seen: Span

    def data(self, since_generation: int | None = None) -> ExperimentData:
        """The aggregates by arm from that generation on (None: of the whole experiment)."""
        least = -math.inf if since_generation is None else since_generation
        # Nobody was seen between the generation asked for and the next one that there are totals for.
        starts = [place.generation for place in self.totals if place.cell != FIRST and place.generation >= least]
        start = min(starts, default=None)
        totals = {p: m for p, m in self.totals.items() if p.cell != FIRST and p.generation == start}
        return _data_of(totals, self.seen)

    def phases(self) -> list[PhaseCount]:
        """Units by the generation in which they were first seen, oldest first."""
        return _phases_of({place: measures for place, measures in self.totals.items() if place.cell == FIRST})


def read_data(connection: Connection, experiment_id: str, since_generation: int | None) -> ExperimentData:
    """The running totals from that generation on (None: of the whole experiment)."""
    return Counts(read_totals(connection, experiment_id), span(connection, experiment_id)).data(since_generation)


def read_phases(connection: Connection, experiment_id: str) -> list[PhaseCount]:
    """Units by the generation in which they were first seen, oldest first."""
    return Counts(read_totals(connection, experiment_id), Span()).phases()


def read_totals(connection: Connection, experiment_id: str) -> Totals:
    """All running totals of the experiment: a few rows for each generation."""
    columns = [TALLIES.c[name] for name in (*Place._fields, *Measures._fields)]
    rows = rows_of(connection, select(*columns).where(TALLIES.c.experiment_id == experiment_id))
    width = len(Place._fields)
    return {Place(*row[:width]): Measures(*row[width:]) for row in rows}


def span(connection: Connection, experiment_id: str) -> Span:
    """When the experiment's exposures came."""
    rows = rows_of(connection, select(SPANS).where(SPANS.c.experiment_id == experiment_id))
    if not rows:
        return Span()
    return Span(rows[0].last_at - rows[0].first_at, Events(*(getattr(rows[0], name) for name in Events._fields)))


def _data_of(totals: Totals, seen: Span) -> ExperimentData:
    """Totals of one generation on, as the analysis takes them; empty cells are left out."""
    groups = defaultdict[str, dict[str, GroupData]](dict)
    shadow = {}
    for place, measures in totals.items():
        if place.cell == PAIRED and measures.pair_units:
            shadow[place.arm] = _pairs(measures)
        elif place.cell not in (ALL, PAIRED) and measures.units:
            groups[place.arm][place.cell] = GroupData(measures.units, measures.selected_units, _reward(measures))
    everyone = {
        place.arm: measures
        for place, measures in totals.items()
        if place.cell == ALL and place.arm != SHADOW and measures.units
    }
    arms = {arm: _arm(measures, dict(sorted(groups[arm].items()))) for arm, measures in everyone.items()}
    crossed = sum(measures.crossed_units for measures in everyone.values())
    return ExperimentData(arms, crossed, (), shadow, seen.events, seen.seconds)


def _phases_of(totals: Totals) -> list[PhaseCount]:
    """Units by the generation in which they were first seen, oldest first."""
    by_generation = defaultdict[int, dict[str, Measures]](dict)
    for place, measures in sorted(totals.items()):
        if measures.units:
            by_generation[place.generation][place.arm] = measures
    return [
        PhaseCount(
            generation,
            {arm: measures.units for arm, measures in arms.items()},
            {arm: measures.fallback_units for arm, measures in arms.items()},
            {arm: measures.error_units for arm, measures in arms.items()},
            {arm: measures.slow_units for arm, measures in arms.items()},
            {arm: measures.outcome_units for arm, measures in arms.items()},
        )
        for generation, arms in by_generation.items()
    ]


def _arm(measures: Measures, groups: dict[str, GroupData]) -> ArmData:
    return ArmData(
        assigned=measures.units,
        exposures=measures.exposures,
        fallbacks=measures.fallbacks,
        reviews=measures.reviews,
        reward=_reward(measures),
        fallback_units=measures.fallback_units,
        review_units=measures.review_units,
        error_units=measures.error_units,
        slow_units=measures.slow_units,
        outcome_units=measures.outcome_units,
        baseline=_pairs(measures),
        groups=groups,
    )


def _reward(measures: Measures) -> Sample:
    return Sample(measures.outcome_units, measures.reward_total, measures.reward_squares)


def _pairs(measures: Measures) -> PairedSample:
    return PairedSample(
        Sample(measures.pair_units, measures.pair_total, measures.pair_squares),
        Sample(measures.pair_units, measures.baseline_total, measures.baseline_squares),
        measures.products,
    )
