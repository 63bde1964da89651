"""Faults on purpose: a copy of a file in which a share of the rows has faults of one type. For tests and rehearsals."""

from __future__ import annotations

import csv
import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contender.errors import InvalidInput
from contender.tasks.catalog import rules_of
from contender.tasks.rules import Conflict, Dependency, Issue, RowFault
from contender.tasks.task import Task
from monitoring.quality.columns import Column, columns_of
from monitoring.quality.dialect import Unreadable
from monitoring.quality.tabular import chunks_of, header_of

DRIFTS: Final = ("column_missing", "column_extra", "column_doubled", "other_separator")
_ENOUGH: Final = 20
"""Rows of a key that make the majority of its numbers safe from what is planted."""

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Planted:
    """What was planted: the numbers of the rows (from 1), none where the file as a whole is at fault."""

    issue: Issue
    rows: tuple[int, ...]


@dataclass(slots=True)
class Sheet:
    """A file in memory, cell by cell, and who knows what its columns mean."""

    task: Task
    names: list[str]
    lines: list[list[str]]
    rng: np.random.Generator

    def column(self, name: str) -> list[str]:
        """The texts of a column, without spaces around them."""
        place = self.names.index(name)
        return [line[place].strip() for line in self.lines]

    def put(self, name: str, indices: Sequence[int] | Indices, texts: Sequence[str]) -> None:
        """Write `texts` into the rows `indices` of a column."""
        place = self.names.index(name)
        for index, text in zip(indices, texts, strict=True):
            self.lines[index][place] = text

    def draw(self, eligible: Sequence[int] | Indices, count: int) -> Indices:
        """`count` of the `eligible` rows, or all when they are fewer, in order."""
        chosen = self.rng.choice(np.asarray(eligible, np.int64), min(count, len(eligible)), replace=False)
        return np.sort(chosen)


def corrupt(source: Path, target: Path, task: Task, issue: Issue, share: float, rng: np.random.Generator) -> Planted:
    """Write to `target` a copy of `source` with faults of type `issue` in a `share` of its rows (at least one).

    Schema drift takes one of `DRIFTS` by chance. A missing rate or a label share moves by `share`.

    Raises:
        InvalidInput: `share` is not in (0, 1], the task knows no such fault, or `target` is the source or cannot be
            written.
        Unreadable: `source` is no file of the task that is read here, or is without rows.
    """
    if not 0 < share <= 1:
        raise InvalidInput("share", "must be more than 0 and at most 1")
    if target.resolve() == source.resolve():
        raise InvalidInput("out", "is the file that faults are planted in", remedy="name another: it is left as it is")
    sheet = _sheet(source, task, rng)
    if issue is Issue.SCHEMA_DRIFT:
        drift(sheet, target, str(rng.choice(DRIFTS)))
        return Planted(issue, ())
    rows = _PLANTERS[issue](sheet, max(1, round(share * len(sheet.lines))))
    write(sheet, target)
    whole = issue in {Issue.MISSING_RATE_SHIFT, Issue.LABEL_SHIFT}
    return Planted(issue, () if whole else tuple(int(row) + 1 for row in np.sort(rows)))


def drift(sheet: Sheet, target: Path, how: str) -> None:
    """Write the sheet to `target` with its header changed in the way `how`, one of `DRIFTS`."""
    place = int(sheet.rng.integers(len(sheet.names)))
    table = [sheet.names, *sheet.lines]
    if how == "column_missing":
        table = [[*line[:place], *line[place + 1 :]] for line in table]
    elif how == "column_extra":
        table = [[*sheet.names, "surprise"], *([*line, "1"] for line in sheet.lines)]
    elif how == "column_doubled":
        table = [[*line, line[place]] for line in table]
    names, *lines = table
    write(Sheet(sheet.task, names, lines, sheet.rng), target, separator=";" if how == "other_separator" else ",")


def write(sheet: Sheet, target: Path, *, separator: str = ",") -> None:
    """Write the sheet as CSV, its cells parted by `separator`.

    Raises:
        InvalidInput: `target` cannot be written.
    """
    try:
        with target.open("w", encoding="utf-8", newline="") as content:
            rows = csv.writer(content, delimiter=separator, lineterminator="\n")
            rows.writerows([sheet.names, *sheet.lines])
    except OSError as error:
        raise InvalidInput(
            "out", f"{target} cannot be written: {error.strerror}", remedy="name another file"
        ) from error


def _sheet(source: Path, task: Task, rng: np.random.Generator) -> Sheet:
    try:
        names = list(header_of(source))
        lines = [list(line) for chunk in chunks_of(source) for line in chunk.lines]
    except Unreadable as error:
        raise Unreadable(str(source), error.words, remedy=error.remedy, code=error.code) from error
    if missing := [name for name in columns_of(task, rules_of(task)) if name not in names]:
        remedy = f"name a file of {task.name}, or its task with --task"
        raise Unreadable(str(source), f"lacks the column {missing[0]} of {task.name}", remedy=remedy)
    if not lines:
        raise Unreadable(str(source), "has no rows to plant a fault in")
    return Sheet(task, names, lines, rng)


def _columns(sheet: Sheet) -> dict[str, Column]:
    return columns_of(sheet.task, rules_of(sheet.task))


def _any(sheet: Sheet, count: int) -> Indices:
    return sheet.draw(range(len(sheet.lines)), count)


def _spread(sheet: Sheet, rows: Indices, texts: Mapping[str, Sequence[str]]) -> Indices:
    """Put into each of `rows` one of the texts of one of the columns, both by chance; what is blank stays blank."""
    for row in rows:
        names = [name for name in sorted(texts) if sheet.lines[row][sheet.names.index(name)].strip()]
        name = names[int(sheet.rng.integers(len(names)))]
        sheet.put(name, [row], [str(sheet.rng.choice(texts[name]))])
    return rows


def _blank_required(sheet: Sheet, count: int) -> Indices:
    required = {name: [""] for name, column in _columns(sheet).items() if column.required}
    return _spread(sheet, _any(sheet, count), required)


def _blank_more(sheet: Sheet, count: int) -> Indices:
    nullable = {name: sheet.column(name) for name, column in _columns(sheet).items() if not column.required}
    fullest = min(nullable, key=lambda name: nullable[name].count(""))
    rows = sheet.draw([index for index, text in enumerate(nullable[fullest]) if text], count)
    sheet.put(fullest, rows, [""] * len(rows))
    return rows


def _of_wrong_type(sheet: Sheet, count: int) -> Indices:
    texts = _provoking(sheet, Issue.TYPE_ERROR, ("twelve", "1,5", "--"))
    repairs = rules_of(sheet.task).repairs
    return _spread(sheet, _any(sheet, count), {**texts, **{name: list(damaged) for name, damaged in repairs.items()}})


def _out_of_range(sheet: Sheet, count: int) -> Indices:
    many = "; ".join(f"skill {number}" for number in range(400))
    return _spread(sheet, _any(sheet, count), _provoking(sheet, Issue.OUT_OF_RANGE, ("-7", "123456", many)))


def _of_unknown_category(sheet: Sheet, count: int) -> Indices:
    return _spread(sheet, _any(sheet, count), _provoking(sheet, Issue.UNKNOWN_CATEGORY, ("Unheard of", "Divers")))


def _provoking(sheet: Sheet, issue: Issue, texts: Sequence[str]) -> dict[str, list[str]]:
    """Which of `texts` a column takes for a fault of that type, by column."""
    found = {
        name: [text for text in texts if _is(column.fault(text), issue)]
        for name, column in _columns(sheet).items()
        if name != sheet.task.id_column  # the same id in several rows would be another fault
    }
    stated = {name: provoking for name, provoking in found.items() if provoking}
    if not stated:
        raise InvalidInput("type", f"{sheet.task.name} has no column that could have a {issue}")
    return stated


def _is(fault: RowFault | None, issue: Issue) -> bool:
    return fault is not None and fault.issue is issue


_Planter = Callable[[Sheet, Indices, int], Indices]


def _inconsistent(sheet: Sheet, count: int) -> Indices:
    rules = rules_of(sheet.task)
    planters: list[_Planter] = [_double_ids]
    planters += [functools.partial(_contradict, dependency) for dependency in rules.dependencies]
    planters += [functools.partial(_clash, conflict) for conflict in rules.conflicts]
    chosen = np.empty(0, np.int64)
    for planter, part in zip(planters, np.array_split(np.arange(count), len(planters)), strict=True):
        free = np.setdiff1d(np.arange(1, len(sheet.lines)), chosen)
        chosen = np.union1d(chosen, planter(sheet, free, len(part)))
    return chosen


def _double_ids(sheet: Sheet, free: Indices, count: int) -> Indices:
    """Chosen rows take the id of the nearest row before them that was not chosen: the first row never is."""
    ids, rows = sheet.column(sheet.task.id_column), sheet.draw(free, count)
    honest = np.setdiff1d(np.arange(len(ids)), rows)
    donors = honest[np.searchsorted(honest, rows) - 1]
    sheet.put(sheet.task.id_column, rows, [ids[donor] for donor in donors])
    return rows


def _contradict(dependency: Dependency, sheet: Sheet, free: Indices, count: int) -> Indices:
    keys, values = sheet.column(dependency.key), sheet.column(dependency.value)
    frequent = Counter(keys)
    rows = sheet.draw([index for index in free.tolist() if frequent[keys[index]] >= _ENOUGH], count)
    sheet.put(dependency.value, rows, [f"{float(values[row]) / 2:.4f}" for row in rows])
    return rows


def _clash(conflict: Conflict, sheet: Sheet, free: Indices, count: int) -> Indices:
    first, *others = conflict.columns
    texts = list(zip(*(sheet.column(name) for name in others), strict=True))
    able = [index for index in free.tolist() if conflict.clashes((conflict.provoked_by, *texts[index]))]
    rows = sheet.draw(able, count)
    sheet.put(first, rows, [conflict.provoked_by] * len(rows))
    return rows


def _relabel(sheet: Sheet, count: int) -> Indices:
    labels = sheet.column(sheet.task.target)
    (rarest, _) = Counter(labels).most_common()[-1]
    rows = sheet.draw([index for index, label in enumerate(labels) if label != rarest], count)
    sheet.put(sheet.task.target, rows, [rarest] * len(rows))
    return rows


_PLANTERS: Final[Mapping[Issue, Callable[[Sheet, int], Indices]]] = {
    Issue.MISSING_REQUIRED: _blank_required,
    Issue.MISSING_RATE_SHIFT: _blank_more,
    Issue.TYPE_ERROR: _of_wrong_type,
    Issue.OUT_OF_RANGE: _out_of_range,
    Issue.UNKNOWN_CATEGORY: _of_unknown_category,
    Issue.INCONSISTENT_OR_DUPLICATE: _inconsistent,
    Issue.LABEL_SHIFT: _relabel,
}
