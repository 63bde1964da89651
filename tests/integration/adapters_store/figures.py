"""An experiment's aggregates as plain numbers by name: how the store's and a reference's are compared."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from contender.experiment.data import (
    ArmData,
    ExperimentData,
    MetricData,
    PairedSample,
    PhaseCount,
    Sample,
    ShadowData,
)

Figures = dict[str, float]
COUNTS = (
    *("assigned", "exposures", "fallbacks", "reviews"),
    *("fallback_units", "review_units", "error_units", "slow_units"),
)
HAPPENED = ("fallback_units", "error_units", "slow_units")


def close(one: Mapping[str, Any], other: Mapping[str, Any], *, rounding: float = 1e-9) -> dict[str, tuple[Any, Any]]:
    """What differs by more than rounding, by name: by that part of the larger, or by next to nothing."""
    names = one.keys() | other.keys()
    pairs = {name: (one.get(name, 0.0), other.get(name, 0.0)) for name in names}
    return {name: pair for name, pair in pairs.items() if not _alike(*pair, rounding)}


def _alike(one: Any, other: Any, rounding: float) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=rounding, abs_tol=1e-9)
    return bool(one == other)


def flat(value: Any, name: str = "") -> dict[str, Any]:
    """A JSON document's leaves by their path."""
    if isinstance(value, Mapping):
        pairs: Iterable[tuple[Any, Any]] = value.items()
    elif isinstance(value, list | tuple):
        pairs = enumerate(value)
    else:
        return {name: value}
    return {path: leaf for key, item in pairs for path, leaf in flat(item, f"{name}/{key}").items()}


def figures(data: ExperimentData, phases: Iterable[PhaseCount] = ()) -> Figures:
    """Every figure that is not 0."""
    found: Figures = {"crossed": data.crossed_units, "seconds": data.seconds}
    found |= dict(zip(("replayed", "contradictory", "late"), data.events, strict=True))
    for name, arm in data.arms.items():
        found |= {f"{name} {figure}": amount for figure, amount in _of_arm(arm)}
    for name, shadow in data.shadow.items():
        found |= {f"{name} shadow {figure}": amount for figure, amount in _of_shadow(shadow)}
    for phase in phases:
        for kind in ("units", *HAPPENED):
            found |= {f"phase {phase.generation} {name} {kind}": n for name, n in getattr(phase, kind).items()}
    return {name: amount for name, amount in found.items() if abs(amount) > 1e-12}


def _of_arm(arm: ArmData) -> Iterator[tuple[str, float]]:
    yield from ((name, getattr(arm, name)) for name in COUNTS)
    for name, metric in arm.metrics.items():
        yield from _named(name, _of_metric(metric))
    for name, group in arm.groups.items():
        yield f"group {name} units", group.units
        yield f"group {name} selected", group.selected
        yield from _named(f"group {name}", _of_metric(group.metric))
    yield from ((f"latency {number}", units) for number, units in enumerate(arm.latency))
    yield from ((f"covariate {number}", units) for number, units in arm.covariate_units.items())
    for stratum, sample in arm.strata.items():
        yield from _named(f"stratum {stratum.fold} {stratum.bin} {int(stratum.reviewed)}", _of_sample(sample))


def _of_metric(metric: MetricData) -> Iterator[tuple[str, float]]:
    yield from zip(("matured", "reviewed"), metric[:2], strict=True)
    yield from _of_pairs(metric.pairs)
    yield "weight", metric.review_weight


def _of_shadow(shadow: ShadowData) -> Iterator[tuple[str, float]]:
    yield from _named("agreement", _of_sample(shadow.agreement))
    yield from _named("confidence", _of_pairs(shadow.confidence))
    yield from _named("reward", _of_pairs(shadow.reward))
    yield from ((f"latency {number}", units) for number, units in enumerate(shadow.latency))


def _of_pairs(pairs: PairedSample) -> Iterator[tuple[str, float]]:
    yield from _of_sample(pairs.first)
    yield from zip(("under", "under squares"), pairs.second[1:], strict=True)
    yield "products", pairs.products


def _of_sample(sample: Sample) -> Iterator[tuple[str, float]]:
    return zip(("n", "total", "squares"), sample, strict=True)


def _named(name: str, found: Iterable[tuple[str, float]]) -> Iterator[tuple[str, float]]:
    yield from ((f"{name} {figure}", amount) for figure, amount in found)
