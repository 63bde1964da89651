"""Exposures, outcomes and covariates as the spool's bytes, and back. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final, NamedTuple

import orjson

from contender.values import Covariate, Exposure, Outcome

Record = Exposure | Outcome | Covariate


class Records(NamedTuple):
    """What a batch of the spool holds; `unreadable` counts records that this program does not know."""

    exposures: list[Exposure]
    outcomes: list[Outcome]
    covariates: list[Covariate]
    unreadable: int


class _Form(NamedTuple):
    """How a record of one `kind` is written: the names of its fields, and their values."""

    kind: str
    names: tuple[str, ...]
    values: Callable[[object], tuple[object, ...]]


def _form(kind: str, record: type[Record]) -> _Form:
    names = tuple(field.name for field in fields(record))
    return _Form(kind, names, attrgetter(*names))


_FORMS: Final = {
    record: _form(kind, record)
    for kind, record in (("exposure", Exposure), ("outcome", Outcome), ("covariate", Covariate))
}
_RECORDS: Final = {form.kind: record for record, form in _FORMS.items()}


def to_bytes(record: Record) -> bytes:
    """One line of JSON: the kind of record and its fields by name."""
    kind, names, values = _FORMS[type(record)]
    # orjson takes a dataclass as it is, but with slots four times slower than its fields in a dict.
    return orjson.dumps((kind, dict(zip(names, values(record), strict=True))))


def parse(lines: Iterable[bytes]) -> Records:
    """The records in `lines`, by kind, in order; a field that only an older program knew is passed over."""
    found: dict[type[Record], list[Any]] = {record: [] for record in _FORMS}
    unreadable = 0
    for line in lines:
        try:
            kind, values = orjson.loads(line)
            record = _RECORDS[kind]
            found[record].append(_read(record, values))
        except (ValueError, TypeError, KeyError, AttributeError):
            unreadable += 1
    return Records(found[Exposure], found[Outcome], found[Covariate], unreadable)


def _read(record: type[Record], values: dict[str, Any]) -> Record:
    try:
        return record(**values)
    except TypeError:
        names = _FORMS[record].names
        return record(**{name: value for name, value in values.items() if name in names})
