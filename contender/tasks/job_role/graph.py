"""A fitted vote as an ONNX graph, written by hand: one gather, one sum, and a softmax for each member.

scikit-learn's converters would need a dense matrix with a column for every known skill; this graph reads the row
numbers themselves, so a request costs as much as the candidate has skills.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from contender.tasks.job_role.features import PAD, STATED
from contender.tasks.job_role.vote import SoftVote

OPSET: Final = 17
IR_VERSION: Final = 8
"""Both old enough for every onnxruntime in use, so that a graph outlives the serving image of its day."""
LEAST_PROBABILITY: Final = 1e-30
"""Keeps the logarithm finite where every member rules a class out."""


def to_onnx(fitted: SoftVote, width: int) -> bytes:
    """The graph: int64 ``features`` (n, width) to float32 ``probabilities`` (n, classes).

    Row numbers beyond the table count as empty places, as they do in training.
    """
    graph = helper.make_graph(
        [*_gather_nodes(), *_vote_nodes()],
        "job-role",
        [helper.make_tensor_value_info("features", TensorProto.INT64, ["n", width])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", len(fitted.classes_)])],
        [numpy_helper.from_array(value, name) for name, value in _constants(fitted).items()],
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="contender",
    )
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    return content


def _constants(fitted: SoftVote) -> dict[str, NDArray[np.generic]]:
    """The members' tables side by side, and what the vote needs. The table's row `PAD` is zero."""
    table = np.hstack([member.table for member in fitted.learnt])
    table[PAD] = 0.0
    return {
        "table": table.astype(np.float32),
        "bias": np.concatenate([member.bias for member in fitted.learnt]).astype(np.float32),
        "table_rows": np.array(len(table), dtype=np.int64),
        "pad": np.array(PAD, dtype=np.int64),
        "places": np.array([1], dtype=np.int64),
        "first": np.array([0], dtype=np.int64),
        "stated": np.array([STATED], dtype=np.int64),
        "by_member": np.array([0, len(fitted.learnt), len(fitted.classes_)], dtype=np.int64),
        "weights": fitted.weights.astype(np.float32)[:, None],
        "least": np.array(LEAST_PROBABILITY, dtype=np.float32),
        "sharpness": np.array(fitted.sharpness, dtype=np.float32),
    }


def _gather_nodes() -> list[onnx.NodeProto]:
    return [
        helper.make_node("Slice", ["features", "first", "stated", "places"], ["said"]),
        helper.make_node("Less", ["said", "table_rows"], ["known"]),
        helper.make_node("Where", ["known", "said", "pad"], ["numbers"]),
        helper.make_node("Gather", ["table", "numbers"], ["gathered"], axis=0),
        helper.make_node("ReduceSum", ["gathered", "places"], ["summed"], keepdims=0),
        helper.make_node("Add", ["summed", "bias"], ["evidence"]),
    ]


def _vote_nodes() -> list[onnx.NodeProto]:
    return [
        helper.make_node("Reshape", ["evidence", "by_member"], ["ballots"]),
        helper.make_node("Softmax", ["ballots"], ["opinions"], axis=-1),
        helper.make_node("Mul", ["opinions", "weights"], ["weighted"]),
        helper.make_node("ReduceSum", ["weighted", "places"], ["vote"], keepdims=0),
        helper.make_node("Max", ["vote", "least"], ["positive"]),
        helper.make_node("Log", ["positive"], ["logs"]),
        helper.make_node("Mul", ["logs", "sharpness"], ["sharpened"]),
        helper.make_node("Softmax", ["sharpened"], ["probabilities"], axis=-1),
    ]
