"""What can be measured of a person after an answer: the metrics that tasks declare and plans name.

Events arrive at ``:outcome`` with a metric's name (`Outcome.metric`). A metric says which of them it counts, within
which window after the unit's first counted exposure, and what it is worth when nothing came.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final, Literal, Self, get_args

from contender.errors import InvalidInput
from contender.moments import DAY_S
from contender.values import REWARD

MetricType = Literal["mean", "proportion", "ratio"]
"""``mean``: the sum of a unit's event values, cut at the cap. ``proportion``: whether an event came. ``ratio``: one sum
over another, such as clicks per impression."""

MetricRole = Literal["primary", "secondary", "guardrail"]
"""What a metric is for: it decides, it informs, or it must not deteriorate."""

Direction = Literal["up", "down"]
"""Which way is good."""

GUARDRAIL_RATES: Final = ("fallback", "error", "slow", "review")
"""The built-in guardrails: shares of units, of which more is worse."""

DEFAULT_WINDOW_S: Final = 14 * DAY_S
"""Two weeks: outcomes of people take days."""


@dataclass(frozen=True, slots=True)
class PlannedMetric:
    """One metric of a plan, or one that a task can measure.

    `event` names the outcomes that it counts, by default those of its own name; ``reward`` counts the truth that the
    task's reward judges. `per` names those under a ratio's line, empty for answers given by a model. Events
    count within `window_s` seconds of the unit's first counted exposure. `default` is a unit's value when nothing came;
    None means that the truth must be observed, and a unit without it is missing. A mean's values are cut at `cap`, and
    judged in units of it. `smallest_effect` is the smallest difference worth having, `margin` how much worse a
    guardrail may be, both absolute. A guardrail that is `required` must have passed before a promotion.

    Raises:
        InvalidInput: naming the field that is out of its range.
    """

    name: str
    role: MetricRole = "secondary"
    type: MetricType = "proportion"
    direction: Direction = "up"
    event: str = ""
    per: str = ""
    window_s: float = DEFAULT_WINDOW_S
    default: float | None = 0.0
    cap: float = 1.0
    smallest_effect: float = 0.02
    margin: float = 0.0
    required: bool = True

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise InvalidInput(f"plan.metrics.{name}", f"must be one of: {', '.join(choices)}")
        for name in ("name", "event", "per"):
            _check_name(name, getattr(self, name), empty=name != "name")
        for name in ("window_s", "cap", "smallest_effect"):
            _check_number(name, getattr(self, name), zero=False)
        _check_number("margin", self.margin, zero=True)
        if not isinstance(self.required, bool):
            raise InvalidInput("plan.metrics.required", "must be true or false")
        self._check_default()

    def _check_default(self) -> None:
        if self.default is not None:
            _check_number("default", self.default, zero=True)
            if self.type != "ratio" and self.default > self.cap:
                raise InvalidInput("plan.metrics.default", f"must be at most the cap, {self.cap:g}")
        if self.type == "proportion" and self.cap != 1.0:
            raise InvalidInput("plan.metrics.cap", "is 1 for a proportion")
        if self.type == "ratio" and self.default is None:
            raise InvalidInput("plan.metrics.default", "must be stated for a ratio: its numerator when nothing came")

    @property
    def counted_event(self) -> str:
        """The name of the outcomes that it counts."""
        return REWARD if self.name == REWARD else self.event or self.name

    @property
    def observed(self) -> bool:
        """Whether it is a truth that must be observed: units without one are missing."""
        return self.default is None

    @property
    def sign(self) -> int:
        """1 where more is good, -1 where less is."""
        return 1 if self.direction == "up" else -1

    def as_role(self, role: MetricRole) -> Self:
        """The same metric in that role."""
        return replace(self, role=role)

    def to_document(self) -> dict[str, Any]:
        """The metric as plain JSON values."""
        return asdict(self)


def metric_from(document: object) -> PlannedMetric:
    """The metric that `document` states; fields left out have their defaults.

    Raises:
        InvalidInput: not an object, a field that metrics do not have, or one out of its range.
    """
    if not isinstance(document, Mapping):
        raise InvalidInput("plan.metrics", "must be a list of objects")
    unknown = sorted(set(map(str, document)) - {field.name for field in fields(PlannedMetric)})
    if unknown:
        raise InvalidInput(f"plan.metrics.{unknown[0]}", "is not a field of a metric")
    if "name" not in document:
        raise InvalidInput("plan.metrics.name", "must be a name")
    values: dict[str, Any] = {name: float(value) if _is_number(value) else value for name, value in document.items()}
    return PlannedMetric(**values)


_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "role": get_args(MetricRole),
    "type": get_args(MetricType),
    "direction": get_args(Direction),
}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_name(name: str, value: object, *, empty: bool) -> None:
    if not isinstance(value, str) or not (value or empty) or not all(c.isalnum() or c in "-_" for c in value):
        raise InvalidInput(f"plan.metrics.{name}", "must be a name of letters, digits, - and _")


def _check_number(name: str, value: object, *, zero: bool) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidInput(f"plan.metrics.{name}", "must be a finite number")
    if value < 0.0 or (value == 0.0 and not zero):
        raise InvalidInput(f"plan.metrics.{name}", f"must be {'at least' if zero else 'above'} 0, is {value:g}")
