"""The audit trail as a hash chain: every record seals the one before it, so that no edit goes unseen.

A chain alone cannot show that its end was cut off. For that, keep an *anchor*, the `sequence` and `hash` of a record,
in a place that whoever holds the trail cannot write to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

ORIGIN: Final = "0" * 64
"""What the first record names as the hash before it."""

_FIELDS: Final = ("sequence", "previous", "at", "actor", "task", "event", "detail", "hash")


def record(
    previous: Mapping[str, Any] | None, *, at: float, actor: str, task: str, event: str, detail: Mapping[str, Any]
) -> dict[str, Any]:
    """The record that follows `previous` (None: it is the first, number 1).

    `at` is in seconds since the epoch; `detail` must be JSON. ``hash`` is the sha256, in hex, of all other fields as
    canonical JSON: sorted keys, no spaces, ASCII.
    """
    content: dict[str, Any] = {
        "sequence": previous["sequence"] + 1 if previous else 1,
        "previous": previous["hash"] if previous else ORIGIN,
        "at": at,
        "actor": actor,
        "task": task,
        "event": event,
        "detail": dict(detail),
    }
    return content | {"hash": _hash(content)}


def anchor(records: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """What to keep elsewhere so that `verify` sees a cut: sequence and hash of the last record; None of no records."""
    return {name: records[-1][name] for name in ("sequence", "hash")} if records else None


def verify(records: Sequence[Mapping[str, Any]], anchor: Mapping[str, Any] | None = None) -> list[str]:
    """What is wrong with the trail, one sentence a fault; an empty list means that it is whole.

    Finds edited, deleted, inserted and reordered records; with an `anchor`, also a trail that was cut or rewritten.
    """
    problems: list[str] = []
    before = ORIGIN
    for place, found in enumerate(records, start=1):
        problems += _faults(found, place, before)
        before = str(found.get("hash"))
    return problems + _anchor_faults(records, anchor)


def _faults(found: Mapping[str, Any], place: int, before: str) -> list[str]:
    if set(found) != set(_FIELDS):
        return [f"record {place} has not the fields of a record"]
    faults = []
    if found["sequence"] != place:
        faults.append(f"record {place} carries number {found['sequence']}: one is missing, added or out of order")
    if found["previous"] != before:
        faults.append(f"record {place} does not follow the record before it")
    if found["hash"] != _hash({name: value for name, value in found.items() if name != "hash"}):
        faults.append(f"record {place} was edited")
    return faults


def _anchor_faults(records: Sequence[Mapping[str, Any]], anchor: Mapping[str, Any] | None) -> list[str]:
    if anchor is None:
        return []
    sequence = int(anchor["sequence"])
    if len(records) < sequence:
        return [f"the trail ends at record {len(records)}, the anchor names record {sequence}: it was cut"]
    if records[sequence - 1].get("hash") != anchor["hash"]:
        return [f"record {sequence} is not the one that the anchor names: the trail was rewritten"]
    return []


def _hash(content: Mapping[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
