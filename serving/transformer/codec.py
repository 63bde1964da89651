"""V1 and V2 bodies to rows and unit ids, answers to V1 and V2 bodies. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from contender.errors import InvalidInput
from contender.routing import Routing
from contender.units import UnitForm, as_sent, unit_id
from serving.rows import listed
from serving.tensors import rows_of, tensor
from serving.transformer.answering import Answer

UNIT_FIELD: Final = "unit_id"
UNIT_HEADER: Final = "X-Unit-Id"

OUTPUTS: Final = (
    ("label", "BYTES"), ("confidence", "FP64"), ("score", "FP64"), ("assigned_to", "BYTES"), ("served_by", "BYTES"),
    ("fallback_reason", "BYTES"), ("model_version", "BYTES"), ("prediction_id", "BYTES"),
)  # fmt: skip
"""A reply's fields and their V2 datatypes; ``ranking`` joins them, as JSON text, where the model ranks."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request's rows, not yet checked, and the unit of each; `path` is what errors call the rows.

    `sent` are the units as experiments know them that began before ids had a normal form; None where that is the same.
    Whoever has checked the rows may empty the list: of a large batch they are the largest part of its memory.
    """

    rows: list[Any]
    units: Sequence[str | None]
    path: str
    sent: Sequence[str | None] | None = None

    def units_of(self, routing: Routing | None) -> Sequence[str | None]:
        """The units in the form by which the experiment of `routing` tells them apart."""
        if self.sent is None or routing is None or routing.experiment is None:
            return self.units
        return self.sent if routing.experiment.unit_form is UnitForm.AS_SENT else self.units


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
    given = [row.pop(UNIT_FIELD, None) if isinstance(row, dict) else None for row in rows]
    return _asked(rows, given, header, ("instances", "instances[{}]." + UNIT_FIELD))


def from_columns(columns: dict[str, list[Any]], header: bytes | None) -> Asked:
    """The rows that a V2 request's named tensors make; the tensor ``unit_id`` holds the units.

    Raises:
        InvalidInput: naming what is wrong.
    """
    count = len(next(iter(columns.values())))
    given = columns.pop(UNIT_FIELD, [None] * count)
    rows = rows_of(columns) if columns else [{} for _ in range(count)]
    return _asked(rows, given, header, ("inputs", "inputs." + UNIT_FIELD + "[{}]"))


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


def _asked(rows: list[Any], given: list[Any], header: bytes | None, paths: tuple[str, str]) -> Asked:
    """The request about `given` units, or the header's; `paths` are what errors call the rows, and a unit."""
    path, each = paths
    units = [None if one is None else unit_id(one, each.format(index)) for index, one in enumerate(given)]
    if header is not None and len(units) != 1:
        raise InvalidInput(UNIT_HEADER, "is for requests of one row; put unit_id into each row")
    if header is not None and units[0] is None:
        units, given = [header_unit(header)], [header.decode()]
    if units == given:
        return Asked(rows, units, path)
    return Asked(rows, units, path, [None if one is None else as_sent(one) for one in given])


def header_unit(header: bytes) -> str:
    """The unit that ``X-Unit-Id`` names.

    Raises:
        InvalidInput: not UTF-8, or no unit id.
    """
    try:
        return unit_id(header.decode(), UNIT_HEADER)
    except UnicodeDecodeError as error:
        raise InvalidInput(UNIT_HEADER, "must be UTF-8") from error
