"""Ships the spool into the store, in batches, in the background; what the store does not take stays in the spool.

Where there is object storage, what the store has not taken for a while goes there, and comes back from there.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from contender.errors import Unavailable
from contender.tasks.task import Task
from contender.values import Covariate, Exposure, Outcome, Prediction
from monitoring.metrics import SPOOL_AGE, SPOOL_DEPTH, SPOOL_FAILURES, SPOOL_OVERFLOW, Metrics
from serving.logs import LOGGER
from serving.transformer.overflow import Overflow
from serving.transformer.records import Records, parse
from serving.transformer.spool import Spool

BATCH: Final = 500
PAUSE_S: Final = 0.05
"""Pause between full batches: 10 000 records a second leave, and the requests being answered keep most of the
processor."""
GATHER_S: Final = 0.5
"""Pause before a batch that would not be full: most of what a small one costs is the transaction, not its records."""
BACKOFF_S: Final = 1.0
"""How long a store that is away is left alone."""
DRAIN_S: Final = 10.0
"""For how long a server that stops ships what it has; the rest is shipped by the next start."""
AWAY_S: Final = 5.0
"""How long a store is away before object storage takes what waits, and how often it then does."""
ADOPT_S: Final = 30.0
"""How often object storage is looked at for what others, or this one, have put there."""
_OBJECTS: Final = 20
"""Batches that go to object storage at a time, so that the store is tried again."""


class Store(Protocol):
    """The part of the store that serving needs; both calls are idempotent."""

    def append(
        self, exposures: Sequence[Exposure], outcomes: Sequence[Outcome], covariates: Sequence[Covariate] = ()
    ) -> object:
        """Keep these records, each once."""
        ...

    def settle(self, task: str, reward: Callable[[Prediction, object], float]) -> object:
        """Compute the rewards of outcomes that are joined to their exposures and have none yet."""
        ...


class Destinations(NamedTuple):
    """Where records go: the `store`, and `overflow` while that is away, if there is one.

    Outcomes are judged as they come, unless that is somebody else's work: `judges`.
    """

    store: Store
    overflow: Overflow | None = None
    judges: bool = True


class Shipper:
    """Moves `spool` to its `destinations`. `clock` gives seconds that only grow, `pause` lets some of them pass.

    While the store is away everything stays in the spool, or goes to object storage. What the store takes from nobody,
    however often it is offered, is set aside, record by record, so that the records behind it get through.
    """

    def __init__(
        self,
        task: Task,
        spool: Spool,
        destinations: Destinations,
        metrics: Metrics,
        clock: Callable[[], float],
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._task, self._spool, self._metrics, self._clock, self._pause = task, spool, metrics, clock, pause
        self._store, self._overflow, self._judges = destinations
        self._shipping = threading.Lock()
        self._moved_at = self._adopt_at = clock()
        # When object storage takes what waits; None while the store does.
        self._put_at: float | None = None
        for way in ("put", "adopted"):
            # Zero from the start: a rate over a series that begins with its first event misses that event.
            metrics.add(SPOOL_OVERFLOW, task.name, way, amount=0)
        self._tell()

    async def run(self) -> None:
        """Ship until cancelled."""
        while True:
            try:
                left = await asyncio.to_thread(self.step)
                await asyncio.sleep(PAUSE_S if left >= BATCH else GATHER_S)
            except Exception:  # noqa: BLE001 - whatever the store says, the records stay and are tried again
                self._failed("ship_failed")
                if self._put_at is not None and self._clock() >= self._put_at:
                    await asyncio.to_thread(self.relieve)
                await asyncio.sleep(BACKOFF_S)

    def step(self) -> int:
        """Make the spool durable and ship one batch, or take over what lies in object storage; how many lines moved."""
        # A cancelled `run` leaves its last step running in its thread; the drain must wait for it.
        with self._shipping:
            self._tell()
            moved = self._ship() if self._spool.depth else 0
            return moved if moved >= BATCH else moved + self._adopt()

    def relieve(self) -> None:
        """Move what waits to object storage; it stays in the spool where that does not take it, or is none."""
        if self._overflow is None:
            return
        with self._shipping:
            try:
                self._spool.sync()
                for _ in range(_OBJECTS):
                    if not (batch := self._spool.read(BATCH)).lines:
                        break
                    self._overflow.keep(batch.records)
                    self._spool.commit(batch)
                    self._count("damaged", batch.damaged)
                    self._metrics.add(SPOOL_OVERFLOW, self._task.name, "put", amount=len(batch.records))
                self._put_at = self._clock() + AWAY_S
            except Exception:  # noqa: BLE001 - the records are in the spool, and are tried again
                self._count("put", 1)
                LOGGER.exception("overflow_failed")
            self._tell()

    def drain(self) -> int:
        """Ship everything there is, for `DRAIN_S` at most; how many lines are left in the spool.

        Without object storage it stops at the first refusal, for the next start to go on. With it, what the store does
        not take goes there, and both are tried until the time is over.
        """
        end = self._clock() + DRAIN_S
        while self._shipped_until(end) and self._overflow is not None:
            while self._spool.depth and self._clock() < end and self._relieved():
                continue
            if not self._spool.depth or self._clock() >= end:
                break
            self._pause(BACKOFF_S)
        self._tell()
        if left := self._spool.depth:
            LOGGER.error("drain_left", extra={"fields": {"records": left}})
        return left

    def _shipped_until(self, end: float) -> bool:
        """Ship until nothing is left, or it is `end`; whether the store refused."""
        try:
            while self._spool.depth and self._clock() < end:
                self.step()
        except Exception:  # noqa: BLE001 - what is not shipped now is shipped by the next start
            self._failed("drain_failed")
            return True
        return False

    def _relieved(self) -> bool:
        before = self._spool.depth
        self.relieve()
        return self._spool.depth < before

    def _ship(self) -> int:
        self._spool.sync()
        batch = self._spool.read(BATCH)
        try:
            self._take(batch.records)
        except Unavailable:
            self._put_at = self._clock() + AWAY_S if self._put_at is None else self._put_at
            raise
        self._put_at = None
        self._spool.commit(batch)
        self._moved_at = self._clock()
        self._count("damaged", batch.damaged)
        return batch.lines

    def _adopt(self) -> int:
        """Take over what lies in object storage, if it is time to look; how many records."""
        if self._overflow is None or self._clock() < self._adopt_at:
            return 0
        self._adopt_at = self._clock() + ADOPT_S
        try:
            moved = self._overflow.adopt(self._take)
        except Exception:  # noqa: BLE001 - what lies there stays there, and is tried again
            self._count("adopt", 1)
            LOGGER.exception("adopt_failed")
            return 0
        if moved:
            self._adopt_at = self._clock()
            self._metrics.add(SPOOL_OVERFLOW, self._task.name, "adopted", amount=moved)
        return moved

    def _take(self, lines: Sequence[bytes]) -> None:
        """Have the store keep the records in `lines`, those that it never takes set aside."""
        records = parse(lines)
        try:
            self._append(records)
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 - a defect, or a record that no store takes: found by offering each alone
            LOGGER.exception("batch_refused")
            self._ship_each(lines)
        self._count("damaged", records.unreadable)
        self._settle(records)

    def _append(self, records: Records) -> None:
        self._store.append(records.exposures, records.outcomes, records.covariates)

    def _ship_each(self, lines: Sequence[bytes]) -> None:
        refused = []
        for line in lines:
            one = parse([line])
            try:
                self._append(one)
            except Unavailable:
                raise
            except Exception:  # noqa: BLE001 - whatever it is, it must not stop the others
                refused.append(line)
        self._spool.set_aside(refused)
        self._count("refused", len(refused))

    def _settle(self, records: Records) -> None:
        """Judge outcomes; they are in the store by now, so a failure is made good by the next ones."""
        if not (records.outcomes and self._judges):
            return
        try:
            self._store.settle(self._task.name, self._task.reward)
        except Exception:  # noqa: BLE001 - records must go on moving whatever becomes of their judgement
            self._count("settle", 1)
            LOGGER.exception("settle_failed")

    def _tell(self) -> None:
        depth = self._spool.depth
        if not depth:
            self._moved_at = self._clock()
        self._metrics.set(SPOOL_DEPTH, self._task.name, value=depth)
        self._metrics.set(SPOOL_AGE, self._task.name, value=self._clock() - self._moved_at)

    def _failed(self, event: str) -> None:
        self._count("ship", 1)
        LOGGER.exception(event)

    def _count(self, stage: str, number: int) -> None:
        if number:
            self._metrics.add(SPOOL_FAILURES, self._task.name, stage, amount=number)
