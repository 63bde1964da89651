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
from contender.values import BASELINE


class Step(NamedTuple):
    """A step of a ramp: the challenger's share, and how many of its units it must have seen before the next one."""

    share: float
    units: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """The terms of one experiment; immutable, and named by its `digest`.

    `alpha` and `power` are for the primary metric, two-sided, whose `smallest_effect` worth having is an absolute
    difference of its mean; the interval is tightest at `tuning_units`. No verdict on the metric falls while an arm has
    fewer than `min_units` units with an outcome; from `horizon_units` (of both arms) on, an effect not seen is reported
    as not detectable. The challenger gets `challenger_share` of the units. `ratio_alpha` and `ratio_concentration` are
    the sample-ratio test's level and prior. `guardrail_alpha` is each guardrail's level; `fallback_margin` and
    `review_margin` are how much higher the challenger's rates may be, as absolute differences.
    `max_crossed_share` is the part of all units that may have been seen in two arms.

    With a `non_inferiority_margin` the challenger need not be better, only less than that much worse. `error_margin`
    and `slow_margin` bound the excess of units answered by nobody and of units that waited longer than `slow_ms`. A
    protected group's reward may fall by at most `group_margin`, judged from `group_units` units with an outcome in
    each arm; with a `favourable_label` impact ratios are guarded too. Outcomes should come within `outcome_days`;
    `max_late_share` of them may be later, `max_contradictory_share` of the exposures may have contradictory records.
    A late outcome counts like any other, or with `leave_out_late` not at all; the late ones are counted either way.
    `covariate` is empty, or ``baseline``: adjust rewards by the baseline model's on the same requests. `ramp` lists
    the challenger's shares, growing to `challenger_share`, and how many of its units each step must have seen before
    the next; empty for one step.

    Raises:
        InvalidInput: naming the field that is out of its range.
    """

    unit: str = "unit_id"
    metric: str = "reward"
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
    max_crossed_share: float = 0.0
    non_inferiority_margin: float = 0.0
    error_margin: float = 0.005
    slow_ms: float = 150.0
    slow_margin: float = 0.05
    group_margin: float = 0.05
    group_units: int = 250
    favourable_label: str = ""
    outcome_days: float = 30.0
    max_late_share: float = 0.05
    max_contradictory_share: float = 0.001
    leave_out_late: bool = False
    covariate: str = ""
    ramp: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        self._check_names()
        for name, least in _COUNTS.items():
            _check_count(name, getattr(self, name), least)
        for name, high in _POSITIVE.items():
            _check_number(name, getattr(self, name), high, zero=False)
        for name in _NOT_NEGATIVE:
            _check_number(name, getattr(self, name), 1.0, zero=True)
        if self.horizon_units < 2 * self.min_units:
            raise InvalidInput("plan.horizon_units", "must hold at least min_units of each arm")
        _check_ramp(self.ramp, self.challenger_share)

    def _check_names(self) -> None:
        for name in ("unit", "metric"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise InvalidInput(f"plan.{name}", "must be a name")
        if not isinstance(self.favourable_label, str):
            raise InvalidInput("plan.favourable_label", "must be a label, or empty")
        if not isinstance(self.leave_out_late, bool):
            raise InvalidInput("plan.leave_out_late", "must be true or false")
        if self.covariate not in ("", BASELINE):
            raise InvalidInput("plan.covariate", f"must be empty or {BASELINE!r}")

    @property
    def goal(self) -> Goal:
        """The sequential test's terms, as `contender.experiment.statistics.power` takes them."""
        least = self.min_units / min(self.challenger_share, 1.0 - self.challenger_share)
        return Goal(self.alpha, self.power, self.tuning_units, least, self.challenger_share)

    @property
    def digest(self) -> str:
        """The sha256 (hex) of the plan's canonical JSON: equal plans have equal digests on every machine."""
        return digest_of(json.loads(self.to_json()))

    def to_json(self) -> str:
        """The plan as canonical JSON: keys sorted, no blanks.

        A field that plans did not have from the beginning is left out while it has its default: what was written
        before there was such a field is written the same way for ever, and keeps its digest.
        """
        terms = asdict(self) | {name: float(getattr(self, name)) for name in (*_POSITIVE, *_NOT_NEGATIVE)}
        return _canonical({name: value for name, value in terms.items() if value or name not in _LATER})


LEAST_UNITS: Final = 100
"""No plan may decide on fewer units in an arm: the interval is asymptotic."""

_LATER: Final = frozenset({"leave_out_late", "ramp"})
"""Fields that were added when there were stored plans already; their defaults are false and mean: as before."""

_COUNTS: Mapping[str, int] = {
    "tuning_units": 1,
    "min_units": LEAST_UNITS,
    "horizon_units": 2 * LEAST_UNITS,
    "group_units": LEAST_UNITS,
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
    "outcome_days": 1e6,
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
    "max_late_share",
    "max_contradictory_share",
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
    return Plan(**raw | {"ramp": _ramp(raw.get("ramp", []))})


def digest_of(terms: Mapping[str, object]) -> str:
    """The sha256 (hex) of a plan's stored terms as canonical JSON, whichever fields plans had when it was stored."""
    return hashlib.sha256(_canonical(terms).encode()).hexdigest()


def units_needed(plan: Plan, variance: float, seed: int = 0) -> Duration:
    """How many units the plan asks for when one unit's reward has `variance`: simulated for the sequential test.

    Raises:
        InvalidInput: a variance that is not positive and finite.
    """
    _check_number("variance", variance, math.inf, zero=False)
    return sequential_units(plan.smallest_effect, variance, plan.goal, seed)


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


def _check_count(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InvalidInput(f"plan.{name}", f"must be a whole number of at least {least}")


def _check_number(name: str, value: object, high: float, *, zero: bool) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidInput(f"plan.{name}", "must be a finite number")
    if not 0.0 <= value < high or (value == 0.0 and not zero):
        raise InvalidInput(f"plan.{name}", f"must lie {'from' if zero else 'above'} 0 and under {high:g}, is {value:g}")
