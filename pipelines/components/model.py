"""Components around train, evaluate and refit. kfp reads the annotations, so they are not postponed here."""

from typing import Any

from kfp import dsl

from pipelines.components.image import component


@component
def train(
    task: str,
    parts: dsl.Input[dsl.Dataset],
    training: dict[str, Any],
    registry: dict[str, Any],
    model: dsl.Output[dsl.Model],
    role: str = "",
) -> None:
    """A fitted model as a serving artifact, with the report of its training."""
    from pathlib import Path

    from pipelines.params import RegistryParams, TrainingParams
    from pipelines.steps.train import train

    how, where = TrainingParams.model_validate(training), RegistryParams.model_validate(registry)
    report = train(task, Path(parts.path), how, where, Path(model.path), role=role)
    model.metadata.update(report, framework="onnx")


@component
def evaluate(
    task: str,
    parts: dsl.Input[dsl.Dataset],
    model: dsl.Input[dsl.Model],
    baseline: dsl.Input[dsl.Model],
    registry: dict[str, Any],
    evaluation: dsl.Output[dsl.Metrics],
) -> None:
    """Metrics of challenger, champion and baseline on the same rows, with plots."""
    from pathlib import Path

    from pipelines.params import RegistryParams
    from pipelines.steps.evaluate import evaluate

    rows, challenger, other, out = map(Path, (parts.path, model.path, baseline.path, evaluation.path))
    report = evaluate(task, rows, challenger, other, RegistryParams.model_validate(registry), out)
    evaluation.metadata.update(report["metrics"]["challenger"])


@component
def refit(
    task: str,
    parts: dsl.Input[dsl.Dataset],
    candidate: dsl.Input[dsl.Model],
    decision: dsl.Input[dsl.Artifact],
    training: dict[str, Any],
    served: dsl.Output[dsl.Model],
) -> None:
    """The judged parameters fitted on training and test rows: the artifact to serve."""
    from pathlib import Path

    from pipelines.params import TrainingParams
    from pipelines.steps.refit import refit

    rows, model, judged, out = map(Path, (parts.path, candidate.path, decision.path, served.path))
    report = refit(task, rows, model, judged, TrainingParams.model_validate(training), out)
    served.metadata.update(report, framework="onnx")
