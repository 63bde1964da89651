"""What one unit is worth once its window has closed: a pure function of its answers and of what happened after them.

The window opens at the unit's first counted exposure. Answers and events within it, by event time, count, as far as
they had arrived when the value became final; what comes later is late. A value is computed once and never again, so
that what enters the statistics is one draw for each person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from contender.errors import InvalidInput
from contender.experiment.assignment import bucket
from contender.metrics import PlannedMetric
from contender.values import REVIEW_LABEL, REWARD, Prediction

SKEW_S: Final = 60.0
"""Clocks of two machines may differ by this; an event further before its answer is no event of it."""

BINS: Final = 20
"""Bins of a covariate in [0, 1]: fine enough for a smooth function of it, coarse enough to be fitted on hundreds."""

UNKNOWN_BIN: Final = -1

Judge = Callable[[Prediction, object], float]
"""A task's `reward`: what an answer earns by the truth, in [0, 1]; raises InvalidInput for a value it does not know."""


class UnitAnswer(NamedTuple):
    """A counted exposure of the unit; `score` is None where no model answered. Times are seconds since the epoch."""

    prediction_id: str
    at: float
    label: str
    score: float | None
    confidence: float | None = None

    @property
    def reviewed(self) -> bool:
        """Whether a person was to decide."""
        return self.label == REVIEW_LABEL or self.score is None

    @property
    def prediction(self) -> Prediction:
        """What was told, as the task's reward judges it."""
        return Prediction(self.label, self.confidence or 0.0, 0.5 if self.score is None else self.score)


class UnitEvent(NamedTuple):
    """Something that happened to one of the unit's answers, and when that became known."""

    prediction_id: str
    metric: str
    event_id: str
    value: object
    at: float
    received_at: float


class Window(NamedTuple):
    """From the unit's first counted exposure to the end of what counts, and the moment its value becomes final."""

    opened_at: float
    closed_at: float
    final_at: float

    def holds(self, answer: UnitAnswer) -> bool:
        """Whether the answer counts."""
        return self.opened_at <= answer.at <= self.closed_at

    def counts(self, event: UnitEvent, answered_at: float) -> bool:
        """Whether the event of an answer at that moment counts; if not, it is late."""
        return answered_at - SKEW_S <= event.at <= self.closed_at and event.received_at <= self.final_at


class UnitValue(NamedTuple):
    """A unit's value of one metric: None is missing. `divisor` is what is under a ratio's line.

    `reviewed` says that the unit was only ever referred to a person, and `value` is the price of that. Otherwise
    `review_weight` is the part of `value` that is the price of a review.
    """

    value: float | None
    divisor: float = 0.0
    reviewed: bool = False
    review_weight: float = 0.0


def window_of(metric: PlannedMetric, opened_at: float, grace_s: float) -> Window:
    """The unit's window for that metric."""
    closed_at = opened_at + metric.window_s
    return Window(opened_at, closed_at, closed_at + grace_s)


def value_of(
    metric: PlannedMetric,
    window: Window,
    answers: Sequence[UnitAnswer],
    events: Iterable[UnitEvent],
    judge: Judge,
    review_value: float,
) -> UnitValue:
    """The unit's final value of `metric`; `events` may be of any metric and of any time."""
    held = {answer.prediction_id: answer for answer in answers if window.holds(answer)}
    counted = [
        event
        for event in events
        if (answer := held.get(event.prediction_id)) is not None and window.counts(event, answer.at)
    ]
    if not held:
        return UnitValue(None)  # every answer arrived when the value was final already
    if metric.name == REWARD:
        return _reward(metric, list(held.values()), counted, judge, review_value)
    amounts = _amounts(counted, metric.counted_event)
    if metric.type == "ratio":
        under = _amounts(counted, metric.per) if metric.per else [1.0] * len(held)
        return UnitValue(sum(amounts) if amounts else metric.default, sum(under))
    if not amounts:
        return UnitValue(metric.default)
    return UnitValue(float(any(amounts)) if metric.type == "proportion" else min(sum(amounts), metric.cap))


def bin_of(covariate: float | None) -> int:
    """The bin of a covariate in [0, 1]; `UNKNOWN_BIN` for None.

    >>> bin_of(0.0), bin_of(0.52), bin_of(1.0), bin_of(None)
    (0, 10, 19, -1)
    """
    return UNKNOWN_BIN if covariate is None else min(int(covariate * BINS), BINS - 1)


def fold_of(unit_id: str) -> int:
    """The half of all units, 0 or 1, that the unit belongs to, whatever its arm.

    >>> fold_of("a"), fold_of("b")
    (1, 1)
    """
    return int(2 * bucket("fold", unit_id))


def _reward(
    metric: PlannedMetric,
    answers: Sequence[UnitAnswer],
    events: Sequence[UnitEvent],
    judge: Judge,
    review_value: float,
) -> UnitValue:
    """The mean over the unit's answers: reviews earn their price, answers without a truth what the others earned."""
    answered = [answer for answer in answers if not answer.reviewed]
    if not answered:
        return UnitValue(review_value, reviewed=True)
    earned = [_earned(metric, answer, events, judge) for answer in answered]
    known = [value for value in earned if value is not None]
    weight = 1.0 - len(answered) / len(answers)
    if not known:
        return UnitValue(None, review_weight=weight)
    return UnitValue(weight * review_value + (1.0 - weight) * sum(known) / len(known), review_weight=weight)


def _earned(metric: PlannedMetric, answer: UnitAnswer, events: Sequence[UnitEvent], judge: Judge) -> float | None:
    """What the earliest truth of the answer earned; the metric's default where none came."""
    mine = [event for event in events if event.prediction_id == answer.prediction_id and event.metric == REWARD]
    for event in sorted(mine, key=lambda event: (event.at, event.event_id)):
        value = judged(judge, answer.prediction, event.value)
        if value is not None:
            return value
    return metric.default


def judged(judge: Judge, prediction: Prediction, truth: object) -> float | None:
    """What the task's reward says, None where it refuses the truth or leaves [0, 1]."""
    try:
        value = judge(prediction, truth)
    except InvalidInput:
        return None
    return value if 0.0 <= value <= 1.0 else None


def _amounts(events: Sequence[UnitEvent], metric: str) -> list[float]:
    """The values of that metric's events; what is no number of at least 0 is no amount."""
    values = [event.value for event in events if event.metric == metric]
    return [float(one) for one in values if isinstance(one, int | float) and not isinstance(one, bool) and one >= 0]
