"""Refit: what passed the gate, fitted once more on training and test rows together, is what will be served."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contender.tasks.catalog import task_named
from contender.tasks.task import Task
from pipelines.params import TrainingParams
from pipelines.steps.command import main
from pipelines.steps.export import export
from pipelines.steps.files import REPORT, read_document, read_rows, write_document
from pipelines.steps.gate import passed
from pipelines.steps.progress import Progress, emit, reported
from pipelines.steps.split import TEST, TRAIN
from pipelines.steps.train import ARTIFACT, fit, lesson_of


@reported("refit")
def refit(
    task: str, parts: Path, model: Path, decision: Path, training: TrainingParams, served: Path
) -> dict[str, Any]:
    """Write into the folder `served` the artifact that will be served and a report: refitted or not, rows learnt from.

    The parameters are those of the judged `model`: nothing is searched, and live rows are never read. Without
    `training.refit`, or with a lesson limited by `train_rows`, the judged artifact itself is served.

    Raises:
        Refused: the gate's decision says no.
        ContenderError: the exported graph differs from the fitted model.
    """
    passed(decision)
    judged = read_document(model / REPORT)
    if wanted(training):
        document = _fitted_again(task_named(task), parts, judged["params"], training, served / ARTIFACT)
    else:
        shutil.copytree(model / ARTIFACT, served / ARTIFACT, dirs_exist_ok=True)
        document = as_judged(judged)
    write_document(served / REPORT, document)
    return document


def wanted(training: TrainingParams) -> bool:
    """Whether there is anything to gain: a lesson that `train_rows` limits does not grow with the rows at hand."""
    return training.refit and training.train_rows == 0


def as_judged(training: Mapping[str, Any]) -> dict[str, Any]:
    """The report of a model that is served as it was judged; `training` is the report of its training."""
    return {"refit": False, "rows": training["rows"], "onnx_difference": training["onnx_difference"]}


def _fitted_again(
    task: Task, parts: Path, params: Mapping[str, Any], training: TrainingParams, artifact: Path
) -> dict[str, Any]:
    lesson = lesson_of(task, [*read_rows(parts / TRAIN), *read_rows(parts / TEST)], training)
    emit(Progress("refit", "advanced", detail={"doing": f"fitting on {len(lesson.rows)} rows"}))
    trained = fit(task, lesson, training, params)
    emit(Progress("refit", "advanced", detail={"doing": "exporting to ONNX and verifying"}))
    difference = export(task, trained, lesson.rows, artifact)
    return {"refit": True, "rows": len(lesson.rows), "onnx_difference": difference}


if __name__ == "__main__":
    main(refit)
