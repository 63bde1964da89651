"""The search with the real optuna on a task of two numbers, where the best point is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from contender.tasks.groups import leaked
from contender.tasks.job_change.task import JobChange
from contender.tasks.task import Estimator, Probabilities, Recipe, Trial
from contender.values import Row
from pipelines.params import TrainingParams
from pipelines.steps.search import Fold, TrialResult, best_of, chosen, make_folds, search


class Guess:
    """Answers with the same probability for everybody."""

    def __init__(self, share: float) -> None:
        self.classes_ = np.array(["looking", "not_looking"])
        self._share = share

    def fit(self, X: Any, y: Any) -> Any:  # noqa: N803 - scikit-learn's name
        return self

    def predict_proba(self, X: Any) -> Probabilities:  # noqa: N803 - scikit-learn's name
        return np.tile(np.array([self._share, 1.0 - self._share]), (len(X), 1))


class GuessRecipe:
    """Scored by how near the guess is to 0.3."""

    def space(self, trial: Trial) -> dict[str, Any]:
        return {"share": trial.suggest_float("share", 0.0, 1.0)}

    def defaults(self) -> dict[str, Any]:
        return {"share": 0.9}

    def build(self, params: Mapping[str, Any], seed: int) -> Estimator:
        return Guess(params["share"])

    def baseline(self, seed: int) -> Estimator:
        return Guess(0.5)

    def measure(self, truth: Sequence[str], probabilities: Probabilities, classes: Sequence[str]) -> dict[str, float]:
        return {"roc_auc": 1.0 - abs(float(probabilities[0, 0]) - 0.3)}

    def to_onnx(self, fitted: Estimator, width: int) -> bytes:
        raise NotImplementedError


class Guessing(JobChange):
    def recipe(self) -> Recipe:  # type: ignore[override]  # any recipe will do here
        return GuessRecipe()


@pytest.fixture(scope="module")
def rows() -> list[dict[str, object]]:
    return JobChange().generate(120, 0) * 2


@pytest.fixture(scope="module")
def folds(rows: Sequence[Row]) -> list[Fold]:
    task = Guessing()
    return make_folds(task, rows, [task.label_of(row["target"]) for row in rows], 3, 0)


def tried(folds: Sequence[Fold], training: TrainingParams) -> list[TrialResult]:
    seen: list[TrialResult] = []
    results = search(Guessing(), folds, training, seen.append)
    assert seen == results
    return results


def test_every_row_is_tested_once_and_never_learnt_from_at_once(rows: Sequence[Row]) -> None:
    class Remembering(Guessing):
        """Keeps the keys of the rows that its features were fitted on."""

        def __init__(self) -> None:
            super().__init__()
            self.fitted: list[set[tuple[str, ...]]] = []

        def fit_features(self, rows: Sequence[Row], labels: Sequence[str]) -> Any:
            self.fitted.append({self.group_keys(row) for row in rows})
            return super().fit_features(rows, labels)

    task = Remembering()
    made = make_folds(task, rows, [task.label_of(row["target"]) for row in rows], 3, 0)
    assert sum(len(fold.test) for fold in made) == len(rows)
    everybody = {task.group_keys(row) for row in rows}
    for fold, fitted in zip(made, task.fitted, strict=True):
        assert len(fold.train) + len(fold.test) == len(rows)
        assert not leaked(fitted, everybody - fitted)


def test_the_defaults_are_tried_first_and_the_best_is_found(folds: list[Fold]) -> None:
    results = tried(folds, TrainingParams(trials=15))
    assert [result.number for result in results] == list(range(1, 16))
    assert results[0].params == {"share": 0.9}
    best = best_of(Guessing(), results)
    assert best.params["share"] == pytest.approx(0.3, abs=0.1)
    assert best.metrics["roc_auc"] == max(result.metrics["roc_auc"] for result in results)


def test_the_seed_decides_what_is_tried(folds: list[Fold]) -> None:
    first, again, other = (
        [result.params for result in tried(folds, TrainingParams(trials=4, seed=seed))] for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_a_spent_budget_ends_the_search_after_one_trial(folds: list[Fold]) -> None:
    assert len(tried(folds, TrainingParams(trials=50, time_budget_s=1e-9))) == 1


def trial(number: int, *scores: float) -> TrialResult:
    return TrialResult(number, {}, {"roc_auc": float(np.mean(scores))}, scores, 0.0)


@pytest.mark.parametrize(
    ("second", "number"),
    [
        ((0.81, 0.82, 0.83), 2),
        ((0.81, 0.80, 0.83), 1),
        ((0.80, 0.81, 0.82), 1),
        ((0.80, 0.81, 0.84), 1),
        ((0.79, 0.80, 0.81), 1),
    ],
    ids=["better everywhere", "unevenly better", "equal", "better once", "worse"],
)
def test_the_defaults_stay_unless_a_trial_beats_them_beyond_noise(second: tuple[float, ...], number: int) -> None:
    assert chosen(Guessing(), [trial(1, 0.80, 0.81, 0.82), trial(2, *second)]).number == number
