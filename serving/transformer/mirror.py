"""Puts answered rows to others in the background: all to the shadow, and to the baseline. Nobody waits for it.

While an experiment runs the baseline is asked about every row of it: what it says is the covariate that makes the
comparison need fewer people. Otherwise it is asked about a few, so that it is never cold. How far both agree with what
clients were told is counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from contender.errors import Unavailable
from contender.experiment.assignment import Assignment
from contender.routing import Routing
from contender.values import BASELINE, REVIEW, SHADOW, Covariate, shadow_of
from monitoring.metrics import MIRRORED, Metrics
from serving.transformer.answering import Served, judged
from serving.transformer.asking import Ask
from serving.transformer.codec import Told
from serving.transformer.fallback import FLOOR, Rung, budget_ms, judge
from serving.transformer.gathering import Answered, Copy, Gatherer
from serving.transformer.places import CallFailed, Said

SAMPLE_EVERY: Final = 100
"""Outside of experiments a row of one in so many answered requests is put to the baseline …"""

SAMPLE_AFTER_S: Final = 5.0
"""… and at least one in so many seconds, if there is one."""

_LOW: Final = (BASELINE, REVIEW)
"""Who answered when the arms did not: to put that to the baseline would compare it with itself, or with nobody."""


class Records(Protocol):
    """Where it is written what the others say; both raise Unavailable when that cannot be."""

    def shadows(self, routing: Routing, units: Sequence[str | None], told: Sequence[Told], latency_ms: float) -> None:
        """Keep what the shadow would have told."""
        ...

    def covariates(self, covariates: Sequence[Covariate]) -> None:
        """Keep what the baseline says."""
        ...


@dataclass(frozen=True, slots=True)
class Conditions:
    """`clock` gives seconds that only grow; while the server is `strained` nothing is taken.

    Without `covariates` the baseline is asked about a few rows only, in experiments too.
    """

    clock: Callable[[], float]
    strained: Callable[[], bool] = lambda: False
    covariates: bool = True


class Mirror:
    """What is put to others of one task, by `ask`, and written to `records`."""

    def __init__(self, task: str, ask: Ask, records: Records, metrics: Metrics, conditions: Conditions) -> None:
        self._task, self._ask, self._records, self._metrics = task, ask, records, metrics
        self._conditions, self._clock = conditions, conditions.clock
        self._shadow = Gatherer(self._put_to_shadow, lambda rows: self._count(SHADOW, "dropped", rows))
        self._baseline = Gatherer(self._put_to_baseline, lambda rows: self._count(BASELINE, "dropped", rows))
        self._since_sample, self._sampled_at = 0, self._clock()

    def after(self, answered: Answered) -> None:
        """Take what was answered as far as it is its turn and there is room."""
        routing = answered.routing
        if routing.suspended:
            return
        if routing.shadow is not None:
            self._add(SHADOW, self._shadow, answered)
        self._since_sample += 1
        exposed = self._exposed(answered)
        if exposed is not None:
            self._add(BASELINE, self._baseline, exposed)
        elif self._is_due(answered.told[0]):
            self._since_sample, self._sampled_at = 0, self._clock()
            self._add(BASELINE, self._baseline, _only(answered, [0]))

    async def close(self) -> None:
        """Put what still waits, for a moment, and give up the rest."""
        await asyncio.gather(self._shadow.close(), self._baseline.close())

    def _exposed(self, answered: Answered) -> Answered | None:
        """The rows that take part in an experiment, if covariates are wanted; None for none."""
        if answered.routing.experiment is None or not self._conditions.covariates:
            return None
        counted = [index for index, told in enumerate(answered.told) if told.answer.counted]
        if len(counted) == len(answered.told):
            return answered
        return _only(answered, counted) if counted else None

    def _is_due(self, first: Told) -> bool:
        if first.answer.served_by in _LOW:
            return False
        return self._since_sample >= SAMPLE_EVERY or self._clock() - self._sampled_at >= SAMPLE_AFTER_S

    def _add(self, kind: str, gatherer: Gatherer, answered: Answered) -> None:
        if self._conditions.strained():
            self._count(kind, "dropped", len(answered.rows))
        else:
            gatherer.add(answered)

    async def _put_to_shadow(self, copies: Sequence[Copy]) -> None:
        routing = copies[0].routing
        if routing.shadow is None:
            return
        rung, began = Rung(SHADOW, routing.shadow.slot, routing.shadow.version), self._clock()
        said = await self._said(rung, copies)
        if said is None:
            return
        latency_ms = (self._clock() - began) * 1000
        answers = [
            judged(one, Served(rung, said), routing.fallback, Assignment(SHADOW, copy.told.answer.counted))
            for copy, one in zip(copies, said.predictions, strict=True)
        ]
        ids = [shadow_of(copy.told.prediction_id) for copy in copies]
        told = list(map(Told, ids, answers))
        units = [copy.unit for copy in copies]
        self._keep(SHADOW, len(told), lambda: self._records.shadows(routing, units, told, latency_ms))

    async def _put_to_baseline(self, copies: Sequence[Copy]) -> None:
        said = await self._said(FLOOR, copies)
        if said is None or copies[0].routing.experiment is None or not self._conditions.covariates:
            return
        covariates = [
            Covariate(copy.told.prediction_id, self._task, one.label, one.score)
            for copy, one in zip(copies, said.predictions, strict=True)
            if copy.told.answer.counted
        ]
        self._keep(BASELINE, len(covariates), lambda: self._records.covariates(covariates))

    async def _said(self, rung: Rung, copies: Sequence[Copy]) -> Said | None:
        """What the place says, if it does; how far it agrees is counted."""
        policy = copies[0].routing.fallback
        try:
            said = await self._ask(rung, [copy.row for copy in copies], budget_ms(policy, len(copies)) / 1000)
        except CallFailed:
            self._count(rung.served_by, "failed", len(copies))
            return None
        compared = [
            judge(one, policy).label == copy.told.answer.label
            for copy, one in zip(copies, said.predictions, strict=True)
            if copy.told.answer.served_by not in _LOW
        ]
        self._count(rung.served_by, "agree", sum(compared))
        self._count(rung.served_by, "differ", len(compared) - sum(compared))
        return said

    def _keep(self, kind: str, rows: int, write: Callable[[], None]) -> None:
        try:
            write()
        except Unavailable:
            self._count(kind, "dropped", rows)

    def _count(self, kind: str, result: str, rows: int) -> None:
        self._metrics.add(MIRRORED, self._task, kind, result, amount=rows)


def _only(answered: Answered, kept: Sequence[int]) -> Answered:
    """Those rows of the request."""
    _, rows, units, told = answered
    return Answered(
        answered.routing,
        [rows[index] for index in kept],
        [units[index] for index in kept],
        [told[index] for index in kept],
    )
