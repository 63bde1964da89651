"""Puts a predictor together: artifact, metrics, KServe server."""

from __future__ import annotations

import contextlib

import prometheus_client

from contender.tasks.task import Task
from monitoring.metrics import MODEL, REFUSALS, Metrics
from serving import rpc
from serving.logs import LOGGER
from serving.predictor.artifact import load
from serving.predictor.model import Predictor
from serving.predictor.settings import Settings
from serving.predictor.waiting import WaitingModel, holds_nothing
from serving.server import Address, Server


def serve(settings: Settings, task: Task) -> None:
    """Serve the artifact until told to stop.

    Raises:
        InvalidArtifact: it must not be served.
    """
    metrics = Metrics(prometheus_client.REGISTRY, (MODEL, REFUSALS))
    guard = settings.guard(lambda refusal: metrics.add(REFUSALS, task.name, refusal.reason))
    address = Address(settings.host, settings.http_port)
    name = settings.model_name or task.name
    if settings.wait_empty and holds_nothing(settings.artifact):
        LOGGER.info("waiting", extra={"fields": {"reason": "no version was released into this slot"}})
        waiting = WaitingModel(name)
        Server(address, waiting.routes(), guard=guard).serve(waiting)
        return
    loaded = load(settings.artifact, task, settings.digest)
    metrics.set(MODEL, task.name, loaded.manifest.version, value=1)
    model = Predictor(name, loaded)
    life = rpc.beside(contextlib.nullcontext, model, settings.host, settings.grpc_port, guard)
    Server(address, model.routes(), life, guard=guard, drain_s=settings.drain_s).serve(model)
