"""What a task is: one question asked about people and jobs.

A task has two halves. `Task` is what serving, analysis and quality need: schema, features, decision, reward. It
imports nothing heavy. `Recipe`, reached through `Task.recipe()`, is what training needs and may import scikit-learn,
imbalanced-learn and skl2onnx.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from contender.metrics import PlannedMetric
from contender.values import FallbackPolicy, Prediction, Row

Matrix = NDArray[np.float32]
Probabilities = NDArray[np.float64]
"""Shape (rows, classes), each row sums to 1; columns in the order of the model's `classes`."""

AnswerKind = Literal["label", "ranking", "level"]
"""How a task answers: one of a set of labels, an ordered list of labels, or one of ordered levels."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure of a model's quality on a set of rows, and which way is better."""

    name: str
    greater_is_better: bool = True

    def improvement(self, champion: float, challenger: float) -> float:
        """How much better the challenger is; negative when it is worse."""
        return challenger - champion if self.greater_is_better else champion - challenger


class Encoder(Protocol):
    """Features fitted once on training rows; the very same code encodes for training and for serving."""

    @property
    def width(self) -> int:
        """Columns of the encoded matrix."""
        ...

    def encode(self, rows: Sequence[Row]) -> NDArray[Any]:
        """The ONNX graph's input for validated `rows`: shape (len(rows), width), float32 or int64."""
        ...

    def to_document(self) -> dict[str, Any]:
        """All that was fitted, as plain JSON: the content of ``features.json``."""
        ...


class Estimator(Protocol):
    """The part of scikit-learn's classifier interface that the pipeline uses."""

    classes_: NDArray[Any]

    def fit(self, X: NDArray[Any], y: NDArray[Any]) -> Any:  # noqa: N803 - scikit-learn's name
        """Learn from encoded rows and their labels."""
        ...

    def predict_proba(self, X: NDArray[Any]) -> Probabilities:  # noqa: N803 - scikit-learn's name
        """The probability of each of `classes_`, row by row."""
        ...


class Trial(Protocol):
    """The part of an optuna trial that a search space uses."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A number in [low, high]."""
        ...

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """A whole number in [low, high]."""
        ...

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of `choices`."""
        ...


class Recipe(Protocol):
    """How a task's model is trained, measured and exported."""

    def space(self, trial: Trial) -> dict[str, Any]:
        """One point of the search space: parameters for `build`."""
        ...

    def defaults(self) -> dict[str, Any]:
        """Good parameters for `build` when no search is wanted; the search starts here."""
        ...

    def build(self, params: Mapping[str, Any], seed: int) -> Estimator:
        """An unfitted estimator over encoded rows. Any resampling happens inside `fit`, never before a split."""
        ...

    def baseline(self, seed: int) -> Estimator:
        """The small, simple model that is always up: the floor of the fallback ladder."""
        ...

    def measure(self, truth: Sequence[str], probabilities: Probabilities, classes: Sequence[str]) -> dict[str, float]:
        """The task's metrics on labelled rows, by name."""
        ...

    def to_onnx(self, fitted: Estimator, width: int) -> bytes:
        """The fitted estimator as an ONNX graph: input ``features``, output ``probabilities`` (rows, classes)."""
        ...


class Task(Protocol):
    """One question asked about people and jobs: schema, features, decision, reward."""

    @property
    def name(self) -> str:
        """The task's name in URLs, registry and metrics, such as ``job-change``."""
        ...

    @property
    def kind(self) -> AnswerKind:
        """How the task answers."""
        ...

    @property
    def schema(self) -> type[BaseModel]:
        """One row as a client sends it: the one source for training checks, serving and OpenAPI."""
        ...

    @property
    def id_column(self) -> str:
        """The column of a training file that names the unit; never a feature."""
        ...

    @property
    def target(self) -> str:
        """The column of a training file that holds what happened."""
        ...

    @property
    def protected(self) -> tuple[str, ...]:
        """Columns by which fairness is audited, in the schema or beside it."""
        ...

    @property
    def metric(self) -> Metric:
        """The primary offline metric, by which versions are compared."""
        ...

    @property
    def ceiling(self) -> float:
        """A value of `metric` that honest data cannot reach: above it, suspect a leak."""
        ...

    @property
    def review_value(self) -> float:
        """The price of a review, in [0, 1]: what an answer earns that hands the case to a person."""
        ...

    @property
    def measures(self) -> tuple[PlannedMetric, ...]:
        """What can be measured of people beside the reward; a plan chooses among them."""
        ...

    @property
    def outcomes_ignore_answers(self) -> bool:
        """Whether what happens to people does not depend on what the model said of them.

        Where it may, an outcome belongs to the answer that was given, and no other model may be judged by it.
        """
        ...

    @property
    def policy(self) -> FallbackPolicy:
        """The fallback policy that a new routing document starts with."""
        ...

    @property
    def features_version(self) -> int:
        """Grows when feature or estimator code changes meaning; part of a version's lineage."""
        ...

    def group_keys(self, row: Row) -> tuple[str, ...]:
        """Keys of a training row; rows that share any key must not straddle a split."""
        ...

    def label_of(self, value: object) -> str:
        """The class label for a target or outcome `value`.

        Raises:
            InvalidInput: a value that this task does not know.
        """
        ...

    def fit_features(self, rows: Sequence[Row], labels: Sequence[str]) -> Encoder:
        """An encoder fitted on training rows (and only those)."""
        ...

    def load_features(self, document: Mapping[str, Any]) -> Encoder:
        """The encoder that `Encoder.to_document` described.

        Raises:
            InvalidArtifact: a document this task did not write.
        """
        ...

    def decide(self, probabilities: Probabilities, classes: Sequence[str]) -> list[Prediction]:
        """What the model says about each row."""
        ...

    def reward(self, prediction: Prediction, outcome: object) -> float:
        """How good the answer turned out to be for this unit, in [0, 1]; needs `label` and `score` only.

        A `prediction` labelled ``Review_Required`` has a stated value of its own: a person had to work.
        """
        ...

    def generate(self, count: int, seed: int) -> list[dict[str, object]]:
        """`count` synthetic training rows with real columns (id and target too), levels, missing rates and signal."""
        ...

    def recipe(self) -> Recipe:
        """The training half; imports what training needs."""
        ...
