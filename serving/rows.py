"""Rows as clients send them, checked against a task's schema. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from contender.errors import InvalidInput
from contender.number_forms import make_whole, whole_fields

MAX_ROWS: Final = 10_000
"""The most rows one request may carry."""

_MAX_NAME = 64


def listed(body: object, name: str) -> list[Any]:
    """The list under `name` in a JSON body, with at least one and at most `MAX_ROWS` items.

    Raises:
        InvalidInput: naming what is missing or of the wrong size.
    """
    if not isinstance(body, dict):
        raise InvalidInput("", f"the body must be an object with a list {name!r}")
    items = body.get(name)
    if not isinstance(items, list):
        raise InvalidInput(name, "is missing" if items is None else "must be a list")
    if not 0 < len(items) <= MAX_ROWS:
        raise InvalidInput(name, "must not be empty" if not items else f"may have at most {MAX_ROWS} items")
    return items


def check(schema: type[BaseModel], rows: Sequence[object], path: str = "instances") -> list[dict[str, Any]]:
    """`rows` as `schema` understands them: every field present, `None` where the schema has a default of None.

    A task's schema is flat, so a checked row is what its model holds; nothing is copied. A whole number may be written
    as 36.0, and becomes an integer in the row itself.

    Raises:
        InvalidInput: the first row that does not fit; names the field, never repeats its value.
    """
    # BaseModel.model_validate and model_dump say the same and cost twice as much.
    validate = schema.__pydantic_validator__.validate_python
    integers = whole_fields(schema)
    checked = []
    for index, row in enumerate(rows):
        if isinstance(row, dict):
            make_whole(row, integers)
        try:
            checked.append(vars(validate(row)))
        except ValidationError as error:
            raise _first(error, f"{path}[{index}]") from None
    return checked


def _first(error: ValidationError, path: str) -> InvalidInput:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{_printable(part)}" for part in first["loc"])
    return InvalidInput(path + where, first["msg"])


def _printable(name: str) -> str:
    """A field's name that is safe to send back: an unknown one is the client's own text."""
    return "".join(c for c in name[:_MAX_NAME] if c.isprintable())
