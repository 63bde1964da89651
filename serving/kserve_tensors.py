"""KServe's tensor objects (V2 with binary data, V2 over gRPC) to our columns and back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from contender.errors import InvalidInput
from serving.sdk import InferInput, InferOutput, InferRequest, InferResponse
from serving.tensors import columns_of

_DTYPES: Mapping[str, Any] = {"FP64": np.float64, "BYTES": np.object_}


def request_columns(request: InferRequest) -> dict[str, list[Any]]:
    """The named columns of a request that KServe decoded; NaN in a tensor of numbers is a blank."""
    return columns_of({"inputs": [_plain(item) for item in request.inputs]})


def infer_response(name: str, version: str, request_id: str, outputs: Sequence[Mapping[str, Any]]) -> InferResponse:
    """A response that KServe can encode as it was asked to."""
    return InferResponse(request_id, name, [_output(item) for item in outputs], model_version=version)


def _plain(item: InferInput) -> dict[str, Any]:
    try:
        data = item.as_numpy().ravel().tolist()
    except Exception as error:
        # kserve and numpy raise many kinds for bytes that do not fit the declared shape or type.
        raise InvalidInput(f"inputs.{item.name}", "does not fit its datatype and shape") from error
    values = [_value(value) for value in data]
    return {"name": item.name, "datatype": item.datatype, "shape": [len(values)], "data": values}


def _value(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return None if isinstance(value, float) and math.isnan(value) else value


def _output(item: Mapping[str, Any]) -> InferOutput:
    output = InferOutput(item["name"], item["shape"], item["datatype"])
    blank: Any = math.nan if item["datatype"] == "FP64" else ""
    values = [blank if value is None else value for value in item["data"]]
    output.set_data_from_numpy(np.array(values, dtype=_DTYPES[item["datatype"]]), binary_data=False)
    return output
