"""KServe's tensor objects (V2 with binary data, V2 over gRPC) to our columns and back.

Binary tensors know no null. In numbers a NaN is a blank, in texts an empty text is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from contender.errors import InvalidInput
from serving.sdk import InferInput, InferOutput, InferRequest, InferResponse
from serving.tensors import columns_of

_DTYPES: Mapping[str, Any] = {"FP64": np.float64, "BYTES": np.object_}


def request_columns(request: InferRequest) -> dict[str, list[Any]]:
    """The named columns of a request that KServe decoded.

    Raises:
        InvalidInput: naming the tensor.
    """
    return columns_of({"inputs": [_plain(item) for item in request.inputs]})


def binary_columns(body: bytes, size: int, model: str) -> dict[str, list[Any]]:
    """The named columns of a body whose first `size` bytes are JSON and the others tensors.

    Raises:
        InvalidInput: the bytes are not what the JSON says.
    """
    try:
        request = InferRequest.from_bytes(body, size, model)
    except Exception as error:
        # kserve, numpy and struct raise a dozen kinds for bytes that do not fit what is said of them.
        raise InvalidInput("inputs", "the binary tensors do not fit their description") from error
    return request_columns(request)


def infer_response(name: str, version: str, request_id: str, outputs: Sequence[Mapping[str, Any]]) -> InferResponse:
    """A response that KServe can encode as it was asked to."""
    return InferResponse(request_id, name, [_output(item) for item in outputs], model_version=version)


def binary_reply(body: Mapping[str, Any], binary: Sequence[bool]) -> tuple[bytes, int]:
    """A V2 reply with those outputs as binary tensors, and how many of its bytes are JSON."""
    outputs, raw = [], []
    for item, wanted in zip(body["outputs"], binary, strict=True):
        if not wanted:
            outputs.append(item)
            continue
        content = _raw(item)
        raw.append(content)
        described = {name: item[name] for name in ("name", "shape", "datatype")}
        outputs.append({**described, "parameters": {"binary_data_size": len(content)}})
    head = orjson.dumps({**body, "outputs": outputs})
    return b"".join((head, *raw)), len(head)


def _raw(item: Mapping[str, Any]) -> bytes:
    values = _filled(item)
    if item["datatype"] == "FP64":
        return np.array(values, dtype="<f8").tobytes()
    texts = [value.encode() for value in values]
    return b"".join(len(text).to_bytes(4, "little") + text for text in texts)


def _plain(item: InferInput) -> dict[str, Any]:
    try:
        # Over REST kserve has decoded the tensor by now; over gRPC it may still be bytes.
        values = item.data if isinstance(item.data, list) and item.data else item.as_numpy().ravel().tolist()
        data = [_value(value) for value in values]
    except Exception as error:
        # kserve and numpy raise many kinds for bytes that do not fit the declared shape or type.
        raise InvalidInput("inputs", "a tensor does not fit its datatype and shape") from error
    return {"name": item.name, "datatype": item.datatype, "shape": list(item.shape), "data": data}


def _value(value: Any) -> Any:
    if isinstance(value, bytes):
        value = value.decode()
    if value == "":
        return None
    return None if isinstance(value, float) and math.isnan(value) else value


def _filled(item: Mapping[str, Any]) -> list[Any]:
    blank: Any = math.nan if item["datatype"] == "FP64" else ""
    return [blank if value is None else value for value in item["data"]]


def _output(item: Mapping[str, Any]) -> InferOutput:
    output = InferOutput(item["name"], item["shape"], item["datatype"])
    output.set_data_from_numpy(np.array(_filled(item), dtype=_DTYPES[item["datatype"]]), binary_data=False)
    return output
