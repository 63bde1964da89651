"""An experiment's aggregates as plain numbers by name, and back: how the store's and a reference's are compared."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from contender.experiment.data import (
    NOTHING,
    ArmData,
    Events,
    ExperimentData,
    GroupData,
    MetricData,
    PairedSample,
    PhaseCount,
    Sample,
    ShadowData,
    Stratum,
)

Figures = dict[str, float]
COUNTS = (
    *("assigned", "exposures", "fallbacks", "reviews"),
    *("fallback_units", "review_units", "error_units", "slow_units"),
)
HAPPENED = ("fallback_units", "error_units", "slow_units")


def close(one: Mapping[str, Any], other: Mapping[str, Any], rel: float = 1e-9) -> dict[str, tuple[Any, Any]]:
    """What differs by more than rounding, or by more than that part of it, by name."""
    names = one.keys() | other.keys()
    pairs = {name: (one.get(name, 0.0), other.get(name, 0.0)) for name in names}
    return {name: pair for name, pair in pairs.items() if not _alike(*pair, rel)}


def _alike(one: Any, other: Any, rel: float) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=rel, abs_tol=1e-9)
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


def data_from(found: Figures) -> ExperimentData:
    """The aggregates that these figures are of; without phases."""
    events = Events(*(int(found.get(name, 0)) for name in ("replayed", "contradictory", "late")))
    arms = {arm: _arm(_part(found, arm)) for arm in _arms(found)}
    shadow = {arm: _shadow(part) for arm in arms if (part := _part(found, f"{arm} shadow"))}
    return ExperimentData(arms, int(found.get("crossed", 0)), (), shadow, events, found["seconds"])


def phases_from(found: Figures) -> list[PhaseCount]:
    """The phases that these figures are of, oldest first."""
    names, arms = _part(found, "phase"), _arms(found)
    return [
        PhaseCount(
            number,
            *(
                {arm: int(names.get(f"{number} {arm} {kind}", 0)) for arm in arms if f"{number} {arm} units" in names}
                for kind in ("units", *HAPPENED)
            ),
        )
        for number in sorted({int(name.split()[0]) for name in names})
    ]


def _arms(found: Figures) -> list[str]:
    return sorted(name.removesuffix(" assigned") for name in found if name.endswith(" assigned"))


def _part(found: Figures, name: str) -> Figures:
    return {key.removeprefix(f"{name} "): value for key, value in found.items() if key.startswith(f"{name} ")}


def _arm(found: Figures) -> ArmData:
    metrics = {name: _metric(_part(found, name)) for name in _owners(found, "matured", words=2)}
    groups = _part(found, "group")
    strata = _part(found, "stratum")
    return ArmData(
        **{name: int(found.get(name, 0)) for name in COUNTS},
        metrics=metrics,
        strata={_stratum(name): _sample(_part(strata, name)) for name in _owners(strata, "n", words=4)},
        covariate_units={int(name): int(units) for name, units in _part(found, "covariate").items()},
        groups={name: _group(_part(groups, name)) for name in _owners(groups, "units", words=2)},
        latency=_bins(_part(found, "latency")),
    )


def _owners(found: Figures, figure: str, *, words: int) -> list[str]:
    """Whose figures of that name there are, in names of so many words."""
    named = sorted(name for name in found if len(name.split()) == words)
    return [name.removesuffix(f" {figure}") for name in named if name.endswith(f" {figure}")]


def _stratum(name: str) -> Stratum:
    fold, number, reviewed = map(int, name.split())
    return Stratum(fold, number, bool(reviewed))


def _group(found: Figures) -> GroupData:
    return GroupData(int(found["units"]), int(found.get("selected", 0)), _metric(found))


def _metric(found: Figures) -> MetricData:
    pairs = _pairs(found)
    divisor = pairs.second if found.get("under squares") else NOTHING
    matured, reviewed = (int(found.get(name, 0)) for name in ("matured", "reviewed"))
    return MetricData(matured, reviewed, pairs.first, divisor, pairs.products, found.get("weight", 0.0))


def _shadow(found: Figures) -> ShadowData:
    return ShadowData(
        _sample(_part(found, "agreement")),
        _pairs(_part(found, "confidence")),
        _pairs(_part(found, "reward")),
        _bins(_part(found, "latency")),
    )


def _pairs(found: Figures) -> PairedSample:
    first = _sample(found)
    second = Sample(first.n, found.get("under", 0.0), found.get("under squares", 0.0))
    return PairedSample(first, second, found.get("products", 0.0))


def _sample(found: Figures) -> Sample:
    return Sample(int(found.get("n", 0)), found.get("total", 0.0), found.get("squares", 0.0))


def _bins(found: Figures) -> tuple[int, ...]:
    return tuple(int(found.get(str(number), 0)) for number in range(64)) if found else ()
