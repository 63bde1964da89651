"""V1 and V2 bodies to rows and unit ids, answers to V1 and V2 bodies. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from contender.errors import InvalidInput
from serving.rows import listed
from serving.tensors import rows_of, tensor
from serving.transformer.answering import Answer

UNIT_FIELD: Final = "unit_id"
UNIT_HEADER: Final = "X-Unit-Id"
MAX_UNIT: Final = 256
"""The most characters a unit id may have."""

OUTPUTS: Final = (
    ("label", "BYTES"), ("confidence", "FP64"), ("score", "FP64"), ("assigned_to", "BYTES"), ("served_by", "BYTES"),
    ("fallback_reason", "BYTES"), ("model_version", "BYTES"), ("prediction_id", "BYTES"),
)  # fmt: skip
"""A reply's fields and their V2 datatypes; ``ranking`` joins them, as JSON text, where the model ranks."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request's rows, not yet checked, and the unit of each; `path` is what errors call the rows.

    Whoever has checked the rows may empty the list: of a large batch they are the largest part of its memory.
    """

    rows: list[Any]
    units: Sequence[str | None]
    path: str


@dataclass(frozen=True, slots=True)
class Told:
    """An answer under the id that outcomes refer to."""

    prediction_id: str
    answer: Answer

    def fields(self) -> dict[str, Any]:
        """What the client reads of it, in V1 and as header values."""
        answer = self.answer
        fields: dict[str, Any] = {
            "label": answer.label,
            "confidence": answer.confidence,
            "score": answer.score,
            "assigned_to": answer.assigned_to,
            "served_by": answer.served_by,
            "fallback_reason": answer.fallback_reason,
            "model_version": answer.model_version,
            "prediction_id": self.prediction_id,
        }
        if answer.ranking:
            fields["ranking"] = answer.ranking
        return fields


def decode_v1(body: Any, header: bytes | None) -> Asked:
    """The rows of ``{"instances": [row, …]}``; each may carry ``unit_id``, a single one may leave it to `header`.

    Raises:
        InvalidInput: naming what is wrong.
    """
    rows = listed(body, "instances")
    units = [
        unit_id(row.pop(UNIT_FIELD, None) if isinstance(row, dict) else None, f"instances[{index}].{UNIT_FIELD}")
        for index, row in enumerate(rows)
    ]
    return Asked(rows, _with_header(units, header), "instances")


def from_columns(columns: dict[str, list[Any]], header: bytes | None) -> Asked:
    """The rows that a V2 request's named tensors make; the tensor ``unit_id`` holds the units.

    Raises:
        InvalidInput: naming what is wrong.
    """
    count = len(next(iter(columns.values())))
    units = [
        unit_id(unit, f"inputs.{UNIT_FIELD}[{index}]")
        for index, unit in enumerate(columns.pop(UNIT_FIELD, [None] * count))
    ]
    rows = rows_of(columns) if columns else [{} for _ in range(count)]
    return Asked(rows, _with_header(units, header), "inputs")


def encode_v1(told: Sequence[Told]) -> bytes:
    """The V1 body for these answers, in order; written row by row, so that a batch is never there as objects."""
    return b'{"predictions":[%b]}' % b",".join([orjson.dumps(one.fields()) for one in told])


def version_of(told: Sequence[Told]) -> str:
    """The model version that gave all these answers, empty when there were several or none."""
    versions = {one.answer.model_version or "" for one in told}
    return versions.pop() if len(versions) == 1 else ""


def tensors(told: Sequence[Told]) -> list[dict[str, Any]]:
    """The reply's fields as named tensors."""
    rows = [one.fields() for one in told]
    outputs = [tensor(name, datatype, [row[name] for row in rows]) for name, datatype in OUTPUTS]
    if any("ranking" in row for row in rows):
        texts = [orjson.dumps(row.get("ranking", ())).decode() for row in rows]
        outputs.append(tensor("ranking", "BYTES", texts))
    return outputs


def headers(told: Sequence[Told]) -> Mapping[str, str]:
    """Reply headers for a single row (``X-Assigned-To`` …); none for a batch."""
    if len(told) != 1:
        return {}
    (one,) = told
    answer = one.answer
    named = {
        "x-assigned-to": answer.assigned_to,
        "x-served-by": answer.served_by,
        "x-prediction-id": one.prediction_id,
    }
    if answer.model_version is not None:
        named["x-model-version"] = answer.model_version
    if answer.fallback_reason is not None:
        named["x-fallback-reason"] = answer.fallback_reason
    return named


def _with_header(units: list[str | None], header: bytes | None) -> list[str | None]:
    if header is None:
        return units
    if len(units) != 1:
        raise InvalidInput(UNIT_HEADER, "is for requests of one row; put unit_id into each row")
    return units if units[0] is not None else [header_unit(header)]


def header_unit(header: bytes) -> str | None:
    """The unit that ``X-Unit-Id`` names.

    Raises:
        InvalidInput: not UTF-8, or no unit id.
    """
    try:
        return unit_id(header.decode(), UNIT_HEADER)
    except UnicodeDecodeError as error:
        raise InvalidInput(UNIT_HEADER, "must be UTF-8") from error


def unit_id(unit: object, path: str) -> str | None:
    """The `unit` that a client named at `path`, in Unicode form NFC; None for none.

    Raises:
        InvalidInput: not a text, too long, empty, or with a NUL in it.
    """
    if unit is None:
        return None
    if not isinstance(unit, str) or not 0 < len(unit) <= MAX_UNIT or "\0" in unit:
        raise InvalidInput(path, f"must be a text of 1 to {MAX_UNIT} characters, without NUL")
    # As assignment sees it: the two ways to write an é are the same person in the analysis, too.
    return unit if unit.isascii() else unicodedata.normalize("NFC", unit)
