"""Writes what happened into the spool before anybody is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from contender.errors import Unavailable
from contender.routing import Routing
from contender.values import Exposure, Outcome
from monitoring.metrics import SPOOL_FAILURES, Metrics
from serving.logs import LOGGER
from serving.transformer.answering import Answer
from serving.transformer.codec import Told
from serving.transformer.records import to_bytes
from serving.transformer.spool import Spool


class _Occasion(NamedTuple):
    """What the rows of one request have in common."""

    task: str
    experiment_id: str | None
    generation: int
    latency_ms: float
    at: float


class Recorder:
    """Records of one task. `now` is seconds since the epoch, `new_id` makes prediction ids.

    When the disk takes no more, people are still answered and the lost exposures are counted; an outcome, which its
    sender can send again, is refused.
    """

    def __init__(
        self, task: str, spool: Spool, metrics: Metrics, now: Callable[[], float], new_id: Callable[[], str]
    ) -> None:
        self._task, self._spool, self._metrics, self._now, self._new_id = task, spool, metrics, now, new_id

    def exposures(
        self, routing: Routing | None, units: Sequence[str | None], answers: Sequence[Answer], latency_ms: float
    ) -> list[Told]:
        """Record `answers`, given to `units` under `routing` within `latency_ms`; return them with their ids."""
        told = [Told(self._new_id(), answer) for answer in answers]
        occasion = _Occasion(
            self._task,
            routing.experiment.id if routing and routing.experiment else None,
            routing.generation if routing else -1,
            latency_ms,
            self._now(),
        )
        lines = [to_bytes(_exposure(one, unit, occasion)) for one, unit in zip(told, units, strict=True)]
        try:
            self._spool.append(lines)
        except Unavailable:
            self._metrics.add(SPOOL_FAILURES, self._task, "write", amount=len(lines))
            LOGGER.exception("exposures_lost")
        return told

    def outcomes(self, outcomes: Sequence[Outcome]) -> None:
        """Record `outcomes`.

        Raises:
            Unavailable: the disk takes no more; nothing was recorded.
        """
        self._spool.append([to_bytes(outcome) for outcome in outcomes])


def _exposure(told: Told, unit: str | None, occasion: _Occasion) -> Exposure:
    answer = told.answer
    return Exposure(
        told.prediction_id,
        occasion.task,
        occasion.experiment_id,
        occasion.generation,
        unit,
        answer.assigned_to,
        answer.served_by,
        answer.model_version,
        answer.label,
        answer.score,
        answer.confidence,
        answer.fallback_reason,
        occasion.latency_ms,
        occasion.at,
    )
