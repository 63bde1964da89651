"""The component around analyse. kfp reads the annotations, so they are not postponed here."""

from typing import Any

from kfp import dsl

from pipelines.components.image import component


@component
def analyse(task: str, records: dict[str, Any], report: dsl.Output[dsl.Artifact]) -> str:
    """The verdict's decision, or that no experiment runs."""
    from pathlib import Path

    from pipelines.steps.analyse import AnalysisParams, analyse

    document = analyse(task, AnalysisParams.model_validate(records), Path(report.path))
    report.metadata.update(decision=document["decision"], experiment=document["experiment"] or "")
    return str(document["decision"])
