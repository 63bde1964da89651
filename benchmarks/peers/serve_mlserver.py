"""MLServer over the graph at ``PEER_MODEL``: a custom runtime, as its guide shows it."""

from __future__ import annotations

import os
from typing import Any

import onnxruntime
from mlserver import MLModel  # type: ignore[import-not-found]  # installed in an environment of its own
from mlserver.codecs import NumpyCodec  # type: ignore[import-not-found]  # as above
from mlserver.types import InferenceResponse  # type: ignore[import-not-found]  # as above


class OnnxRuntime(MLModel):  # type: ignore[misc]  # as above
    """One model."""

    async def load(self) -> bool:
        """Load the graph in the worker."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["PEER_MODEL"], options)
        return True

    async def predict(self, payload: Any) -> Any:
        """The probabilities of each row."""
        matrix = NumpyCodec.decode_input(payload.inputs[0])
        probabilities = self.session.run(["probabilities"], {"features": matrix})[0]
        outputs = [NumpyCodec.encode_output("probabilities", probabilities)]
        return InferenceResponse(model_name=self.name, outputs=outputs)
