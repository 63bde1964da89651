"""What a number may look like, at every door: in JSON Schema 2020-12 ``36.0`` is an integer, and so it is here."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from typing import Any, Final

from pydantic import BaseModel

_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|infinity|nan)", re.IGNORECASE)


def number_of(text: str) -> float | None:
    """The number that the text of a cell states, which may be no finite one; None where it states none.

    >>> number_of(" 36.0 "), number_of("1_000"), number_of("")
    (36.0, None, None)
    """
    bare = text.strip()
    return float(bare) if _NUMBER.fullmatch(bare) else None


def whole(value: object) -> object:
    """The integer that a float without a fraction is; anything else as it is.

    >>> whole(36.0), whole(36.5), whole("36.0"), whole(True)
    (36, 36.5, '36.0', True)
    """
    return int(value) if isinstance(value, float) and value.is_integer() else value


@lru_cache(maxsize=64)
def whole_fields(schema: type[BaseModel]) -> frozenset[str]:
    """The names of the schema's fields that are integers, or integers or null."""
    described = schema.model_json_schema()["properties"].items()
    return frozenset(
        name for name, field in described if "integer" in (kinds := kinds_of(field)) and "number" not in kinds
    )


def kinds_of(described: Mapping[str, Any]) -> set[str]:
    """The JSON types that a field's description allows, null aside."""
    stated = {option.get("type") for option in described.get("anyOf", [described])}
    return {kind for kind in stated if isinstance(kind, str)} - {"null"}


def make_whole(row: MutableMapping[str, Any], names: frozenset[str]) -> None:
    """Replace the floats without a fraction among those fields of `row` by the integers that they are."""
    for name in names:
        if isinstance(row.get(name), float):
            row[name] = whole(row[name])
