"""The words in which a task says what its files must keep to, beyond what its schema already states. Pure data.

The engine that reads files by these rules is `monitoring.quality`; it adds a rule for every column of the schema.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Issue(StrEnum):
    """What can be wrong with a file of rows. The last is a change in the world rather than a fault of the file."""

    SCHEMA_DRIFT = "schema_drift"
    MISSING_REQUIRED = "missing_required"
    MISSING_RATE_SHIFT = "missing_rate_shift"
    TYPE_ERROR = "type_error"
    OUT_OF_RANGE = "out_of_range"
    UNKNOWN_CATEGORY = "unknown_category"
    INCONSISTENT_OR_DUPLICATE = "inconsistent_or_duplicate"
    LABEL_SHIFT = "label_shift"


class RowFault(NamedTuple):
    """What is wrong with one row: the type, our own word for the case, and the column. Never the value."""

    issue: Issue
    code: str
    column: str


Judge = Callable[[str], RowFault | None]
"""What is wrong with a text that is not blank, if anything."""


class Dependency(NamedTuple):
    """Every value of the column `key` goes with one number in the column `value`; `code` names a row where not."""

    key: str
    value: str
    code: str


class Conflict(NamedTuple):
    """`clashes` says whether the texts of `columns` (blank: empty) exclude each other; `code` names such a row.

    `provoked_by`, put into the first column, makes some rows clash: that is how the rule is rehearsed.
    """

    columns: tuple[str, ...]
    clashes: Callable[[tuple[str, ...]], bool]
    code: str
    provoked_by: str


@dataclass(frozen=True, slots=True)
class Reference:
    """What files of this kind are like: shares of blanks by column and of rows by label, each in [0, 1].

    `known` holds the values of open categories that were seen; `pairs` the number that goes with each key of a
    dependency, under the dependency's code; `singles` the share of lists with one entry. A column, label or key that is
    not named is not judged.
    """

    missing: Mapping[str, float] = field(default_factory=dict)
    labels: Mapping[str, float] = field(default_factory=dict)
    known: Mapping[str, frozenset[str]] = field(default_factory=dict)
    pairs: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    singles: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QualityRules:
    """A task's rules.

    `repairs` maps a column's damaged spellings to what was meant. `judges` replace the schema's rule for a column that
    only code can judge. In `open_categories` a value that is new but well formed is a warning, no fault. `lists` says
    of a column's text how many entries it lists: where too many list one, their separator is another.
    """

    reference: Reference
    repairs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    judges: Mapping[str, Judge] = field(default_factory=dict)
    open_categories: tuple[str, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    lists: Mapping[str, Callable[[str], int]] = field(default_factory=dict)
