"""What cannot be true of an experiment's aggregates, whatever happened to its units."""

from __future__ import annotations

import math
from collections.abc import Iterator

from contender.errors import InvalidInput
from contender.experiment.data import (
    ArmData,
    ExperimentData,
    GroupData,
    MetricData,
    PairedSample,
    Phase,
    Sample,
    ShadowData,
)
from contender.experiment.ranges import check_pairs
from contender.values import CHAMPION, SHADOW

_VALUES = "the sums are not those of values of at least 0"

_ROUNDING = 1e-6
"""Sums over many units carry rounding errors; this part of a unit each is none."""


def faults(data: ExperimentData, challenger: str) -> tuple[str, ...]:
    """Everything that is wrong with `data`, in words; empty when it can be judged."""
    missing = [name for name in (CHAMPION, challenger) if name not in data.arms and name != SHADOW]
    if missing:
        return tuple(f"no arm named {name}" for name in missing)
    found = [f"{name}: {fault}" for name, arm in data.arms.items() for fault in _arm_faults(arm)]
    found += [f"phase {number}: {fault}" for number, phase in enumerate(data.phases) for fault in _phase_faults(phase)]
    found += [f"shadow: {fault}" for shadow in data.shadow.values() for fault in _shadow_faults(shadow)]
    if min(data.crossed_units, *data.events) < 0:
        found.append("crossed units or events are negative")
    if not math.isfinite(data.seconds):
        found.append("its length is no number")
    return tuple(found)


def _arm_faults(arm: ArmData) -> Iterator[str]:
    happened = (arm.fallback_units, arm.review_units, arm.error_units, arm.slow_units)
    matured = tuple(metric.matured for metric in arm.metrics.values())
    if min(arm.assigned, arm.exposures, arm.fallbacks, arm.reviews, *happened, *matured) < 0:
        yield "a count is negative"
    if arm.assigned > arm.exposures:
        yield "more units than exposures"
    if max(arm.fallbacks, arm.reviews) > arm.exposures:
        yield "more fallbacks or reviews than exposures"
    if max((*happened, *matured)) > arm.assigned:
        yield "more units counted than assigned"
    for name, metric in arm.metrics.items():
        yield from (f"{name}: {fault}" for fault in _metric_faults(metric))
    for name, group in arm.groups.items():
        yield from (f"{name}: {fault}" for fault in _group_faults(group))
    if any(not _possible(sample) for sample in arm.strata.values()):
        yield _VALUES


def _shadow_faults(shadow: ShadowData) -> Iterator[str]:
    if not _possible(shadow.agreement):
        yield _VALUES
    for pairs in (shadow.confidence, shadow.reward):
        yield from _pair_faults(pairs)


def _metric_faults(metric: MetricData) -> Iterator[str]:
    if not 0 <= metric.reviewed <= metric.matured or not 0 <= metric.value.n <= metric.answered:
        yield "more units have a value than could have one"
    if not _possible(metric.value):
        yield _VALUES
        return
    if metric.divisor.n:
        yield from _pair_faults(metric.pairs)


def _group_faults(group: GroupData) -> Iterator[str]:
    if not 0 <= group.selected <= group.units:
        yield f"{group.selected} of {group.units} units are selected"
    yield from _metric_faults(group.metric)


def _pair_faults(pairs: PairedSample) -> Iterator[str]:
    try:
        check_pairs(pairs)
    except InvalidInput as error:
        yield error.message


def _possible(sample: Sample) -> bool:
    """Whether values of at least 0 can have these sums: by Cauchy and Schwarz total² is at most n times the squares."""
    n, total, squares = sample
    if n < 0 or not (math.isfinite(total) and math.isfinite(squares)):
        return False
    slack = _ROUNDING * (n + 1.0) * max(1.0, squares / n if n else 1.0)
    return min(total, squares) >= -slack and total * total <= n * squares + slack * (n + 1.0)


def _phase_faults(phase: Phase) -> Iterator[str]:
    shares = phase.shares
    if any(not 0.0 <= share <= 1.0 for share in shares.values()) or abs(sum(shares.values()) - 1.0) > _ROUNDING:
        yield "shares do not sum to 1"
    for counts in phase[1:5]:
        if not counts.keys() <= shares.keys():
            yield "counts an arm that has no share"
        if any(count < 0 for count in counts.values()):
            yield "a count is negative"
    for happened in phase[2:5]:
        if any(count > phase.units.get(arm, 0) for arm, count in happened.items()):
            yield "more units met something than there were"
