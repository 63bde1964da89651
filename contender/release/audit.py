"""The audit trail as a hash chain: every record seals the one before it, so that no edit goes unseen.

A chain alone cannot show that its end was cut off. For that, keep an *anchor*, the `sequence` and `hash` of a record,
in a place that whoever holds the trail cannot write to.

Old records can be pruned: a record appended beforehand seals the last one that goes, so that what stays is verified
from there on.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from contender.errors import InvalidInput
from contender.moments import DAY_S
from contender.release.clock import SKEW_S, utc

ORIGIN: Final = "0" * 64
"""What the first record names as the hash before it."""

MONTH_S: Final = 365.25 / 12 * DAY_S
"""A month of average length, in seconds."""

LEAST_MONTHS: Final = 6
DEFAULT_MONTHS: Final = 12
LEAST_RETENTION_S: Final = LEAST_MONTHS * MONTH_S
"""Nobody may prune a record that is younger, in seconds."""

PRUNE: Final = "prune"
"""The event of a record that tells of a pruning."""

SEAL: Final = "checkpoint"
"""The field of its detail that seals what was pruned: number, hash and time of the last record that went."""

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
    """What to keep elsewhere so that `verify` sees a cut: sequence, hash and time of the last record, if there is one.

    ``at`` may be missing from an anchor that was kept by hand.
    """
    return {name: records[-1][name] for name in ("sequence", "hash", "at")} if records else None


def verify(
    records: Sequence[Mapping[str, Any]],
    anchors: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    *,
    now: float = math.inf,
) -> list[str]:
    """What is wrong with the trail, one sentence a fault; an empty list means that it is whole.

    Finds edited, deleted, inserted and reordered records; with `anchors` (one or many), also a trail that was cut or
    rewritten. A trail that does not begin with number 1 is whole only if one of its records seals that pruning, and
    no anchor shows that what was pruned was younger than the least retention. No clock is believed alone: a pruning
    dated after `now` (seconds since the epoch), or after a later record, is a fault, and happened no later than those.
    """
    seal = _seal(records)
    place, before = (seal["sequence"], seal["hash"]) if seal else (0, ORIGIN)
    problems: list[str] = []
    for number, found in enumerate(records, start=place + 1):
        problems += _faults(found, number, before)
        before = str(found.get("hash"))
    kept = [anchors] if isinstance(anchors, Mapping) else anchors or ()
    problems += _time_faults(records, now)
    return problems + [fault for one in kept for fault in _anchor_faults(records, one, _Pruned(seal, records, now))]


def prunable(records: Sequence[Mapping[str, Any]], *, now: float, retention_s: float) -> int:
    """How many records at the beginning of the trail are older than `retention_s`; the last one always stays.

    Raises:
        InvalidInput: a retention under `LEAST_RETENTION_S`.
    """
    if not retention_s >= LEAST_RETENTION_S:
        raise InvalidInput("retention", f"must be at least {LEAST_MONTHS} months")
    young = (place for place, record in enumerate(records) if record["at"] > now - retention_s)
    return max(0, min(next(young, len(records)), len(records) - 1))


def seal(records: Sequence[Mapping[str, Any]], count: int) -> dict[str, Any]:
    """What the record of a pruning says of the first `count` records, so that the rest can be verified without them."""
    last = records[count - 1]
    return {SEAL: {"sequence": last["sequence"], "hash": last["hash"], "at": last["at"]}}


def _seal(records: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The seal that the trail's first record follows, if it does not follow the origin."""
    if not records or records[0].get("previous") == ORIGIN:
        return None
    seals = (found for record in records if (found := _seal_in(record)))
    return next((seal for seal in seals if seal["hash"] == records[0].get("previous")), None)


def _seal_in(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    detail = record.get("detail")
    seal = detail.get(SEAL) if isinstance(detail, Mapping) and record.get("event") == PRUNE else None
    whole = isinstance(seal, Mapping) and isinstance(seal.get("sequence"), int) and isinstance(seal.get("hash"), str)
    return seal if whole else None


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


def _time_faults(records: Sequence[Mapping[str, Any]], now: float) -> list[str]:
    """Prunings that are dated after this moment, or after a record that follows them."""
    faults = []
    for place, record in enumerate(records):
        told, at = f"record {record.get('sequence')}, a pruning,", _at(record)
        if _seal_in(record) is None:
            continue
        if at - now > SKEW_S:
            faults.append(f"{told} is dated {utc(at)}, which lies in the future: one of the two clocks is wrong")
        later = min(map(_at, records[place + 1 :]), default=at)
        if at - later > SKEW_S:
            faults.append(f"{told} is dated {utc(at)}, and a record that follows it {utc(later)}")
    return faults


def _at(record: Mapping[str, Any]) -> float:
    """When a record is dated; at the beginning of time where it does not say."""
    at = record.get("at")
    return float(at) if isinstance(at, int | float) else 0.0


class _Pruned:
    """What a trail's front was pruned by: its seal, and the latest moment at which that can have been."""

    def __init__(self, seal: Mapping[str, Any] | None, records: Sequence[Mapping[str, Any]], now: float) -> None:
        self.seal = seal
        sealed = next((at for at, record in enumerate(records) if seal and _seal_in(record) == seal), len(records))
        self.at = min([now, *map(_at, records[sealed:])])


def _anchor_faults(records: Sequence[Mapping[str, Any]], anchor: Mapping[str, Any], gone: _Pruned) -> list[str]:
    seal = gone.seal
    sequence, pruned = int(anchor["sequence"]), seal["sequence"] if seal else 0
    last = pruned + len(records)
    if sequence > last:
        return [f"the trail ends at record {last}, the anchor names record {sequence}: it was cut"]
    if seal and sequence <= pruned:
        return _pruned_faults(anchor, seal, gone.at)
    if records[sequence - pruned - 1].get("hash") != anchor["hash"]:
        return [f"record {sequence} is not the one that the anchor names: the trail was rewritten"]
    return []


def _pruned_faults(anchor: Mapping[str, Any], seal: Mapping[str, Any], pruned_at: float) -> list[str]:
    if anchor["sequence"] == seal["sequence"] and anchor["hash"] != seal["hash"]:
        return [f"record {anchor['sequence']} is not the one that the anchor names: the trail was rewritten"]
    if pruned_at - anchor.get("at", -math.inf) < LEAST_RETENTION_S:
        return [f"record {anchor['sequence']} was pruned before it was {LEAST_MONTHS} months old"]
    return []


def _hash(content: Mapping[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
