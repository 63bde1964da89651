"""The component around drift. kfp reads the annotations, so they are not postponed here."""

from typing import Any

from kfp import dsl

from pipelines.components.image import monitoring_component


@monitoring_component
def drift(task: str, span: dict[str, Any], registry: dict[str, Any], report: dsl.Output[dsl.Artifact]) -> str:
    """The verdict's word: ok, warn, drift, not enough data or error."""
    from pathlib import Path

    from pipelines.params import RegistryParams
    from pipelines.steps.drift import DriftParams, drift

    how, where = DriftParams.model_validate(span), RegistryParams.model_validate(registry)
    document = drift(task, how, where, Path(report.path))
    report.metadata.update(state=document["state"], reason=document["reason"], rows=document["rows"])
    return str(document["state"])
