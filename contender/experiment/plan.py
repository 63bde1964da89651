"""What is settled before an experiment starts, so that nobody can settle it afterwards."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Final, NamedTuple

from contender.errors import InvalidInput
from contender.experiment.statistics.power import Duration, Goal, sequential_units
from contender.metrics import DEFAULT_WINDOW_S, MetricRole, PlannedMetric, metric_from
from contender.moments import DAY_S
from contender.routing import BUCKETS
from contender.values import BASELINE, REWARD

HISTORY: Final = "history"
"""The covariate of what a unit's answers before its first counted exposure earned."""


class Step(NamedTuple):
    """A step of a ramp: the challenger's share, and how many of its units it must have seen before the next one."""

    share: float
    units: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """The terms of one experiment; immutable, and named by its `digest`.

    `alpha` and `power` are for the primary metric, two-sided; `level` is what is left of `alpha` for this experiment.
    `metrics` are what is measured, one of them primary at most; without one the primary metric is the task's reward,
    with `smallest_effect`, an absolute difference of its mean, and the window of the plan. The interval is tightest at
    `tuning_units`. No verdict on the metric falls while an arm has fewer than `min_units` units with a value; from
    `horizon_units` (of both arms) on, an effect not seen is reported as not detectable. The challengers get
    `challenger_share` of the counted units. `ratio_alpha` and `ratio_concentration` are the sample-ratio test's level
    and prior. `guardrail_alpha` is the level that all guardrails share; `fallback_margin`, `error_margin`,
    `slow_margin` and `review_margin` are how much higher the challenger's rates may be, as absolute differences.

    A unit's value is final `grace_s` seconds after its window of `window_s` has closed. A unit whose answers were
    reviews earns `review_value`, the price of a review, then; `min_confidence` is the threshold under which answers
    are reviewed. Both are the task's own where the plan leaves them out; `start` fills them in.

    With a `non_inferiority_margin` the challenger need not be better, only less than that much worse. `slow_ms` is what
    counts as slow. A protected group's reward may fall by at most `group_margin`, judged from `group_units` units with
    a value in each arm; with a `favourable_label` impact ratios are guarded too. `max_crossed_share` and
    `max_contradictory_share` are the parts of all units that may have been seen in two arms, or have contradictory
    records; one unit is always allowed. `covariate` is empty, ``baseline`` (the baseline model's score of the unit's
    first row) or ``history`` (what its earlier answers earned): adjust the primary metric by it. `ramp` lists the
    challengers' shares of all people, growing to `challenger_share`, and how many of their units each step must have
    seen before the next; empty for one step. After a promotion `holdout`, a part of all people who were the champion's,
    stays on that version for `holdout_s` seconds, and is compared with the others who were; 0 for nobody.

    `restarts` earlier experiments compared the same versions within `RESTART_DAYS`; with `divide_alpha` this one gets
    its part of `alpha`. Only where `outcomes_ignore_answers`, which the task declares, may a shadow be judged by what
    the other's answer led to.

    Raises:
        InvalidInput: naming the field that is out of its range.
    """

    unit: str = "unit_id"
    alpha: float = 0.05
    power: float = 0.8
    smallest_effect: float = 0.02
    tuning_units: int = 5_000
    min_units: int = 250
    horizon_units: int = 20_000
    challenger_share: float = 0.5
    ratio_alpha: float = 0.01
    ratio_concentration: float = 100.0
    guardrail_alpha: float = 0.01
    fallback_margin: float = 0.01
    review_margin: float = 0.1
    max_crossed_share: float = 0.001
    non_inferiority_margin: float = 0.0
    error_margin: float = 0.005
    slow_ms: float = 150.0
    slow_margin: float = 0.05
    group_margin: float = 0.05
    group_units: int = 250
    favourable_label: str = ""
    max_contradictory_share: float = 0.001
    covariate: str = ""
    ramp: tuple[Step, ...] = ()
    window_s: float = DEFAULT_WINDOW_S
    grace_s: float = 3_600.0
    metrics: tuple[PlannedMetric, ...] = ()
    review_value: float | None = None
    min_confidence: float | None = None
    restarts: int = 0
    divide_alpha: bool = True
    outcomes_ignore_answers: bool = False
    holdout: float = 0.0
    holdout_s: float = 14 * DAY_S

    def __post_init__(self) -> None:
        self._check_names()
        for name, least in _COUNTS.items():
            _check_count(name, getattr(self, name), least)
        for name, high in _POSITIVE.items():
            _check_number(name, getattr(self, name), high, zero=False)
        for name in _NOT_NEGATIVE:
            _check_number(name, getattr(self, name), 1.0, zero=True)
        for name in ("review_value", "min_confidence"):
            if getattr(self, name) is not None:
                _check_number(name, getattr(self, name), math.nextafter(1.0, 2.0), zero=True)
        _check_number("grace_s", self.grace_s, 1e11, zero=True)
        if self.horizon_units < 2 * self.min_units:
            raise InvalidInput("plan.horizon_units", "must hold at least min_units of each arm")
        _check_holdout(self.holdout, self.challenger_share)
        _check_ramp(self.ramp, self.challenger_share)
        _check_metrics(self.metrics)

    def _check_names(self) -> None:
        unit: object = self.unit
        if not isinstance(unit, str) or not unit:
            raise InvalidInput("plan.unit", "must be a name")
        if not isinstance(self.favourable_label, str):
            raise InvalidInput("plan.favourable_label", "must be a label, or empty")
        for name in ("divide_alpha", "outcomes_ignore_answers"):
            if not isinstance(getattr(self, name), bool):
                raise InvalidInput(f"plan.{name}", "must be true or false")
        if self.covariate not in COVARIATES:
            raise InvalidInput("plan.covariate", f"must be one of: {', '.join(COVARIATES[1:])}; or empty")

    @property
    def level(self) -> float:
        """The part of `alpha` that this experiment may spend: earlier ones of the same pair have theirs."""
        return self.alpha / (1 + self.restarts) if self.divide_alpha else self.alpha

    @property
    def primary(self) -> PlannedMetric:
        """The metric that decides."""
        for metric in self.metrics:
            if metric.role == "primary":
                return metric
        return PlannedMetric(
            REWARD,
            "primary",
            "mean",
            window_s=self.window_s,
            default=None,
            smallest_effect=self.smallest_effect,
        )

    @property
    def measured(self) -> tuple[PlannedMetric, ...]:
        """All metrics, the primary first."""
        return (self.primary, *(metric for metric in self.metrics if metric.role != "primary"))

    def of_role(self, role: MetricRole) -> tuple[PlannedMetric, ...]:
        """The metrics of that role."""
        return tuple(metric for metric in self.measured if metric.role == role)

    @property
    def final_after_s(self) -> float:
        """Seconds after its first counted exposure when all of a unit's values are final."""
        return max(metric.window_s for metric in self.measured) + self.grace_s

    @property
    def goal(self) -> Goal:
        """The sequential test's terms, as `contender.experiment.statistics.power` takes them."""
        least = self.min_units / min(self.challenger_share, 1.0 - self.challenger_share)
        return Goal(self.level, self.power, self.tuning_units, least, self.challenger_share)

    @property
    def digest(self) -> str:
        """The sha256 (hex) of the plan's canonical JSON: equal plans have equal digests on every machine."""
        return digest_of(json.loads(self.to_json()))

    def to_json(self) -> str:
        """The plan as canonical JSON: keys sorted, no blanks."""
        terms = asdict(self) | {name: float(getattr(self, name)) for name in (*_POSITIVE, *_NOT_NEGATIVE, "grace_s")}
        return _canonical(terms)


LEAST_UNITS: Final = 100
"""No plan may decide on fewer units in an arm: the interval is asymptotic."""

COVARIATES: Final = ("", BASELINE, HISTORY)
"""What the primary metric may be adjusted by: nothing, or something that was fixed before the answer."""

RESTART_DAYS: Final = 90.0
"""Experiments of the same pair further back are forgotten: people and models are others by then."""

_RETIRED: Final = frozenset({"metric", "outcome_days", "max_late_share", "leave_out_late"})
"""Fields that plans had before values had windows; what was stored with them can still be read."""

_ROUNDING: Final = 1e-9

_COUNTS: Mapping[str, int] = {
    "tuning_units": 1,
    "min_units": LEAST_UNITS,
    "horizon_units": 2 * LEAST_UNITS,
    "group_units": LEAST_UNITS,
    "restarts": 0,
}

_POSITIVE: Mapping[str, float] = {
    "alpha": 0.5,
    "power": 1.0,
    "smallest_effect": 1.0,
    "challenger_share": 1.0,
    "ratio_alpha": 0.5,
    "ratio_concentration": 1e9,
    "guardrail_alpha": 0.5,
    "slow_ms": 1e9,
    "window_s": 1e11,
    "holdout_s": 1e11,
}
"""Numbers above 0 and what they stay under."""

_NOT_NEGATIVE = (
    "fallback_margin",
    "review_margin",
    "max_crossed_share",
    "non_inferiority_margin",
    "error_margin",
    "slow_margin",
    "group_margin",
    "max_contradictory_share",
    "holdout",
)
"""Numbers in [0, 1)."""


def from_json(document: str | bytes) -> Plan:
    """The plan that `document` states; fields left out have their defaults.

    Raises:
        InvalidInput: not a JSON object, a field that plans do not have, or one out of its range.
    """
    try:
        raw = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("plan", f"not JSON: {error}") from error
    if not isinstance(raw, dict):
        raise InvalidInput("plan", "must be an object")
    unknown = sorted(set(raw) - {field.name for field in fields(Plan)})
    if unknown:
        raise InvalidInput(f"plan.{unknown[0]}", "is not a field of a plan")
    return Plan(**raw | {"ramp": _ramp(raw.get("ramp", [])), "metrics": _metrics(raw.get("metrics", []))})


def stored_plan(terms: Mapping[str, object]) -> Plan:
    """The plan of an experiment that was kept with these `terms`, by this program or by one before it.

    Raises:
        InvalidInput: as `from_json`.
    """
    return from_json(json.dumps({name: value for name, value in terms.items() if name not in _RETIRED}))


def has_windows(terms: Mapping[str, object]) -> bool:
    """Whether these stored terms are of a plan whose values have windows; before, outcomes counted when they came."""
    return "window_s" in terms


def digest_of(terms: Mapping[str, object]) -> str:
    """The sha256 (hex) of a plan's stored terms as canonical JSON, whichever fields plans had when it was stored."""
    return hashlib.sha256(_canonical(terms).encode()).hexdigest()


def units_needed(plan: Plan, variance: float, seed: int = 0) -> Duration:
    """How many units the plan asks for when one unit's reward has `variance`: simulated for the sequential test.

    Raises:
        InvalidInput: a variance that is not positive and finite.
    """
    _check_number("variance", variance, math.inf, zero=False)
    return sequential_units(plan.primary.smallest_effect, variance, plan.goal, seed)


def _canonical(terms: Mapping[str, object]) -> str:
    return json.dumps(terms, sort_keys=True, separators=(",", ":"))


def _ramp(raw: object) -> tuple[Step, ...]:
    try:
        return tuple(Step(share, units) for share, units in raw)  # type: ignore[attr-defined]  # what else is refused
    except (TypeError, ValueError) as error:
        raise InvalidInput("plan.ramp", "must be a list of [share, units]") from error


def _check_ramp(ramp: tuple[Step, ...], challenger_share: float) -> None:
    for share, units in ramp:
        _check_number("ramp", share, 1.0, zero=False)
        _check_count("ramp", units, 0)
    shares = [step.share for step in ramp]
    if shares and (sorted(set(shares)) != shares or shares[-1] != challenger_share):
        raise InvalidInput("plan.ramp", f"must grow from step to step and end at {challenger_share:g}")


def _check_holdout(holdout: float, challenger_share: float) -> None:
    if 0.0 < holdout < 1.0 / BUCKETS:
        raise InvalidInput("plan.holdout", f"must be 0 or at least {1.0 / BUCKETS:g}, is {holdout:g}")
    most = (1.0 - challenger_share) / 2.0
    if holdout > most + _ROUNDING:
        problem = f"must be at most {most:g}, half of the champion's share: the other half is compared with it"
        raise InvalidInput("plan.holdout", problem)


def _metrics(raw: object) -> tuple[PlannedMetric, ...]:
    if not isinstance(raw, list):
        raise InvalidInput("plan.metrics", "must be a list of objects")
    return tuple(map(metric_from, raw))


def _check_metrics(metrics: tuple[PlannedMetric, ...]) -> None:
    names = [metric.name for metric in metrics]
    if len(set(names)) < len(names):
        raise InvalidInput("plan.metrics", "names a metric twice")
    primary = [metric for metric in metrics if metric.role == "primary"]
    if len(primary) > 1:
        remedy = "declare one composite metric, or make all but one guardrails or secondary"
        raise InvalidInput("plan.metrics", "must have one primary metric at most", remedy=remedy)
    if not primary and REWARD in names:
        raise InvalidInput("plan.metrics", "reward is the primary metric where no other is")


def _check_count(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InvalidInput(f"plan.{name}", f"must be a whole number of at least {least}")


def _check_number(name: str, value: object, high: float, *, zero: bool) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidInput(f"plan.{name}", "must be a finite number")
    if not 0.0 <= value < high or (value == 0.0 and not zero):
        raise InvalidInput(f"plan.{name}", f"must lie {'from' if zero else 'above'} 0 and under {high:g}, is {value:g}")
