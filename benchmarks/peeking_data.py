"""Simulated counts in the product's words: the plan of a cell, and one look of one experiment as `ExperimentData`."""

from __future__ import annotations

from typing import Any, Final

from benchmarks.peeking_cells import Cell
from benchmarks.peeking_counts import INCIDENTS, Counts, Strata, Values
from benchmarks.peeking_people import ACCEPTANCE, BINS, GRACE_DAYS, LOOKS, UNKNOWN
from contender.experiment.data import (
    ArmData,
    Events,
    ExperimentData,
    GroupData,
    MetricData,
    Phase,
    Sample,
    Stratum,
)
from contender.experiment.plan import Plan
from contender.experiment.unit_values import UNKNOWN_BIN
from contender.metrics import PlannedMetric
from contender.moments import DAY_S
from contender.values import BASELINE, CHALLENGER, CHAMPION, REWARD

GUARDED: Final = "acceptance"
EVENT: Final = "hire"


def plan_of(cell: Cell, alpha: float = 0.05) -> Plan:
    """The plan of the cell's experiments."""
    window = cell.window_days * DAY_S
    metrics: list[PlannedMetric] = []
    if not cell.observed:
        kind: Any = "proportion" if cell.proportion else "mean"
        metrics.append(PlannedMetric(EVENT, "primary", kind, window_s=window))
    if cell.full:
        metrics.append(PlannedMetric(GUARDED, "guardrail", window_s=window, margin=ACCEPTANCE / 2))
    return Plan(
        alpha=alpha,
        challenger_share=cell.share,
        min_units=cell.min_units,
        horizon_units=max(20_000, 2 * cell.min_units),
        favourable_label="invite" if cell.full else "",
        covariate=BASELINE if cell.covariate else "",
        window_s=window,
        grace_s=GRACE_DAYS * DAY_S,
        metrics=tuple(metrics),
        review_value=cell.mean_price,
        restarts=cell.restarts,
    )


def arm_names(cell: Cell) -> list[str]:
    """The champion, then the challengers."""
    if cell.challengers == 1:
        return [CHAMPION, CHALLENGER]
    return [CHAMPION, *(f"{CHALLENGER}-{number}" for number in range(1, cell.challengers + 1))]


def data_at(cell: Cell, counts: Counts, experiment: int, look: int) -> ExperimentData:
    """What that look of that experiment sees."""
    at = (experiment, look)
    names = arm_names(cell)
    seconds = (look + 1) / LOOKS * (cell.days + cell.window_days) * DAY_S
    return ExperimentData(
        {name: _arm(cell, counts, (*at, number)) for number, name in enumerate(names)},
        crossed_units=counts.crossed,
        phases=tuple(_phase(counts, names, (*at, step)) for step in range(_begun(counts, at))),
        events=Events(contradictory=counts.contradictory),
        seconds=seconds,
    )


def _arm(cell: Cell, counts: Counts, at: tuple[int, int, int]) -> ArmData:
    units = int(counts.assigned[at])
    fallbacks, errors, slow = (int(counts.happened(name)[at]) for name in INCIDENTS)
    reviews = int(counts.reviews[at])
    metrics = {EVENT if not cell.observed else REWARD: _metric(counts.values, at)}
    if counts.guarded is not None:
        metrics[GUARDED] = _metric(counts.guarded, at)
    return ArmData(
        units,
        units,
        fallbacks,
        reviews,
        fallback_units=fallbacks,
        review_units=reviews,
        error_units=errors,
        slow_units=slow,
        metrics=metrics,
        strata={} if counts.strata is None else _strata(counts.strata, at),
        covariate_units={} if counts.strata is None else _bins(counts.strata, at),
        groups={
            f"gender={name}": GroupData(int(group.units[at]), int(group.selected[at]), _metric(group.values, at))
            for name, group in counts.groups.items()
        },
    )


def _metric(values: Values, at: tuple[int, int, int]) -> MetricData:
    value = Sample(int(values.n[at]), float(values.total[at]), float(values.squares[at]))
    weight = float(values.review_weight[at])
    return MetricData(int(values.matured[at]), int(values.reviewed[at]), value, review_weight=weight)


def _strata(strata: Strata, at: tuple[int, int, int]) -> dict[Stratum, Sample]:
    found = {}
    for fold in range(2):
        for number in range(BINS + 1):
            for reviewed in range(2):
                place = (*at, fold, number, reviewed)
                if n := int(strata.n[place]):
                    key = Stratum(fold, UNKNOWN_BIN if number == UNKNOWN else number, bool(reviewed))
                    found[key] = Sample(n, float(strata.total[place]), float(strata.squares[place]))
    return found


def _bins(strata: Strata, at: tuple[int, int, int]) -> dict[int, int]:
    counts = enumerate(strata.bins[at])
    return {UNKNOWN_BIN if number == UNKNOWN else number: int(units) for number, units in counts if units}


def _begun(counts: Counts, at: tuple[int, int]) -> int:
    """How many steps of the ramp somebody was first seen in."""
    seen = counts.units[at].sum(axis=1)
    return max(1, 1 + max((step for step, units in enumerate(seen) if units), default=0))


def _phase(counts: Counts, names: list[str], at: tuple[int, int, int]) -> Phase:
    units, fallbacks, errors, slow = (
        dict(zip(names, map(int, row), strict=True))
        for row in (counts.units[at], *(counts.incidents[name][at] for name in INCIDENTS))
    )
    shares = dict(zip(names, counts.shares[at[2]].tolist(), strict=True))
    return Phase(shares, units, fallbacks, errors, slow, generation=at[2])
