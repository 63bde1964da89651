"""Puts a transformer together: settings, clients, spool, store, KServe server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sys
import time
from collections.abc import AsyncIterator
from typing import Final

import prometheus_client

from contender.adapters.objects_s3 import S3Objects
from contender.adapters.store_sql import Store
from contender.errors import Unavailable
from contender.routing import KNOWN_SLOTS
from contender.tasks.task import Task
from contender.values import BASELINE
from monitoring.metrics import IN_FLIGHT_LIMIT, MODEL, REFUSALS, SERVING, Metrics
from serving import rpc
from serving.limits import Guard
from serving.server import Address, Server
from serving.transformer.answering import Answering, Surroundings
from serving.transformer.clients import Pool, PredictorClient
from serving.transformer.inputs import Inputs
from serving.transformer.keeper import Follower, RoutingKeeper
from serving.transformer.listing import Listing
from serving.transformer.mirror import Conditions, Mirror
from serving.transformer.model import Clock, Parts, Transformer
from serving.transformer.overflow import Overflow
from serving.transformer.places import Place
from serving.transformer.preview import Previews, read_key
from serving.transformer.recorder import Recorder
from serving.transformer.routing_watch import follow
from serving.transformer.settings import Settings
from serving.transformer.shipper import Destinations, Shipper
from serving.transformer.spool import Spool
from serving.transformer.together import Together

SWITCH_S: Final = 0.0005
"""Seconds after which a computing thread gives way to a waiting one."""


KEEP_S: Final = 0.5
"""How often memory is written out after a full disk, and the limits are told."""


class Life:
    """What a transformer consists of beside its routes. Entered around serving."""

    def __init__(self, settings: Settings, task: Task, metrics: Metrics, guard: Guard) -> None:
        self._settings, self._task, self._metrics, self._guard = settings, task, metrics, guard
        self.left = 0
        self.keeper = RoutingKeeper(task.name, metrics)
        self.spool = Spool(settings.spool)
        inputs = Inputs(task, settings.inputs_per_second, time.monotonic)
        self.recorder = Recorder(inputs, self.spool, metrics, time.time, new_id)
        self.store = Store(settings.store, clock=time.time)
        self.pool = Pool()
        chance = random.Random()  # noqa: S311 - spreads probes in time; nobody gains by guessing it
        self.answering = Answering(task.name, self._places(), metrics, Surroundings(time.monotonic, chance.random))
        conditions = Conditions(time.monotonic, lambda: guard.admission.strained, settings.covariates)
        self.mirror = Mirror(task.name, self.answering.asking.ask, self.recorder, metrics, conditions)

    @contextlib.asynccontextmanager
    async def __call__(self) -> AsyncIterator[None]:
        """Connect, follow the routing and ship until left; then ship the rest."""
        settings = self._settings
        routing = follow(settings, self._task.name, self._metrics)
        follower = Follower(self.keeper, routing.watch, routing.acknowledge)
        follower.look()
        # On a cluster the release service judges: a transformer's user may neither read nor write what that takes.
        judges = settings.backend == "local"
        destinations = Destinations(self.store, self._overflow(), judges)
        shipper = Shipper(self._task, self.spool, destinations, self._metrics, time.monotonic)
        async with self.pool:
            background = [asyncio.create_task(job) for job in (follower.run(), shipper.run(), self._keep())]
            try:
                yield
            finally:
                await _stop(background)
                await self.mirror.close()
                self.recorder.close()
                self.left = await asyncio.to_thread(shipper.drain)
                self.store.close()
                self.spool.close()
                routing.close()

    def _overflow(self) -> Overflow | None:
        """Where records go while the store is away, if anywhere."""
        settings = self._settings
        if not settings.spool_bucket:
            return None
        return Overflow(S3Objects(settings.spool_bucket, settings.s3_endpoint), self._task.name)

    async def _keep(self) -> None:
        while True:
            self.recorder.flush()
            self._metrics.set(IN_FLIGHT_LIMIT, self._task.name, value=self._guard.admission.limit)
            await asyncio.sleep(KEEP_S)

    def _places(self) -> dict[str, Place]:
        """The places to ask, by name."""
        settings = self._settings
        urls: dict[str, str] = {slot: getattr(settings, f"{slot}_url") for slot in (*KNOWN_SLOTS, BASELINE)}
        name = self._task.name
        return {place: Together(PredictorClient(self.pool, url, name)) for place, url in urls.items() if url}


def serve(settings: Settings, task: Task) -> None:
    """Serve until told to stop.

    Raises:
        Unavailable: the spool's folder cannot be used, or is the only copy of records at the end.
        InvalidInput: the operator's key cannot be used.
    """
    # While the shipper's thread computes, the event loop must not wait the usual 5 ms for its turn.
    sys.setswitchinterval(SWITCH_S)
    metrics = Metrics(prometheus_client.REGISTRY, tuple(spec for spec in SERVING if spec is not MODEL))
    guard = settings.guard(lambda refusal: metrics.add(REFUSALS, task.name, refusal.reason))
    life = Life(settings, task, metrics, guard)
    clock = Clock(now=time.time, tick=time.monotonic)
    previews = Previews(task.name, read_key(settings.preview_key) if settings.preview_key else None, clock.now)
    listing = Listing(task.name, life.store)
    work = (life.keeper, life.answering, life.recorder, life.mirror)
    parts = Parts(task, *work, metrics, clock, listing, previews, settings.unit_from)
    model = Transformer(settings.model_name or task.name, parts)
    address = Address(settings.host, settings.http_port)
    whole = rpc.beside(life, model, settings.host, settings.grpc_port, guard)
    Server(address, model.routes(), whole, guard=guard, drain_s=settings.drain_s).serve(model)
    if life.left and settings.spool_bucket:
        problem = f"{life.left} records stay in {settings.spool}: neither the store nor the bucket takes them"
        raise Unavailable(problem, remedy="keep the folder, and start a transformer on it once one of them is back")


def new_id() -> str:
    """A prediction id: 12 hex digits of the time in ms, so that ids sort and databases index them well, 20 random."""
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"


async def _stop(background: list[asyncio.Task[None]]) -> None:
    for job in background:
        job.cancel()
    await asyncio.gather(*background, return_exceptions=True)
