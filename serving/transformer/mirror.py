"""Puts answered rows to others in the background: all to the shadow, a few to the baseline. Nobody waits for it.

The baseline is thereby asked always and never cold, and how far it agrees with the arms is known before it is needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from contender.routing import Routing
from contender.values import BASELINE, REVIEW, FallbackPolicy
from monitoring.metrics import MIRRORED, Metrics
from serving.transformer.fallback import FLOOR, Rung, judge
from serving.transformer.places import CallFailed, Said

AT_ONCE: Final = 8
"""Background calls under way at most; what comes meanwhile is dropped."""

MOST_ROWS: Final = 64
"""Larger batches are not mirrored."""

SAMPLE_EVERY: Final = 100
"""Of so many answered requests one is put to the baseline …"""

SAMPLE_AFTER_S: Final = 5.0
"""… and at least one in so many seconds, if there is one."""

Rows = Sequence[Mapping[str, Any]]


class Answered(Protocol):
    """The part of an answer that is compared."""

    @property
    def label(self) -> str:
        """What the client was told."""
        ...

    @property
    def served_by(self) -> str:
        """Who answered."""
        ...


class Ask(Protocol):
    """How a place is asked."""

    async def __call__(self, rung: Rung, rows: Rows, timeout_s: float) -> Said:
        """What the place of `rung` says; CallFailed when it does not."""
        ...


class _Copy(NamedTuple):
    """Rows to put to `rung`, and what the client was told about them."""

    kind: str
    rung: Rung
    rows: Rows
    told: Sequence[Answered]
    policy: FallbackPolicy


class Mirror:
    """Background calls of one task by `ask`; none are begun while `strained`. `clock` gives seconds that only grow."""

    def __init__(
        self,
        task: str,
        ask: Ask,
        metrics: Metrics,
        clock: Callable[[], float],
        strained: Callable[[], bool],
    ) -> None:
        self._task, self._ask, self._metrics, self._clock, self._strained = task, ask, metrics, clock, strained
        self._running: set[asyncio.Task[None]] = set()
        self._since_sample, self._sampled_at = 0, clock()

    def after(self, routing: Routing, rows: Rows, told: Sequence[Answered]) -> None:
        """Mirror `rows`, answered under `routing` as `told`, as far as it is their turn and there is room."""
        if len(rows) > MOST_ROWS or routing.suspended:
            return
        if routing.shadow is not None:
            rung = Rung(routing.shadow.name, routing.shadow.slot, routing.shadow.version)
            self._begin(_Copy("shadow", rung, rows, told, routing.fallback))
        self._since_sample += 1
        if told[0].served_by not in (BASELINE, REVIEW) and self._is_due():
            self._since_sample, self._sampled_at = 0, self._clock()
            self._begin(_Copy("baseline", FLOOR, rows, told, routing.fallback))

    async def close(self) -> None:
        """Give up what is under way."""
        for one in self._running:
            one.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _is_due(self) -> bool:
        return self._since_sample >= SAMPLE_EVERY or self._clock() - self._sampled_at >= SAMPLE_AFTER_S

    def _begin(self, copy: _Copy) -> None:
        if len(self._running) >= AT_ONCE or self._strained():
            self._count(copy.kind, "dropped", len(copy.rows))
            return
        begun = asyncio.create_task(self._compare(copy))
        self._running.add(begun)
        begun.add_done_callback(self._running.discard)

    async def _compare(self, copy: _Copy) -> None:
        try:
            said = await self._ask(copy.rung, copy.rows, copy.policy.deadline_ms / 1000)
        except CallFailed:
            self._count(copy.kind, "failed", len(copy.rows))
            return
        pairs = zip(said.predictions, copy.told, strict=True)
        agreed = sum(judge(prediction, copy.policy).label == told.label for prediction, told in pairs)
        self._count(copy.kind, "agree", agreed)
        self._count(copy.kind, "differ", len(copy.rows) - agreed)

    def _count(self, kind: str, result: str, rows: int) -> None:
        self._metrics.add(MIRRORED, self._task, kind, result, amount=rows)
