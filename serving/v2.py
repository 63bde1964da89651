"""Open Inference (V2) over REST: bodies in JSON, or with KServe's extension for binary tensors, in and out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from contender.errors import InvalidInput
from serving.front import Reply, Request, parse_json
from serving.kserve_tensors import binary_columns, binary_reply
from serving.tensors import columns_of, request_id_of, v2_body

LENGTH: Final = b"inference-header-content-length"
"""The header that says how many bytes of JSON stand before the binary tensors."""

_BINARY: Final = "application/octet-stream"
Tensors = Sequence[Mapping[str, Any]]


@dataclass(slots=True)
class Asked:
    """A V2 request: its columns, its id, and the outputs it names, each with whether it wants it in binary.

    Without `outputs` it wants all of them, in binary if `binary`.
    """

    columns: dict[str, list[Any]]
    request_id: str | None
    outputs: Mapping[str, bool]
    binary: bool


def read(request: Request, model: str) -> Asked:
    """What a request to `model` asks for.

    Raises:
        InvalidInput: naming what is wrong.
    """
    length = request.headers.get(LENGTH)
    if length is None:
        body = parse_json(request.body)
        columns = columns_of(body)
    else:
        size = _size(length, len(request.body))
        body = parse_json(request.body[:size])
        columns = binary_columns(request.body, size, model)
    binary = _flag(body, "binary_data_output", "parameters")
    return Asked(columns, request_id_of(body), _outputs(body, binary=binary), binary)


def reply(asked: Asked, model: str, version: str, tensors: Tensors, headers: Mapping[str, str]) -> Reply:
    """The reply that carries of `tensors` what was asked for, the way it was asked for.

    Raises:
        InvalidInput: an output that this model does not have.
    """
    if asked.outputs:
        named = {str(one["name"]): one for one in tensors}
        for name in asked.outputs:
            if name not in named:
                raise InvalidInput("outputs", f"this model has {', '.join(named)}")
        tensors = [named[name] for name in asked.outputs]
    wanted = [asked.outputs.get(str(one["name"]), asked.binary) for one in tensors]
    if not any(wanted):
        return Reply(v2_body(model, version, asked.request_id, tensors), headers=headers)
    content, size = binary_reply(v2_body(model, version, asked.request_id, tensors), wanted)
    return Reply(content, headers={**headers, "content-type": _BINARY, LENGTH.decode(): str(size)})


def _size(length: bytes, most: int) -> int:
    if not length.isdigit() or len(length) > 12 or int(length) > most:
        raise InvalidInput(LENGTH.decode(), "must be the number of bytes of JSON in the body")
    return int(length)


def _outputs(body: Mapping[str, Any], *, binary: bool) -> dict[str, bool]:
    outputs = body.get("outputs") or []
    if not isinstance(outputs, list):
        raise InvalidInput("outputs", "must be a list")
    wanted = {}
    for index, item in enumerate(outputs):
        name = item.get("name") if isinstance(item, dict) else None
        if not isinstance(name, str):
            raise InvalidInput(f"outputs[{index}].name", "must be a text")
        wanted[name] = _flag(item, "binary_data", "parameters", f"outputs[{index}].", default=binary)
    return wanted


def _flag(body: Mapping[str, Any], name: str, under: str, path: str = "", *, default: bool = False) -> bool:
    parameters = body.get(under) or {}
    if not isinstance(parameters, dict):
        raise InvalidInput(f"{path}{under}", "must be an object")
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise InvalidInput(f"{path}{under}.{name}", "must be true or false")
    return value
