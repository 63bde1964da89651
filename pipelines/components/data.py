"""Components around ingest, validate and split. kfp reads the annotations, so they are not postponed here."""

from typing import Any

from kfp import dsl

from pipelines.components.image import component


@component
def ingest(task: str, data: dict[str, Any], source: dsl.Output[dsl.Dataset]) -> None:
    """The rows of a file, or synthetic ones."""
    from pathlib import Path

    from pipelines.params import DataParams
    from pipelines.steps.ingest import ingest

    report = ingest(task, DataParams.model_validate(data), Path(source.path))
    source.metadata.update(report)


@component
def validate(task: str, source: dsl.Input[dsl.Dataset], data: dict[str, Any], checked: dsl.Output[dsl.Dataset]) -> None:
    """The rows that keep to the task's schema, and those set aside."""
    from pathlib import Path

    from pipelines.params import DataParams
    from pipelines.steps.validate import validate

    report = validate(task, Path(source.path), DataParams.model_validate(data), Path(checked.path))
    checked.metadata.update(rows=report["rows"], good=report["good"], bad=report["bad"])


@component
def split(task: str, checked: dsl.Input[dsl.Dataset], data: dict[str, Any], parts: dsl.Output[dsl.Dataset]) -> None:
    """Train, test and live rows that share no unit."""
    from pathlib import Path

    from pipelines.params import DataParams
    from pipelines.steps.split import split

    counts = split(task, Path(checked.path), DataParams.model_validate(data), Path(parts.path))
    parts.metadata.update(counts)
