"""Train: search, fit on all training rows, and hand over the serving artifact (never a pickled model)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from contender.errors import InvalidInput
from contender.tasks.catalog import task_named
from contender.tasks.task import Task
from contender.values import Row
from pipelines.params import RegistryParams, TrainingParams
from pipelines.steps import learnt
from pipelines.steps.command import main
from pipelines.steps.export import Trained, export
from pipelines.steps.files import REPORT, read_document, read_rows, write_document
from pipelines.steps.progress import Progress, emit, reported, step_name
from pipelines.steps.search import TrialResult, best_of, chosen, make_folds, search
from pipelines.steps.split import TRAIN
from pipelines.steps.tracking import MlflowTrialLog, NoTrialLog, TrialLog

ARTIFACT: Final = "artifact"


@dataclass(frozen=True, slots=True)
class Lesson:
    """The rows that are learnt from, with their labels (some of them shuffled on request)."""

    rows: Sequence[Row]
    labels: Sequence[str]


@reported("train")
def train(
    task: str, parts: Path, training: TrainingParams, registry: RegistryParams, model: Path, role: str = ""
) -> dict[str, Any]:
    """Write into the folder `model` the serving artifact and a report: parameters, scores, lineage.

    `role` names the branch in progress reports: empty for the challenger, ``baseline``.

    Raises:
        InvalidInput: too few rows, or only one class.
        ContenderError: the exported graph differs from the trained model.
    """
    question, name = task_named(task), step_name("train", role)
    lesson = lesson_of(question, read_rows(parts / TRAIN), training)
    searching = training.recipe == "full" and training.trials > 0
    log: TrialLog = MlflowTrialLog(task, registry) if searching else NoTrialLog()
    tried = tried_on(question, lesson, training, log, name) if searching else []
    best = chosen(question, tried) if tried else None
    params = dict(best.params) if best else _stated(question, training)
    emit(Progress(name, "advanced", detail={"doing": f"fitting on {len(lesson.rows)} rows"}))
    trained = fit(question, lesson, training, params)
    emit(Progress(name, "advanced", detail={"doing": "exporting to ONNX and verifying"}))
    difference = export(question, trained, lesson.rows, model / ARTIFACT)
    learnt.save(question, lesson.rows, model / learnt.FOLDER)
    document = {
        "source": read_document(parts / REPORT),
        "params": params,
        "estimator": estimator_family(training, trained, params),
        "trials": [{"params": dict(one.params), "metrics": dict(one.metrics)} for one in tried],
        "cross_validated": dict(best.metrics) if best else {},
        "rows": len(lesson.rows),
        "label_noise": training.label_noise,
        "onnx_difference": difference,
        "run_id": log.run_id,
    }
    write_document(model / REPORT, document)
    return {"rows": len(lesson.rows), "trials": len(tried), "onnx_difference": difference}


def lesson_of(task: Task, rows: Sequence[Row], training: TrainingParams) -> Lesson:
    """The rows to learn from: all, or a seeded choice of `train_rows`; a share `label_noise` of labels shuffled.

    Raises:
        InvalidInput: fewer than two classes.
    """
    rng = np.random.default_rng(training.seed)
    count = min(training.train_rows or len(rows), len(rows))
    chosen = [rows[i] for i in rng.permutation(len(rows))[:count]]
    labels = np.array([task.label_of(row[task.target]) for row in chosen])
    noisy = rng.permutation(count)[: round(training.label_noise * count)]
    labels[noisy] = labels[rng.permutation(noisy)]
    if len(set(labels.tolist())) < 2:
        raise InvalidInput(task.target, f"{count} training rows hold fewer than two classes")
    return Lesson(chosen, labels.tolist())


def tried_on(task: Task, lesson: Lesson, training: TrainingParams, log: TrialLog, step: str) -> list[TrialResult]:
    """The trials of a search, each recorded in `log` and reported as progress of `step`."""
    done: list[TrialResult] = []

    def on_trial(result: TrialResult) -> None:
        done.append(result)
        log.record(result)
        emit(Progress(step, "advanced", result.seconds, _advance(task, done, training.trials)))

    with log:
        emit(Progress(step, "advanced", detail={"doing": f"encoding {training.folds} folds"}))
        folds = make_folds(task, lesson.rows, lesson.labels, training.folds, training.seed)
        return search(task, folds, training, on_trial)


def fit(task: Task, lesson: Lesson, training: TrainingParams, params: Mapping[str, Any]) -> Trained:
    """The features and the estimator, fitted on all of `lesson`."""
    recipe = task.recipe()
    encoder = task.fit_features(lesson.rows, lesson.labels)
    estimator = recipe.baseline(training.seed) if training.recipe == "baseline" else recipe.build(params, training.seed)
    estimator.fit(encoder.encode(lesson.rows), np.array(lesson.labels))
    return Trained(encoder, estimator)


def estimator_family(training: TrainingParams, trained: Trained, params: Mapping[str, Any]) -> str:
    """What kind of estimator it is, whatever the values that were fitted: recipe, class and names of parameters."""
    names = hashlib.sha256(",".join(sorted(params)).encode()).hexdigest()[:8]
    return f"{training.recipe}/{type(trained.estimator).__name__}/{names}"


def _stated(task: Task, training: TrainingParams) -> dict[str, Any]:
    return task.recipe().defaults() if training.recipe == "full" else {}


def _advance(task: Task, done: Sequence[TrialResult], trials: int) -> dict[str, Any]:
    name = task.metric.name
    best = best_of(task, done).metrics[name]
    return {"trial": len(done), "trials": trials, "metric": name, "score": done[-1].metrics[name], "best": best}


if __name__ == "__main__":
    main(train)
