"""Writes what happened into the spool before anybody is told."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from contender.errors import Unavailable
from contender.routing import Routing
from contender.values import Exposure, Outcome
from monitoring.metrics import SPOOL_FAILURES, SPOOL_UNWRITTEN, Metrics
from serving.logs import LOGGER
from serving.transformer.answering import Answer
from serving.transformer.codec import Told
from serving.transformer.records import to_bytes
from serving.transformer.spool import Spool

HELD: Final = 10_000
"""Exposures kept in memory while the disk takes no more: some seconds under full load, a few MB."""


class _Occasion(NamedTuple):
    """What the rows of one request have in common."""

    task: str
    experiment_id: str | None
    generation: int
    latency_ms: float
    at: float
    source: str


class Recorder:
    """Records of one task. `now` is seconds since the epoch, `new_id` makes prediction ids.

    When the disk takes no more, people are still answered. Their exposures are held in memory and written, in order,
    by `flush`, as soon as the disk takes them; beyond `HELD` they are lost and counted. An outcome, which its sender
    can send again, is refused.
    """

    def __init__(
        self, task: str, spool: Spool, metrics: Metrics, now: Callable[[], float], new_id: Callable[[], str]
    ) -> None:
        self._task, self._spool, self._metrics, self._now, self._new_id = task, spool, metrics, now, new_id
        self._held: deque[bytes] = deque()
        metrics.set(SPOOL_UNWRITTEN, task, value=0)

    def exposures(
        self,
        routing: Routing | None,
        units: Sequence[str | None],
        answers: Sequence[Answer],
        latency_ms: float,
        source: str = "live",
    ) -> list[Told]:
        """Record `answers`, given to `units` under `routing` within `latency_ms`; return them with their ids."""
        told = [Told(self._new_id(), answer) for answer in answers]
        occasion = _Occasion(
            self._task,
            routing.experiment.id if routing and routing.experiment else None,
            routing.generation if routing else -1,
            latency_ms,
            self._now(),
            source,
        )
        lines = [to_bytes(_exposure(one, unit, occasion)) for one, unit in zip(told, units, strict=True)]
        self._write(lines)
        return told

    def flush(self) -> None:
        """Write what is held in memory, if the disk takes it now."""
        if not self._held:
            return
        try:
            self._spool.append(list(self._held))
        except Unavailable:
            return
        self._held.clear()
        self._metrics.set(SPOOL_UNWRITTEN, self._task, value=0)
        LOGGER.warning("disk_takes_records_again")

    def outcomes(self, outcomes: Sequence[Outcome]) -> None:
        """Record `outcomes`.

        Raises:
            Unavailable: the disk takes no more; nothing was recorded.
        """
        self._spool.append([to_bytes(outcome) for outcome in outcomes])

    def _write(self, lines: Sequence[bytes]) -> None:
        if self._held:
            # Whether the disk takes more is for `flush` to find out, not for every request.
            self._hold(lines)
            return
        try:
            self._spool.append(lines)
        except Unavailable:
            LOGGER.exception("disk_takes_no_records")
            self._hold(lines)

    def _hold(self, lines: Sequence[bytes]) -> None:
        kept = lines[: HELD - len(self._held)]
        self._held.extend(kept)
        self._metrics.set(SPOOL_UNWRITTEN, self._task, value=len(self._held))
        if lost := len(lines) - len(kept):
            self._metrics.add(SPOOL_FAILURES, self._task, "write", amount=lost)


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
        occasion.source,
    )
