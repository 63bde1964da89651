"""Puts a predictor together: artifact, metrics, KServe server."""

from __future__ import annotations

import prometheus_client

from contender.tasks.task import Task
from monitoring.metrics import MODEL, Metrics
from serving.predictor.artifact import load
from serving.predictor.model import Predictor
from serving.predictor.settings import Settings
from serving.server import Address, Server, ready_route


def serve(settings: Settings, task: Task) -> None:
    """Serve the artifact until told to stop.

    Raises:
        InvalidArtifact: it must not be served.
    """
    loaded = load(settings.artifact, task, settings.digest)
    metrics = Metrics(prometheus_client.REGISTRY, (MODEL,))
    metrics.set(MODEL, task.name, loaded.manifest.version, value=1)
    model = Predictor(settings.model_name or task.name, loaded)
    Server(Address(settings.host, settings.http_port), {**model.routes(), **ready_route(model)}).serve(model)
