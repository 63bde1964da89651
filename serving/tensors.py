"""Open Inference (V2) tensors to rows and back. Pure.

A request carries one named tensor per field of the task's schema, each of shape [n] or [n, 1]. In JSON a blank is
``null``, and values may be flat or nested as the shape says. Texts are ``BYTES``, whole numbers ``INT64``, other
numbers ``FP64``, flags ``BOOL``.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel

from contender.errors import InvalidInput
from contender.number_forms import whole
from serving.rows import MAX_ROWS, listed

_WHOLE: Final = frozenset(f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64))
_KINDS: Final[Mapping[str, tuple[type, ...]]] = {
    "BYTES": (str,),
    "BOOL": (bool,),
    **dict.fromkeys(sorted(_WHOLE), (int,)),
    **{f"FP{bits}": (int, float) for bits in (16, 32, 64)},
}


def tensor(name: str, datatype: str, data: Sequence[object]) -> dict[str, object]:
    """One named tensor of shape [n], as V2 writes it in JSON."""
    return {"name": name, "shape": [len(data)], "datatype": datatype, "data": list(data)}


def v2_body(
    name: str, version: str, request_id: str | None, outputs: Sequence[Mapping[str, object]]
) -> dict[str, object]:
    """A V2 reply; it carries the request's id if that had one."""
    body: dict[str, object] = {"model_name": name, "model_version": version, "outputs": outputs}
    return body if request_id is None else {**body, "id": request_id}


def columns_of(body: object) -> dict[str, list[Any]]:
    """The named columns of a V2 request body, all of one length.

    Raises:
        InvalidInput: naming the tensor and what is wrong with it.
    """
    columns: dict[str, list[Any]] = {}
    for index, item in enumerate(listed(body, "inputs")):
        name, data = _read(item, f"inputs[{index}]")
        if name in columns:
            raise InvalidInput(f"inputs[{index}].name", "two tensors have the same name")
        columns[name] = data
    if len({len(data) for data in columns.values()}) != 1:
        raise InvalidInput("inputs", "all tensors must have the same number of rows")
    return columns


def request_id_of(body: Any) -> str | None:
    """The id that the client gave its V2 request, to be sent back.

    Raises:
        InvalidInput: it is not a text.
    """
    request_id = body.get("id")
    if request_id is not None and not isinstance(request_id, str):
        raise InvalidInput("id", "must be a text")
    return request_id


def rows_of(columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """The rows that these columns make."""
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def inputs_of(schema: type[BaseModel]) -> list[dict[str, object]]:
    """V2 metadata of a schema's fields: name, datatype, shape."""
    return [
        {"name": name, "datatype": _datatype(field.annotation), "shape": [-1]}
        for name, field in schema.model_fields.items()
    ]


def _read(item: object, path: str) -> tuple[str, list[Any]]:
    if not isinstance(item, dict):
        raise InvalidInput(path, "must be an object")
    name, datatype, data = item.get("name"), item.get("datatype"), item.get("data")
    if not isinstance(name, str) or not name:
        raise InvalidInput(f"{path}.name", "must be a text")
    if not isinstance(datatype, str) or datatype not in _KINDS:
        raise InvalidInput(f"{path}.datatype", f"must be one of {', '.join(_KINDS)}")
    if not isinstance(data, list) or not 0 < len(data) <= MAX_ROWS:
        raise InvalidInput(f"{path}.data", f"must be a list of 1 to {MAX_ROWS} values")
    if item.get("shape") not in ([len(data)], [len(data), 1]):
        raise InvalidInput(f"{path}.shape", "must be [n] or [n, 1], n being the number of values")
    if item["shape"] == [len(data), 1]:
        data = _flat(data)
    if datatype in _WHOLE:
        data = list(map(whole, data))
    _check_kinds(data, datatype, path)
    return name, data


def _flat(data: list[Any]) -> list[Any]:
    """The values of a tensor of shape [n, 1]: row by row, each alone or in a list of its own."""
    nested = all(isinstance(row, list) and len(row) == 1 for row in data)
    return [value for (value,) in data] if nested else data


def _check_kinds(data: list[Any], datatype: str, path: str) -> None:
    kinds = _KINDS[datatype]
    for index, value in enumerate(data):
        if value is not None and (not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)):
            raise InvalidInput(f"{path}.data[{index}]", f"is not {datatype}")


def _datatype(annotation: Any) -> str:
    kinds = _leaves(annotation)
    if kinds <= {bool}:
        return "BOOL"
    if kinds <= {int}:
        return "INT64"
    return "FP64" if kinds <= {int, float} else "BYTES"


def _leaves(annotation: Any) -> set[type]:
    """The plain types that values of `annotation` may have, blanks aside."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return {type(value) for value in arguments} - {types.NoneType}
    if origin is typing.Annotated:
        return _leaves(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return set().union(*map(_leaves, arguments))
    return set() if annotation is types.NoneType else {annotation if isinstance(annotation, type) else str}
