"""Evaluate: challenger, champion and baseline on the same rows, none of which the challenger was trained on."""

from __future__ import annotations

from collections import Counter
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
from pipelines.steps import bootstrap, learnt, plots
from pipelines.steps.command import main
from pipelines.steps.files import REPORT, read_rows, write_document
from pipelines.steps.ingest import read_csv
from pipelines.steps.progress import reported
from pipelines.steps.scoring import Scorer, load
from pipelines.steps.split import TEST
from pipelines.steps.train import ARTIFACT
from pipelines.steps.validate import check_rows, require_mostly_good

PLOTS: Final = "plots"

_CHANCE: Final = "chance"
_LEAST_FRESH: Final = 0.5
"""The part of the held-out rows below which those that the champion has not learnt from are no fair sample of them."""

_QUANTILE: Final = 1.6449
"""Of the standard normal distribution, at 0.95."""


@dataclass(frozen=True, slots=True)
class Improvement:
    """How much better the challenger's primary metric is: the point, and its one-sided 95 % bounds."""

    point: float
    low: float
    high: float
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
    """The champion to compare with, if any, or why one cannot be compared; the rows that it has not learnt from."""

    rows: Sequence[Row]
    scorer: Scorer | None = None
    incomparable: str = ""


@reported("evaluate")
def evaluate(
    task: str, parts: Path, model: Path, baseline: Path, registry: RegistryParams, evaluation: Path
) -> dict[str, Any]:
    """Write metrics, the improvement over the champion, plots and the drift reference into the folder `evaluation`.

    Metrics come with 95 % intervals, and the improvement with a bound, by one bootstrap (`bootstrap.resamples`).

    The champion is judged by its evaluated artifact, never by a refitted one, which learnt from its own test rows too.
    Test rows of people it has learnt from all the same are set aside for all: nobody is judged on what one model knows.
    """
    question = task_named(task)
    held_out = read_rows(parts / TEST)
    rival = _rival(question, registry, held_out, evaluation / "champion")
    rows = rival.rows
    truth = [question.label_of(row[question.target]) for row in rows]
    scorers = {CHALLENGER: load(question, model / ARTIFACT), BASELINE: load(question, baseline / ARTIFACT)}
    scorers |= {CHAMPION: rival.scorer} if rival.scorer else {}
    answers = {name: answers_of(scorer, rows) for name, scorer in scorers.items()}
    groups = group_ids([question.group_keys(row) for row in rows])
    draws = bootstrap.resamples(truth, groups)
    measured = {name: Measured.of(question, truth, answer, draws) for name, answer in answers.items()}
    chance = Measured.of(question, truth, one_answer(truth, answers[CHALLENGER].classes), draws)
    document = {
        "rows": len(rows),
        "set_aside": len(held_out) - len(rows),
        "metrics": {name: one.metrics for name, one in measured.items()},
        "intervals": {name: one.intervals() for name, one in measured.items()},
        "improvement": _improvement(question, measured),
        "floor": _floor(question, truth, groups, {**measured, _CHANCE: chance}),
        "incomparable": rival.incomparable,
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

    The bounds are the standard normal interval's with the bootstrap's standard error, as in `bootstrap.interval`.
    """
    point = metric.improvement(champion.metrics[metric.name], challenger.metrics[metric.name])
    pairs = zip(champion.drawn, challenger.drawn, strict=True)
    differences = [metric.improvement(one[metric.name], other[metric.name]) for one, other in pairs]
    reach = _QUANTILE * bootstrap.spread(differences)
    return Improvement(point, point - reach, point + reach)


def one_answer(truth: Sequence[str], classes: Sequence[str]) -> Answers:
    """The best answer that does not look at anybody: for each of `truth` the shares of the labels in it."""
    counts = Counter(truth)
    shares = np.array([[counts[label] / len(truth) for label in classes]])
    return Answers(np.repeat(shares, len(truth), axis=0), tuple(classes))


def _floor(task: Task, truth: Sequence[str], groups: Indices, models: Mapping[str, Measured]) -> dict[str, Any]:
    """What the gate asks of every version; see `pipelines.steps.gate.Floor`."""
    name, challenger = task.metric.name, models[CHALLENGER]
    over_chance, over_baseline = (improvement(task.metric, models[role], challenger) for role in (_CHANCE, BASELINE))
    people = [truth[row] for row in np.unique(groups, return_index=True)[1]]
    return {
        "people": len(people),
        "rare": len(people) - max(Counter(people).values()),
        "chance": models[_CHANCE].metrics[name],
        "over_chance": over_chance.low,
        "baseline": models[BASELINE].metrics[name],
        "over_baseline": over_baseline.high,
    }


def _improvement(task: Task, measured: Mapping[str, Measured]) -> dict[str, Any] | None:
    if CHAMPION not in measured:
        return None
    return asdict(improvement(task.metric, measured[CHAMPION], measured[CHALLENGER]))


def _rival(task: Task, registry: RegistryParams, rows: Sequence[Row], folder: Path) -> Rival:
    from contender.adapters.registry_mlflow import MlflowRegistry

    connected = MlflowRegistry(registry.tracking_uri, registry.artifact_root)
    try:
        version = connected.version(task.name, CHAMPION)
    except NotFound:
        return Rival(rows)
    if incomparable := _incomparable(task, version):
        return Rival(rows, incomparable=incomparable)
    known = learnt.load(connected.fetch_kept(version, learnt.TAG, folder / learnt.FOLDER))
    fresh = [rows[at] for at in learnt.unknown(task, rows, known)]
    if len(fresh) < _LEAST_FRESH * len(rows):
        met = f"version {version.version} has learnt from {len(rows) - len(fresh)} of the {len(rows)} rows held out"
        return Rival(rows, incomparable=met)
    return Rival(fresh, load(task, connected.fetch_evaluated(version, folder)))


def _incomparable(task: Task, version: ModelVersion) -> str:
    if version.tags.get("schema_digest") != schema_digest(task):
        return f"version {version.version} answers another schema"
    if version.tags.get("features_version") != str(task.features_version):
        return f"version {version.version} was made with other features code"
    if learnt.TAG not in version.tags:
        return f"version {version.version} does not say whom it has learnt from"
    return ""


if __name__ == "__main__":
    main(evaluate)
