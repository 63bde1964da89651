"""BentoML over the graph at ``PEER_MODEL``, as its guide shows it."""

from __future__ import annotations

import os
from typing import Any

import bentoml  # type: ignore[import-not-found]  # installed in an environment of its own
import numpy as np
import onnxruntime


@bentoml.service(workers=1, logging={"access": {"enabled": False}})
class Peer:
    """One model."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["PEER_MODEL"], options)

    @bentoml.api(route="/predict")  # type: ignore[untyped-decorator]  # as above
    def predict(self, instances: list[list[float]]) -> dict[str, Any]:
        """The probabilities of each row."""
        matrix = np.array(instances, dtype=np.float32)
        return {"predictions": self.session.run(["probabilities"], {"features": matrix})[0].tolist()}
