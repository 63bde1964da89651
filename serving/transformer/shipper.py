"""Ships the spool into the store, in batches, in the background; what the store does not take stays in the spool."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from contender.tasks.task import Task
from contender.values import Exposure, Outcome, Prediction
from monitoring.metrics import SPOOL_DEPTH, SPOOL_FAILURES, Metrics
from serving.logs import LOGGER
from serving.transformer.records import parse
from serving.transformer.spool import Spool

BATCH: Final = 500
PAUSE_S: Final = 0.05
"""Pause between batches: 10 000 records a second leave, and the requests being answered keep most of the processor."""
BACKOFF_S: Final = 1.0
"""How long a store that refused a batch is left alone."""


class Store(Protocol):
    """The part of the store that serving needs; both calls are idempotent."""

    def append(self, exposures: Sequence[Exposure], outcomes: Sequence[Outcome]) -> object:
        """Keep these records, each once."""
        ...

    def settle(self, task: str, reward: Callable[[Prediction, object], float]) -> object:
        """Compute the rewards of outcomes that are joined to their exposures and have none yet."""
        ...


class Shipper:
    """Moves `spool` into `store`."""

    def __init__(self, task: Task, spool: Spool, store: Store, metrics: Metrics) -> None:
        self._task, self._spool, self._store, self._metrics = task, spool, store, metrics
        self._shipping = threading.Lock()
        metrics.set(SPOOL_DEPTH, task.name, value=spool.depth)

    async def run(self) -> None:
        """Ship until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self.step)
                await asyncio.sleep(PAUSE_S)
            except Exception:  # noqa: BLE001 - whatever the store says, the records stay and are tried again
                self._metrics.add(SPOOL_FAILURES, self._task.name, "ship")
                LOGGER.exception("ship_failed")
                await asyncio.sleep(BACKOFF_S)

    def step(self) -> int:
        """Make the spool durable and ship one batch; return how many lines left the spool."""
        # A cancelled `run` leaves its last step running in its thread; the drain must wait for it.
        with self._shipping:
            self._metrics.set(SPOOL_DEPTH, self._task.name, value=self._spool.depth)
            return self._ship() if self._spool.depth else 0

    def _ship(self) -> int:
        self._spool.sync()
        batch = self._spool.read(BATCH)
        records = parse(batch.records)
        self._store.append(records.exposures, records.outcomes)
        self._spool.commit(batch)
        if damaged := batch.damaged + records.unreadable:
            self._metrics.add(SPOOL_FAILURES, self._task.name, "damaged", amount=damaged)
        if records.outcomes:
            self._store.settle(self._task.name, self._task.reward)
        return batch.lines

    def drain(self) -> None:
        """Ship everything there is; stop at the first refusal, for the next start to go on."""
        try:
            while self.step():
                continue
        except Exception:  # noqa: BLE001 - what is not shipped now is shipped by the next start
            self._metrics.add(SPOOL_FAILURES, self._task.name, "ship")
            LOGGER.exception("drain_failed")
