"""Evaluate: challenger, champion and baseline on the same rows, none of which the challenger was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from contender.errors import NotFound
from contender.tasks.catalog import task_named
from contender.tasks.groups import Indices, group_ids
from contender.tasks.lineage import schema_digest
from contender.tasks.task import Metric, Probabilities, Task
from contender.values import BASELINE, CHALLENGER, CHAMPION, ModelVersion, Row
from monitoring.drift import reference
from pipelines.params import RegistryParams
from pipelines.steps import bootstrap, plots
from pipelines.steps.command import main
from pipelines.steps.files import REPORT, read_document, read_rows, write_document
from pipelines.steps.ingest import read_csv
from pipelines.steps.progress import reported
from pipelines.steps.scoring import Scorer, load
from pipelines.steps.split import TEST
from pipelines.steps.train import ARTIFACT
from pipelines.steps.validate import check_rows, require_mostly_good

PLOTS: Final = "plots"

_QUANTILE: Final = 1.6449
"""Of the standard normal distribution, at 0.95."""


@dataclass(frozen=True, slots=True)
class Improvement:
    """How much better the challenger's primary metric is: the point, and its one-sided 95 % lower bound."""

    point: float
    low: float
    resamples: int = bootstrap.RESAMPLES


@dataclass(frozen=True, slots=True)
class Answers:
    """One model's probabilities for the rows that are judged, columns in the order of `classes`."""

    probabilities: Probabilities
    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """One model's metrics on all rows that are judged, and on every draw of them."""

    metrics: Mapping[str, float]
    drawn: Sequence[Mapping[str, float]]

    @classmethod
    def of(cls, task: Task, truth: Sequence[str], answers: Answers, draws: Sequence[Indices]) -> Measured:
        """The task's metrics of `answers` against the true labels, on all rows and on `draws` of row numbers."""
        labels = np.array(truth, dtype=object)
        drawn = [
            measure(task, labels[draw].tolist(), Answers(answers.probabilities[draw], answers.classes))
            for draw in draws
        ]
        return cls(measure(task, truth, answers), drawn)

    def intervals(self) -> dict[str, tuple[float, float]]:
        """The 95 % interval of every metric."""
        return {
            name: bootstrap.interval(value, [one[name] for one in self.drawn]) for name, value in self.metrics.items()
        }


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

    Metrics come with 95 % intervals, and the improvement with a bound, by one bootstrap (`bootstrap.resamples`).

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
    draws = bootstrap.resamples(truth, group_ids([question.group_keys(row) for row in rows]))
    measured = {name: Measured.of(question, truth, answer, draws) for name, answer in answers.items()}
    document = {
        "rows": len(rows),
        "metrics": {name: one.metrics for name, one in measured.items()},
        "intervals": {name: one.intervals() for name, one in measured.items()},
        "improvement": _improvement(question, measured),
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


def improvement(metric: Metric, champion: Measured, challenger: Measured) -> Improvement:
    """The challenger's improvement of the primary metric, both models having been measured on the same draws.

    The bound is that of the standard normal interval with the bootstrap's standard error, as in `bootstrap.interval`.
    """
    point = metric.improvement(champion.metrics[metric.name], challenger.metrics[metric.name])
    pairs = zip(champion.drawn, challenger.drawn, strict=True)
    differences = [metric.improvement(one[metric.name], other[metric.name]) for one, other in pairs]
    return Improvement(point, point - _QUANTILE * bootstrap.spread(differences))


def _improvement(task: Task, measured: Mapping[str, Measured]) -> dict[str, Any] | None:
    if CHAMPION not in measured:
        return None
    return asdict(improvement(task.metric, measured[CHAMPION], measured[CHALLENGER]))


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
