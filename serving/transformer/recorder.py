"""Writes what happened into the spool before anybody is told."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from contender.errors import Unavailable
from contender.routing import Routing
from contender.values import LIVE, REHEARSAL, Covariate, Exposure, Outcome
from monitoring.metrics import SPOOL_FAILURES, SPOOL_UNWRITTEN, Metrics
from serving.logs import LOGGER
from serving.transformer.answering import Answer
from serving.transformer.codec import Told
from serving.transformer.inputs import Inputs
from serving.transformer.records import to_bytes
from serving.transformer.spool import Spool

HELD: Final = 10_000
"""Exposures kept in memory while the disk takes no more: some seconds under full load, a few MB."""


class Occasion(NamedTuple):
    """What the rows of one request have in common; `source` is where it came from.

    A batch that may be sent again has a `key` that names it, the same every time.
    """

    routing: Routing | None
    latency_ms: float
    source: str = LIVE
    key: bytes | None = None


class _Common(NamedTuple):
    """What their exposures have in common."""

    task: str
    experiment_id: str | None
    generation: int
    latency_ms: float
    at: float
    source: str


NewId = Callable[[], str]


class Recorder:
    """Records of the task of `inputs`, which says what of a row is kept beside its answer.

    `now` is seconds since the epoch, `new_id` makes prediction ids.

    When the disk takes no more, people are still answered. Their exposures are held in memory and written, in order,
    by `flush`, as soon as the disk takes them; beyond `HELD` they are lost and counted. An outcome, which its sender
    can send again, is refused; so is what nobody waits for.
    """

    def __init__(self, inputs: Inputs, spool: Spool, metrics: Metrics, now: Callable[[], float], new_id: NewId) -> None:
        self._task, self._inputs = inputs.task, inputs
        self._spool, self._metrics, self._now, self._new_id = spool, metrics, now, new_id
        self._held: deque[bytes] = deque()
        metrics.set(SPOOL_UNWRITTEN, self._task, value=0)

    def exposures(
        self,
        occasion: Occasion,
        rows: Sequence[Mapping[str, Any]],
        units: Sequence[str | None],
        answers: Sequence[Answer],
    ) -> list[Told]:
        """Record `answers`, given to `units` for `rows`; return them with their ids.

        Under the same key the same answer to the same unit in the same place has the same id, and the store keeps it
        once. An answer that has changed meanwhile, or counts in another experiment, is another one: what was told is
        what is recorded.
        """
        answered = enumerate(zip(units, answers, strict=True))
        told = [Told(self._id(occasion, place, unit, answer), answer) for place, (unit, answer) in answered]
        common = self._common(occasion)
        self._write([self._line(common, row, unit, one) for row, unit, one in zip(rows, units, told, strict=True)])
        return told

    def shadows(self, routing: Routing, units: Sequence[str | None], told: Sequence[Told], latency_ms: float) -> None:
        """Record what the shadow would have told `units`; `latency_ms` is what its call took, for all of them.

        Raises:
            Unavailable: the disk takes no more; nothing was recorded.
        """
        common = self._common(Occasion(routing, latency_ms))
        lines = [to_bytes(_exposure(common, unit, one)) for unit, one in zip(units, told, strict=True)]
        self._spool.append(lines)

    def covariates(self, covariates: Sequence[Covariate]) -> None:
        """Record what the baseline says of rows answered before.

        Raises:
            Unavailable: the disk takes no more; nothing was recorded.
        """
        self._spool.append([to_bytes(covariate) for covariate in covariates])

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

    def close(self) -> None:
        """Write what is held in memory; what the disk does not take even now is lost, and counted."""
        self.flush()
        if lost := len(self._held):
            self._metrics.add(SPOOL_FAILURES, self._task, "write", amount=lost)
            LOGGER.error("records_lost", extra={"fields": {"records": lost}})

    def outcomes(self, outcomes: Sequence[Outcome]) -> None:
        """Record `outcomes`.

        Raises:
            Unavailable: the disk takes no more; nothing was recorded.
        """
        self._spool.append([to_bytes(outcome) for outcome in outcomes])

    def _id(self, occasion: Occasion, place: int, unit: str | None, answer: Answer) -> str:
        if occasion.key is None:
            return self._new_id()
        told = (answer.assigned_to, answer.served_by, answer.model_version, answer.label, answer.score)
        # The experiment it counts in is part of the record. Otherwise a batch that is sent again once the experiment
        # covers its people would count in the challenger's arm only: the champion's answers are the same as before.
        counts_in = occasion.routing.experiment if occasion.routing and answer.counted else None
        named = repr((occasion.key, self._task, place, unit, *told, counts_in.id if counts_in else None))
        return hashlib.blake2b(named.encode(), digest_size=16, person=b"repeatable").hexdigest()

    def _common(self, occasion: Occasion) -> _Common:
        routing, latency_ms, source, _ = occasion
        experiment = routing.experiment if routing else None
        return _Common(
            self._task,
            experiment.id if experiment else None,
            routing.generation if routing else -1,
            latency_ms,
            self._now(),
            source,
        )

    def _line(self, common: _Common, row: Mapping[str, Any], unit: str | None, told: Told) -> bytes:
        groups = self._inputs.groups(row) if told.answer.counted else None
        features = self._inputs.features(row) if common.source in (LIVE, REHEARSAL) else None
        return to_bytes(_exposure(common, unit, told, groups, features))

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


def _exposure(
    common: _Common,
    unit: str | None,
    told: Told,
    groups: Mapping[str, str] | None = None,
    features: Mapping[str, object] | None = None,
) -> Exposure:
    answer = told.answer
    return Exposure(
        told.prediction_id,
        common.task,
        common.experiment_id,
        common.generation,
        unit,
        answer.assigned_to,
        answer.served_by,
        answer.model_version,
        answer.label,
        answer.score,
        answer.confidence,
        answer.fallback_reason,
        common.latency_ms,
        common.at,
        common.source,
        groups=groups or {},
        features=features,
        counted=answer.counted,
    )
