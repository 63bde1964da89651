"""Ships the spool into the store, in batches, in the background; what the store does not take stays in the spool."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from contender.errors import Unavailable
from contender.tasks.task import Task
from contender.values import Covariate, Exposure, Outcome, Prediction
from monitoring.metrics import SPOOL_AGE, SPOOL_DEPTH, SPOOL_FAILURES, Metrics
from serving.logs import LOGGER
from serving.transformer.records import Records, parse
from serving.transformer.spool import Batch, Spool

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


class Shipper:
    """Moves `spool` into `store`. `clock` gives seconds that only grow.

    While the store is away everything stays in the spool. What the store takes from nobody, however often it is
    offered, is set aside, record by record, so that the records behind it get through. It `judges` outcomes as they
    come, unless that is somebody else's work.
    """

    def __init__(
        self,
        task: Task,
        spool: Spool,
        store: Store,
        metrics: Metrics,
        clock: Callable[[], float],
        *,
        judges: bool = True,
    ) -> None:
        self._task, self._spool, self._store, self._metrics, self._clock = task, spool, store, metrics, clock
        self._judges = judges
        self._shipping = threading.Lock()
        self._moved_at = clock()
        self._tell()

    async def run(self) -> None:
        """Ship until cancelled."""
        while True:
            try:
                left = await asyncio.to_thread(self.step)
                await asyncio.sleep(PAUSE_S if left >= BATCH else GATHER_S)
            except Exception:  # noqa: BLE001 - whatever the store says, the records stay and are tried again
                self._failed("ship_failed")
                await asyncio.sleep(BACKOFF_S)

    def step(self) -> int:
        """Make the spool durable and ship one batch; return how many lines left the spool."""
        # A cancelled `run` leaves its last step running in its thread; the drain must wait for it.
        with self._shipping:
            self._tell()
            return self._ship() if self._spool.depth else 0

    def drain(self) -> None:
        """Ship everything there is, for `DRAIN_S` at most; stop at the first refusal, for the next start to go on."""
        end = self._clock() + DRAIN_S
        try:
            while self.step() and self._clock() < end:
                continue
        except Exception:  # noqa: BLE001 - what is not shipped now is shipped by the next start
            self._failed("drain_failed")

    def _ship(self) -> int:
        self._spool.sync()
        batch = self._spool.read(BATCH)
        records = parse(batch.records)
        try:
            self._append(records)
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 - a defect, or a record that no store takes: found by offering each alone
            LOGGER.exception("batch_refused")
            self._ship_each(batch)
        self._spool.commit(batch)
        self._moved_at = self._clock()
        self._count("damaged", batch.damaged + records.unreadable)
        self._settle(records)
        return batch.lines

    def _append(self, records: Records) -> None:
        self._store.append(records.exposures, records.outcomes, records.covariates)

    def _ship_each(self, batch: Batch) -> None:
        refused = []
        for line in batch.records:
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
