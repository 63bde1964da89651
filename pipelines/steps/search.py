"""The search for a model's parameters: grouped cross-validation inside the training rows, and nowhere else."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.errors import InvalidInput
from contender.tasks.groups import group_ids, split_groups
from contender.tasks.task import Recipe, Task
from contender.values import Row
from pipelines.params import TrainingParams


@dataclass(frozen=True, slots=True)
class Fold:
    """One fold, encoded by an encoder that was fitted on its training part only."""

    train: NDArray[Any]
    train_labels: NDArray[np.str_]
    test: NDArray[Any]
    test_labels: list[str]


@dataclass(frozen=True, slots=True)
class TrialResult:
    """One point of the search space: number from 1, parameters, mean metrics, the primary metric fold by fold."""

    number: int
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    scores: tuple[float, ...]
    seconds: float


OnTrial = Callable[[TrialResult], None]


def make_folds(task: Task, rows: Sequence[Row], labels: Sequence[str], count: int, seed: int) -> list[Fold]:
    """`count` folds that duplicates do not straddle, classes in their shares; encoded once, for all trials.

    Raises:
        InvalidInput: too few rows for that many folds.
    """
    ids = group_ids([task.group_keys(row) for row in rows])
    parts = split_groups(ids, [1.0 / count] * count, seed, labels)
    if min(map(len, parts)) == 0:
        raise InvalidInput("data", f"{len(rows)} training rows are too few for {count} folds")
    return [_fold(task, rows, labels, part) for part in parts]


def search(task: Task, folds: Sequence[Fold], training: TrainingParams, on_trial: OnTrial) -> list[TrialResult]:
    """The trials made, in order: the recipe's defaults first, then a seeded TPE; at least one, whatever the budget.

    Ends after `trials` or, between two trials, when `time_budget_s` would be overrun by one more of average length.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    recipe = task.recipe()
    direction = "maximize" if task.metric.greater_is_better else "minimize"
    study = optuna.create_study(direction=direction, sampler=optuna.samplers.TPESampler(seed=training.seed))
    study.enqueue_trial(recipe.defaults())
    results: list[TrialResult] = []
    began = time.perf_counter()
    while len(results) < training.trials and _time_left(began, len(results), training.time_budget_s):
        trial = study.ask()
        params = recipe.space(trial)
        results.append(_tried(task, folds, params, len(results) + 1, training.seed))
        study.tell(trial, results[-1].metrics[task.metric.name])
        on_trial(results[-1])
    return results


def best_of(task: Task, results: Sequence[TrialResult]) -> TrialResult:
    """The trial with the best primary metric; the earliest of equals."""
    sign = 1.0 if task.metric.greater_is_better else -1.0
    return max(results, key=lambda result: (sign * result.metrics[task.metric.name], -result.number))


def chosen(task: Task, results: Sequence[TrialResult]) -> TrialResult:
    """The best trial if it beats the first, the recipe's defaults, by more than one standard error; else the first.

    The error is that of the paired differences over the folds. Differences within it are noise, and the best of many
    noisy trials is the luckiest (the one-standard-error rule: Breiman, Friedman, Olshen & Stone, Classification and
    Regression Trees, 1984, section 3.4.3).
    """
    first, best = results[0], best_of(task, results)
    gains = [task.metric.improvement(*pair) for pair in zip(first.scores, best.scores, strict=True)]
    error = float(np.std(gains, ddof=1)) / np.sqrt(len(gains))
    return best if float(np.mean(gains)) > error else first


def _fold(task: Task, rows: Sequence[Row], labels: Sequence[str], held: NDArray[np.int64]) -> Fold:
    outside = np.setdiff1d(np.arange(len(rows)), held)
    train, train_labels = [rows[i] for i in outside], [labels[i] for i in outside]
    encoder = task.fit_features(train, train_labels)
    return Fold(
        train=encoder.encode(train),
        train_labels=np.array(train_labels),
        test=encoder.encode([rows[i] for i in held]),
        test_labels=[labels[i] for i in held],
    )


def _time_left(began: float, done: int, budget: float) -> bool:
    spent = time.perf_counter() - began
    return done == 0 or spent + spent / done <= budget


def _tried(task: Task, folds: Sequence[Fold], params: Mapping[str, Any], number: int, seed: int) -> TrialResult:
    began = time.perf_counter()
    measured = [_measured(task.recipe(), fold, params, seed) for fold in folds]
    means = {name: float(np.mean([metrics[name] for metrics in measured])) for name in measured[0]}
    scores = tuple(metrics[task.metric.name] for metrics in measured)
    return TrialResult(number, dict(params), means, scores, time.perf_counter() - began)


def _measured(recipe: Recipe, fold: Fold, params: Mapping[str, Any], seed: int) -> dict[str, float]:
    estimator = recipe.build(params, seed)
    estimator.fit(fold.train, fold.train_labels)
    classes = [str(label) for label in estimator.classes_]
    return recipe.measure(fold.test_labels, estimator.predict_proba(fold.test), classes)
