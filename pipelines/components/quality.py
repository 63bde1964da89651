"""The component around ingest_files. kfp reads the annotations, so they are not postponed here."""

from typing import Any

from kfp import dsl

from pipelines.components.image import monitoring_component


@monitoring_component
def ingest_files(task: str, ingestion: dict[str, Any], report: dsl.Output[dsl.HTML]) -> str:
    """The verdict on what lies there: good, faults or nothing; the report is one page with pictures."""
    from pathlib import Path

    from pipelines.steps.ingest_files import IngestionParams, ingest_files

    counts = ingest_files(task, IngestionParams.model_validate(ingestion), Path(report.path))
    report.metadata.update(counts)
    return str(counts["verdict"])
