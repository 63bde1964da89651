from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from contender.errors import InvalidInput
from contender.metrics import PlannedMetric
from contender.tasks.task import AnswerKind, Estimator, Metric, Probabilities, Task, Trial
from contender.values import FallbackPolicy, Prediction, Row


class Parcel(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    length: Annotated[float, Field(ge=0.0, le=10.0)]
    stamps: Annotated[int, Field(ge=0)]
    colour: Literal["red", "blue"] | None
    grade: Literal["1", "2"] | None


class LengthAndStamps:
    width = 2

    def encode(self, rows: Sequence[Row]) -> NDArray[np.float32]:
        return np.array([[row["length"], row["stamps"]] for row in rows], dtype=np.float32).reshape(len(rows), 2)

    def to_document(self) -> dict[str, Any]:
        return {}


class Threshold:
    """Says heavy above a length; `sharpness` makes it surer."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self.classes_ = np.array(["heavy", "light"])

    def fit(self, X: NDArray[Any], y: NDArray[Any]) -> Any:  # noqa: N803 - scikit-learn's name
        return self

    def predict_proba(self, X: NDArray[Any]) -> Probabilities:  # noqa: N803 - scikit-learn's name
        heavy = np.where(X[:, 0] > self.threshold, 0.9, 0.1).astype(np.float64)
        return np.column_stack([heavy, 1.0 - heavy])


class ParcelRecipe:
    def space(self, trial: Trial) -> dict[str, Any]:
        return {"threshold": trial.suggest_float("threshold", 0.0, 10.0)}

    def defaults(self) -> dict[str, Any]:
        return {"threshold": 9.0}

    def build(self, params: Mapping[str, Any], seed: int) -> Estimator:
        return Threshold(params["threshold"])

    def baseline(self, seed: int) -> Estimator:
        return Threshold(0.0)

    def measure(self, truth: Sequence[str], probabilities: Probabilities, classes: Sequence[str]) -> dict[str, float]:
        best = np.array(classes)[probabilities.argmax(axis=1)]
        return {"accuracy": float(np.mean(best == np.array(truth)))}

    def to_onnx(self, fitted: Estimator, width: int) -> bytes:
        raise NotImplementedError


class ParcelTask:
    """Is a parcel heavy? It is, when it is longer than 5."""

    name = "parcel"
    kind: AnswerKind = "label"
    schema: type[BaseModel] = Parcel
    id_column = "parcel_id"
    target = "heavy"
    protected = ("sender_sex",)
    metric = Metric("accuracy")
    ceiling = 0.99
    policy = FallbackPolicy()
    review_value = 0.5
    measures = (PlannedMetric("acceptance"),)
    outcomes_ignore_answers = True
    features_version = 1

    def group_keys(self, row: Row) -> tuple[str, ...]:
        return (f"id {row['parcel_id']}", f"content {row['length']} {row['stamps']}")

    def label_of(self, value: object) -> str:
        if str(value) not in {"0", "1"}:
            raise InvalidInput("heavy", "must be 0 or 1")
        return "heavy" if str(value) == "1" else "light"

    def fit_features(self, rows: Sequence[Row], labels: Sequence[str]) -> LengthAndStamps:
        return LengthAndStamps()

    def load_features(self, document: Mapping[str, Any]) -> LengthAndStamps:
        return LengthAndStamps()

    def decide(self, probabilities: Probabilities, classes: Sequence[str]) -> list[Prediction]:
        return [Prediction(classes[int(row.argmax())], float(row.max()), float(row[0])) for row in probabilities]

    def reward(self, prediction: Prediction, outcome: object) -> float:
        return float(prediction.label == self.label_of(outcome))

    def generate(self, count: int, seed: int) -> list[dict[str, object]]:
        rng = np.random.default_rng(seed)
        lengths, stamps = rng.uniform(0.0, 10.0, count), rng.integers(0, 5, count)
        return [
            {
                "parcel_id": f"p{number}",
                "length": float(length),
                "stamps": int(stamp),
                "colour": "red",
                "grade": None,
                "heavy": int(length > 5.0),
            }
            for number, (length, stamp) in enumerate(zip(lengths, stamps, strict=True))
        ]

    def recipe(self) -> ParcelRecipe:
        return ParcelRecipe()


@pytest.fixture
def parcel() -> Task:
    return ParcelTask()
