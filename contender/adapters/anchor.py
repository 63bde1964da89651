"""An anchor of an audit trail, as every place that keeps them reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def anchor_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """The anchor that `document` states: the place, the hash and the moment of a record.

    Raises:
        KeyError, TypeError, ValueError: it states something else.
    """
    return {"sequence": int(document["sequence"]), "hash": str(document["hash"]), "at": float(document["at"])}
