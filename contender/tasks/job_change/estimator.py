"""The training half of job-change: what is fitted, searched, measured and exported. Imports scikit-learn."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from skl2onnx.helpers.onnx_helper import select_model_inputs_outputs
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from contender.errors import InvalidInput
from contender.tasks.job_change.features import TREE_COLUMNS
from contender.tasks.job_change.schema import LOOKING
from contender.tasks.task import Estimator, Probabilities, Trial

TARGET_OPSET: Final = 17
"""Old enough for every onnxruntime in use, so that a graph outlives the serving image of its day."""


class OneThreadPipeline(Pipeline):
    """A pipeline that fits and answers on one thread.

    These models are small: a second thread saves a tenth of a second on an idle machine, and on a busy one it waits for
    its turn tens of times longer than it works.
    """

    def fit(self, X: NDArray[Any], y: NDArray[Any]) -> Self:  # noqa: N803 - scikit-learn's name
        """Learn from encoded rows and their labels."""
        with threadpool_limits(1):
            super().fit(X, y)
        return self

    def predict_proba(self, X: NDArray[Any]) -> Probabilities:  # noqa: N803 - scikit-learn's name
        """The probability of each of `classes_`, row by row."""
        with threadpool_limits(1):
            answer: Probabilities = super().predict_proba(X)
        return answer


class JobChangeRecipe:
    """Gradient boosting on numbers and ordinals.

    Measured on grouped folds of the public data: soft votes with a forest, extra trees, logistic regression or a neural
    network, and bagging, gain less than 0.001 of ROC-AUC, and oversampling inside the folds gains nothing and spoils
    the probabilities (Brier score 0.169 instead of 0.138). So there is none of them.
    """

    def space(self, trial: Trial) -> dict[str, Any]:
        """One point of the search space: parameters for `build`."""
        return {
            "rounds": trial.suggest_int("rounds", 80, 140),
            "learning_rate": trial.suggest_float("learning_rate", 0.035, 0.07, log=True),
            "leaves": trial.suggest_int("leaves", 8, 18),
            "min_leaf": trial.suggest_int("min_leaf", 20, 80),
            "l2": trial.suggest_float("l2", 1.0, 30.0, log=True),
            "column_share": trial.suggest_float("column_share", 0.3, 0.9),
        }

    def defaults(self) -> dict[str, Any]:
        """Good parameters for `build` when no search is wanted; the search starts here."""
        return {"rounds": 110, "learning_rate": 0.05, "leaves": 14, "min_leaf": 40, "l2": 10.0, "column_share": 0.5}

    def build(self, params: Mapping[str, Any], seed: int) -> Estimator:
        """Unfitted boosting over encoded rows; of these it reads `TREE_COLUMNS`.

        Whole numbers may come as floats: metadata stores keep no integers.
        """
        columns = ColumnTransformer([("ordinals", "passthrough", list(TREE_COLUMNS))])
        boosting = HistGradientBoostingClassifier(
            max_iter=int(params["rounds"]),
            learning_rate=params["learning_rate"],
            max_leaf_nodes=int(params["leaves"]),
            min_samples_leaf=int(params["min_leaf"]),
            l2_regularization=params["l2"],
            max_features=params["column_share"],
            early_stopping=False,
            random_state=seed,
        )
        model: Estimator = OneThreadPipeline([("columns", columns), ("boosting", boosting)])
        return model

    def baseline(self, seed: int) -> Estimator:
        """A logistic regression on all columns: small, fast, and hard to break."""
        linear = LogisticRegression(C=0.1, max_iter=1000, random_state=seed)
        model: Estimator = OneThreadPipeline([("linear", linear)])
        return model

    def measure(self, truth: Sequence[str], probabilities: Probabilities, classes: Sequence[str]) -> dict[str, float]:
        """ROC-AUC, average precision, Brier score and log loss of P(looking) on labelled rows.

        Raises:
            InvalidInput: rows of one class only, which cannot be ranked.
        """
        if len(set(truth)) < 2:
            raise InvalidInput("target", "needs rows of both classes to be measured on")
        looking = np.array([label == LOOKING for label in truth], dtype=np.int64)
        score = probabilities[:, list(classes).index(LOOKING)]
        return {
            "roc_auc": float(roc_auc_score(looking, score)),
            "average_precision": float(average_precision_score(looking, score)),
            "brier": float(brier_score_loss(looking, score)),
            "log_loss": float(log_loss(looking, score, labels=[0, 1])),
        }

    def to_onnx(self, fitted: Estimator, width: int) -> bytes:
        """The fitted estimator as an ONNX graph: float32 ``features`` (n, width) to ``probabilities`` (n, 2)."""
        with warnings.catch_warnings():
            # skl2onnx writes booleans where protobuf wants whole numbers.
            warnings.filterwarnings("ignore", "Field onnx.AttributeProto.ints", DeprecationWarning)
            graph = to_onnx(
                fitted,
                initial_types=[("features", FloatTensorType([None, width]))],
                options={"zipmap": False},
                target_opset=TARGET_OPSET,
            )
        graph = select_model_inputs_outputs(graph, ["probabilities"])
        # skl2onnx keeps operator sets in a set: sorted, equal models give equal bytes.
        operators = sorted(graph.opset_import, key=lambda entry: entry.domain)
        del graph.opset_import[:]
        graph.opset_import.extend(operators)
        content: bytes = graph.SerializeToString(deterministic=True)
        return content
