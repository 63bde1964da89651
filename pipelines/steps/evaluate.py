"""Evaluate: challenger, champion and baseline on the same rows, none of which the challenger was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from contender.errors import NotFound
from contender.tasks.catalog import task_named
from contender.tasks.lineage import schema_digest
from contender.tasks.task import Probabilities, Task
from contender.values import BASELINE, CHALLENGER, CHAMPION, ModelVersion, Row
from monitoring.drift import reference
from pipelines.params import RegistryParams
from pipelines.steps import plots
from pipelines.steps.command import main
from pipelines.steps.files import REPORT, read_document, read_rows, write_document
from pipelines.steps.ingest import read_csv
from pipelines.steps.progress import reported
from pipelines.steps.scoring import Scorer, load
from pipelines.steps.split import TEST
from pipelines.steps.train import ARTIFACT
from pipelines.steps.validate import check_rows, require_mostly_good

RESAMPLES: Final = 80
PLOTS: Final = "plots"

_BOOTSTRAP_SEED: Final = 20_26
_QUANTILE: Final = 1.6449
"""Of the standard normal distribution, at 0.95."""


@dataclass(frozen=True, slots=True)
class Improvement:
    """How much better the challenger's primary metric is: the point, and its one-sided 95 % lower bound."""

    point: float
    low: float
    resamples: int = RESAMPLES


@dataclass(frozen=True, slots=True)
class Answers:
    """One model's probabilities for the rows that are judged, columns in the order of `classes`."""

    probabilities: Probabilities
    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rival:
    """The champion to compare with, if any; why one cannot be compared; why the comparison may flatter it."""

    scorer: Scorer | None = None
    incomparable: str = ""
    overlap: str = ""


@reported("evaluate")
def evaluate(
    task: str, parts: Path, model: Path, baseline: Path, registry: RegistryParams, evaluation: Path
) -> dict[str, Any]:
    """Write metrics, the improvement over the champion, plots and the drift reference into the folder `evaluation`.

    The champion is judged by its evaluated artifact, never by a refitted one, which learnt from its own test rows too.
    Where the test rows are others than those of the champion's run, ``overlap`` says that it may have learnt from some.
    """
    question = task_named(task)
    rows = read_rows(parts / TEST)
    truth = [question.label_of(row[question.target]) for row in rows]
    rival = _rival(question, registry, read_document(parts / REPORT)["test_digest"], evaluation / "champion")
    scorers = {CHALLENGER: load(question, model / ARTIFACT), BASELINE: load(question, baseline / ARTIFACT)}
    scorers |= {CHAMPION: rival.scorer} if rival.scorer else {}
    answers = {name: answers_of(scorer, rows) for name, scorer in scorers.items()}
    document = {
        "rows": len(rows),
        "metrics": {name: measure(question, truth, answer) for name, answer in answers.items()},
        "improvement": _improvement(question, truth, answers),
        "incomparable": rival.incomparable,
        "overlap": rival.overlap,
    }
    write_document(evaluation / REPORT, document)
    challenger = answers[CHALLENGER]
    predictions = question.decide(challenger.probabilities, challenger.classes)
    reference.save(reference.remember(question, rows, predictions), evaluation / reference.FOLDER)
    plots.draw(question, truth, challenger.probabilities, challenger.classes, evaluation / PLOTS)
    return document


def score_file(task: Task, data: Path, artifact: Path, max_bad_share: float = 0.05) -> dict[str, float]:
    """The task's metrics of the artifact in a folder on the labelled rows of a CSV file.

    Raises:
        NotFound: no such file.
        InvalidInput: the rows break the schema, beyond `max_bad_share` of them.
        InvalidArtifact: the artifact is not whole.
    """
    checked = check_rows(task, read_csv(data))
    require_mostly_good(checked, max_bad_share)
    truth = [task.label_of(row[task.target]) for row in checked.good]
    return measure(task, truth, answers_of(load(task, artifact), checked.good))


def answers_of(scorer: Scorer, rows: Sequence[Row]) -> Answers:
    """What a loaded artifact says about `rows`."""
    return Answers(scorer.probabilities(rows), scorer.manifest.classes)


def measure(task: Task, truth: Sequence[str], answers: Answers) -> dict[str, float]:
    """The task's metrics of `answers` against the true labels."""
    return task.recipe().measure(truth, answers.probabilities, answers.classes)


def improvement(task: Task, truth: Sequence[str], champion: Answers, challenger: Answers) -> Improvement:
    """The challenger's improvement of the primary metric, by a paired bootstrap over rows.

    The bound is that of the standard normal interval with the bootstrap's standard error (Efron & Tibshirani, An
    Introduction to the Bootstrap, 1993, chapter 12), for which 50 to 200 draws are enough (section 6.4). Draws without
    two classes, where metrics of ranking are undefined, are drawn again.
    """
    labels = np.array(truth)
    rng = np.random.default_rng(_BOOTSTRAP_SEED)
    draws = [_draw(rng, labels) for _ in range(RESAMPLES)]
    differences = [_difference(task, labels, champion, challenger, draw) for draw in draws]
    point = _difference(task, labels, champion, challenger, np.arange(len(labels)))
    return Improvement(point, point - _QUANTILE * float(np.std(differences, ddof=1)))


def _draw(rng: np.random.Generator, labels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    while True:
        drawn = rng.integers(0, len(labels), len(labels))
        if len(set(labels[drawn].tolist())) > 1 or len(set(labels.tolist())) < 2:
            return drawn


def _difference(
    task: Task, labels: np.ndarray[Any, Any], champion: Answers, challenger: Answers, drawn: np.ndarray[Any, Any]
) -> float:
    truth = labels[drawn].tolist()
    scores = [
        measure(task, truth, Answers(one.probabilities[drawn], one.classes))[task.metric.name]
        for one in (champion, challenger)
    ]
    return task.metric.improvement(*scores)


def _improvement(task: Task, truth: Sequence[str], answers: Mapping[str, Answers]) -> dict[str, Any] | None:
    if CHAMPION not in answers:
        return None
    return asdict(improvement(task, truth, answers[CHAMPION], answers[CHALLENGER]))


def _rival(task: Task, registry: RegistryParams, test_digest: str, folder: Path) -> Rival:
    from contender.adapters.registry_mlflow import MlflowRegistry

    connected = MlflowRegistry(registry.tracking_uri, registry.artifact_root)
    try:
        version = connected.version(task.name, CHAMPION)
    except NotFound:
        return Rival()
    if incomparable := _incomparable(task, version):
        return Rival(incomparable=incomparable)
    return Rival(load(task, connected.fetch_evaluated(version, folder)), overlap=_overlap(version, test_digest))


def _incomparable(task: Task, version: ModelVersion) -> str:
    if version.tags.get("schema_digest") != schema_digest(task):
        return f"version {version.version} answers another schema"
    if version.tags.get("features_version") != str(task.features_version):
        return f"version {version.version} was made with other features code"
    return ""


def _overlap(version: ModelVersion, test_digest: str) -> str:
    if version.tags.get("test_digest") == test_digest:
        return ""
    return f"version {version.version} comes from another split and may have learnt from some of these rows"


if __name__ == "__main__":
    main(evaluate)
