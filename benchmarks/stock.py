"""What people run: a stock KServe transformer in front of a stock KServe predictor, for comparison.

``python -m benchmarks.stock predictor onnx|sklearn …`` and ``… transformer …``, with KServe's own arguments behind.
Written as KServe's guide shows it: the transformer encodes in `preprocess` and leaves the call to KServe; the ONNX
predictor takes a matrix, the scikit-learn one a ColumnTransformer on a DataFrame.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pandas as pd  # type: ignore[import-untyped]  # as people use it
from kserve import Model, ModelServer

from contender.artifact import FEATURES, MODEL
from contender.tasks.catalog import task_named

NAME = "stock"
TASK = "job-change"


class StockTransformer(Model):  # type: ignore[misc]  # kserve is untyped
    """Encodes rows for the ONNX predictor, or hands them on to the scikit-learn one."""

    def __init__(self, artifact: Path | None) -> None:
        super().__init__(NAME)
        document = orjson.loads((artifact / FEATURES).read_bytes()) if artifact else None
        self._encoder = task_named(TASK).load_features(document) if document else None
        self.ready = True

    def preprocess(self, payload: Any, headers: Mapping[str, str] | None = None) -> Any:  # noqa: ARG002 - KServe's
        """The predictor's request."""
        rows = [{name: value for name, value in row.items() if name != "unit_id"} for row in payload["instances"]]
        return {"instances": self._encoder.encode(rows).tolist() if self._encoder else rows}

    def postprocess(self, result: Any, headers: Any = None, response_headers: Any = None) -> Any:  # noqa: ARG002
        """The client's reply."""
        return {"predictions": [{"score": score} for score in result["predictions"]]}


class OnnxPredictor(Model):  # type: ignore[misc]  # kserve is untyped
    """Runs the artifact's graph on a matrix."""

    def __init__(self, artifact: Path) -> None:
        import onnxruntime

        super().__init__(NAME)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(artifact / MODEL), options)
        self.ready = True

    def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:  # noqa: ARG002
        """The probability of the second class of each row."""
        import numpy as np

        matrix = np.array(payload["instances"], dtype=np.float32)
        return {"predictions": self._session.run(None, {"features": matrix})[0][:, 1].tolist()}


class SklearnPredictor(Model):  # type: ignore[misc]  # kserve is untyped
    """Runs a scikit-learn pipeline on a DataFrame."""

    def __init__(self) -> None:
        super().__init__(NAME)
        self._pipeline = _fitted()
        self.ready = True

    def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:  # noqa: ARG002
        """The probability of the second class of each row."""
        frame = pd.DataFrame(payload["instances"]).fillna(value="")
        return {"predictions": self._pipeline.predict_proba(frame)[:, 1].tolist()}


def _fitted() -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    task = task_named(TASK)
    data = task.generate(4_000, 7)
    frame = pd.DataFrame([{name: row[name] for name in task.schema.model_fields} for row in data]).fillna(value="")
    numbers = ["city_development_index", "training_hours"]
    texts = [name for name in frame.columns if name not in numbers]
    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), numbers),
            ("texts", OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts),
        ]
    )
    pipeline = Pipeline([("columns", columns), ("model", HistGradientBoostingClassifier(max_iter=100))])
    return pipeline.fit(frame, [task.label_of(row[task.target]) for row in data])


def main() -> None:
    """Serve the part that the command line names."""
    part, kind, artifact = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    if part == "transformer":
        model: Model = StockTransformer(artifact if kind == "onnx" else None)
    else:
        model = OnnxPredictor(artifact) if kind == "onnx" else SklearnPredictor()
    ModelServer(enable_grpc=False).start([model])


if __name__ == "__main__":
    main()
