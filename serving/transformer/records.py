"""Exposures and outcomes as the spool's bytes, and back. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from operator import attrgetter
from typing import NamedTuple

import orjson

from contender.values import Exposure, Outcome


class Records(NamedTuple):
    """What a batch of the spool holds; `unreadable` counts records that this program does not know."""

    exposures: list[Exposure]
    outcomes: list[Outcome]
    unreadable: int


class _Form(NamedTuple):
    kind: str
    names: tuple[str, ...]
    values: Callable[[object], tuple[object, ...]]


def _form(kind: str, record: type[Exposure] | type[Outcome]) -> _Form:
    names = tuple(field.name for field in fields(record))
    return _Form(kind, names, attrgetter(*names))


_EXPOSURE, _OUTCOME = _form("exposure", Exposure), _form("outcome", Outcome)


def to_bytes(record: Exposure | Outcome) -> bytes:
    """One line of JSON: the kind of record and its fields by name."""
    kind, names, values = _EXPOSURE if isinstance(record, Exposure) else _OUTCOME
    # orjson takes a dataclass as it is, but with slots four times slower than its fields in a dict.
    return orjson.dumps((kind, dict(zip(names, values(record), strict=True))))


def parse(lines: Iterable[bytes]) -> Records:
    """The records in `lines`, by kind, in order."""
    exposures: list[Exposure] = []
    outcomes: list[Outcome] = []
    unreadable = 0
    for line in lines:
        try:
            kind, values = orjson.loads(line)
            if kind == _EXPOSURE.kind:
                exposures.append(Exposure(**values))
            else:
                outcomes.append(Outcome(**values))
        except (ValueError, TypeError):
            unreadable += 1
    return Records(exposures, outcomes, unreadable)
