"""Puts a predictor together: artifact, metrics, KServe server."""

from __future__ import annotations

import contextlib

import prometheus_client

from contender.tasks.task import Task
from monitoring.metrics import MODEL, REFUSALS, Metrics
from serving import rpc
from serving.predictor.artifact import load
from serving.predictor.model import Predictor
from serving.predictor.settings import Settings
from serving.server import Address, Server


def serve(settings: Settings, task: Task) -> None:
    """Serve the artifact until told to stop.

    Raises:
        InvalidArtifact: it must not be served.
    """
    loaded = load(settings.artifact, task, settings.digest)
    metrics = Metrics(prometheus_client.REGISTRY, (MODEL, REFUSALS))
    metrics.set(MODEL, task.name, loaded.manifest.version, value=1)
    model = Predictor(settings.model_name or task.name, loaded)
    guard = settings.guard(lambda refusal: metrics.add(REFUSALS, task.name, refusal.reason))
    address = Address(settings.host, settings.http_port)
    life = rpc.beside(contextlib.nullcontext, model, settings.host, settings.grpc_port, guard)
    Server(address, model.routes(), life, guard=guard, drain_s=settings.drain_s).serve(model)
