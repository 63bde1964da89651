"""Puts a transformer together: settings, clients, spool, store, KServe server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator
from typing import Final

import prometheus_client

from contender.adapters.routing_file import RoutingFile, RoutingWatch
from contender.adapters.store_sql import Store
from contender.tasks.task import Task
from monitoring.metrics import CATALOGUE, MODEL, Metrics
from serving.server import Address, Server, ready_route
from serving.transformer.answering import Answering
from serving.transformer.clients import Pool, PredictorClient
from serving.transformer.keeper import Follower, RoutingKeeper
from serving.transformer.model import Clock, Parts, Transformer
from serving.transformer.recorder import Recorder
from serving.transformer.settings import Settings
from serving.transformer.shipper import Shipper
from serving.transformer.spool import Spool

SWITCH_S: Final = 0.0005
"""Seconds after which a computing thread gives way to a waiting one."""


class Life:
    """What a transformer does beside answering: client session, routing, spool. Entered around serving."""

    def __init__(self, settings: Settings, task: Task, metrics: Metrics) -> None:
        self._settings, self._task, self._metrics = settings, task, metrics
        self.keeper = RoutingKeeper(task.name, metrics)
        self.spool = Spool(settings.spool)
        self.pool = Pool()

    @contextlib.asynccontextmanager
    async def __call__(self) -> AsyncIterator[None]:
        """Connect, follow the routing and ship until left; then ship the rest."""
        settings = self._settings
        routing = RoutingFile(settings.routing)
        follower = Follower(
            self.keeper,
            RoutingWatch(routing.path(self._task.name)),
            lambda generation: routing.acknowledge(self._task.name, generation, settings.reader),
        )
        follower.look()
        store = Store(settings.store, clock=time.time)
        shipper = Shipper(self._task, self.spool, store, self._metrics)
        async with self.pool:
            background = [asyncio.create_task(follower.run()), asyncio.create_task(shipper.run())]
            try:
                yield
            finally:
                await _stop(background)
                await asyncio.to_thread(shipper.drain)
                store.close()
                self.spool.close()
                routing.close()

    def places(self) -> dict[str, PredictorClient]:
        """The places to ask, by name."""
        settings = self._settings
        urls = {"blue": settings.blue_url, "green": settings.green_url, "baseline": settings.baseline_url}
        return {place: PredictorClient(self.pool, url, self._task.name) for place, url in urls.items()}


def serve(settings: Settings, task: Task) -> None:
    """Serve until told to stop.

    Raises:
        Unavailable: the spool's folder cannot be used.
    """
    # While the shipper's thread computes, the event loop must not wait the usual 5 ms for its turn.
    sys.setswitchinterval(SWITCH_S)
    metrics = Metrics(prometheus_client.REGISTRY, tuple(spec for spec in CATALOGUE if spec is not MODEL))
    life = Life(settings, task, metrics)
    clock = Clock(now=time.time, tick=time.monotonic)
    parts = Parts(
        task,
        life.keeper,
        Answering(task.name, life.places(), metrics, clock.tick),
        Recorder(task.name, life.spool, metrics, clock.now, new_id),
        metrics,
        clock,
    )
    model = Transformer(settings.model_name or task.name, parts)
    address = Address(settings.host, settings.http_port)
    Server(address, {**model.routes(), **ready_route(model)}, life).serve(model)


def new_id() -> str:
    """A prediction id: 12 hex digits of the time in ms, so that ids sort and databases index them well, 20 random."""
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"


async def _stop(background: list[asyncio.Task[None]]) -> None:
    for job in background:
        job.cancel()
    await asyncio.gather(*background, return_exceptions=True)
