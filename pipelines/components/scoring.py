"""The component around score_batch. kfp reads the annotations, so they are not postponed here."""

from typing import Any

from kfp import dsl

from pipelines.components.image import component


@component
def score_batch(
    task: str,
    good: str,
    scoring: dict[str, Any],
    registry: dict[str, Any],
    predictions: str,
    report: dsl.Output[dsl.Artifact],
) -> str:
    """Whether something was scored, or the run was skipped because nothing is new."""
    from pathlib import Path

    from pipelines.params import RegistryParams
    from pipelines.steps.score_batch import ScoringParams, score_batch

    how, where = ScoringParams.model_validate(scoring), RegistryParams.model_validate(registry)
    document = score_batch(task, Path(good), how, where, Path(predictions), Path(report.path))
    report.metadata.update(rows=document["rows"], status=document["status"])
    return str(document["status"])
