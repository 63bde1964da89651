"""LitServe over the graph at ``PEER_MODEL``, as its guide shows it: ``python serve_litserve.py PORT``."""

# LitServe reads annotations while running, as types and not as text.
import os
import sys
from typing import Any

import litserve  # type: ignore[import-not-found]  # installed in an environment of its own
import numpy as np
import onnxruntime


class Peer(litserve.LitAPI):  # type: ignore[misc]  # as above
    """One model."""

    def setup(self, device: str) -> None:  # noqa: ARG002 - LitServe's signature
        """Load the graph in the worker."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["PEER_MODEL"], options)

    def decode_request(self, request: dict[str, Any]) -> Any:
        """The matrix of a request."""
        return np.array(request["instances"], dtype=np.float32)

    def predict(self, matrix: Any) -> Any:
        """The probabilities of each row."""
        return self.session.run(["probabilities"], {"features": matrix})[0]

    def encode_response(self, probabilities: Any) -> dict[str, Any]:
        """The reply."""
        return {"predictions": probabilities.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Peer(), accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), num_api_servers=1, generate_client_file=False, log_level="warning"
    )
