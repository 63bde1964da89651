"""Validate: every row against the task's schema; bad rows are set aside with their reasons, never silently lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from contender.errors import InvalidInput
from contender.number_forms import number_of, whole
from contender.tasks.catalog import task_named
from contender.tasks.task import Task
from contender.units import unit_id
from contender.values import Row
from pipelines.params import DataParams
from pipelines.steps.command import main
from pipelines.steps.files import REPORT, ROWS, read_document, read_rows, write_document, write_rows
from pipelines.steps.ingest import MALFORMED
from pipelines.steps.progress import problem_of, reported

REJECTED: Final = "rejected.jsonl"

_REASONS_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one row: the column and the schema's own words."""

    column: str
    reason: str


@dataclass(frozen=True, slots=True)
class Validated:
    """Good rows (schema, id, target and protected columns, typed) and bad ones as they came, with their faults."""

    good: list[dict[str, Any]]
    bad: list[tuple[Row, list[Fault]]]
    ignored_columns: tuple[str, ...]

    def report(self) -> dict[str, Any]:
        """Counts, and for every column how many rows break it and why."""
        faults = Counter((fault.column, fault.reason) for _, row_faults in self.bad for fault in row_faults)
        columns: dict[str, dict[str, int]] = {}
        for (column, reason), count in faults.most_common():
            columns.setdefault(column, {})[reason] = count
        total = len(self.good) + len(self.bad)
        return {
            "rows": total,
            "good": len(self.good),
            "bad": len(self.bad),
            "reasons": columns,
            "ignored_columns": list(self.ignored_columns),
        }


@reported("validate")
def validate(task: str, source: Path, data: DataParams, checked: Path) -> dict[str, Any]:
    """Write good rows, set-aside rows (``rejected.jsonl``) with their reasons and a report into the folder `checked`.

    Raises:
        InvalidInput: a column is missing, no row is good, or more than `max_bad_share` of them are bad.
    """
    result = check_rows(task_named(task), read_rows(source / ROWS))
    set_aside = [{"row": row, "faults": [_line(fault) for fault in faults]} for row, faults in result.bad]
    report = result.report()
    write_rows(checked / ROWS, result.good)
    write_rows(checked / REJECTED, set_aside)
    write_document(checked / REPORT, {**read_document(source / REPORT), "validation": report})
    require_mostly_good(result, data.max_bad_share)
    return report


def check_rows(task: Task, rows: Sequence[Row]) -> Validated:
    """Every row of `rows` (text or typed values), as good or as bad with its faults.

    Raises:
        InvalidInput: no rows at all, or a column that the task needs is not there.
    """
    present = dict.fromkeys(column for row in rows for column in row if column != MALFORMED)
    needed = _columns(task)
    missing = [column for column in needed if column not in present]
    if not rows:
        raise InvalidInput("data", "holds no rows")
    if missing:
        raise InvalidInput(missing[0], f"column is missing (needed: {', '.join(needed)})")
    kept = (*needed, *(column for column in task.protected if column in present and column not in needed))
    ignored = tuple(column for column in present if column not in kept)
    return _sorted_out(_Checker(task, kept), rows, ignored)


def require_mostly_good(checked: Validated, max_bad_share: float) -> None:
    """Return quietly when enough rows are good.

    Raises:
        InvalidInput: no good row, or more than `max_bad_share` bad ones; names the commonest fault.
    """
    bad, total = len(checked.bad), len(checked.bad) + len(checked.good)
    if checked.good and bad <= max_bad_share * total:
        return
    faults = Counter(fault for _, row_faults in checked.bad for fault in row_faults).most_common(_REASONS_SHOWN)
    shown = "; ".join(f"{fault.column}: {fault.reason} ({count} rows)" for fault, count in faults)
    raise InvalidInput(
        faults[0][0].column if faults else "data",
        f"{bad} of {total} rows break the schema: {shown}",
        remedy="mend the file, or allow more with max_bad_share",
    )


def _sorted_out(checker: _Checker, rows: Iterable[Row], ignored: tuple[str, ...]) -> Validated:
    good: list[dict[str, Any]] = []
    bad: list[tuple[Row, list[Fault]]] = []
    for row in rows:
        typed, faults = checker.check(row)
        if faults:
            bad.append((row, faults))
        else:
            good.append(typed)
    return Validated(good, bad, ignored)


class _Checker:
    """Rows of one file against one task's schema, id and target."""

    def __init__(self, task: Task, kept: Sequence[str]) -> None:
        self._task = task
        self._fields = list(task.schema.model_fields)
        self._others = [column for column in kept if column not in task.schema.model_fields]
        self._numbers = _number_kinds(task)

    def check(self, row: Row) -> tuple[dict[str, Any], list[Fault]]:
        """The typed row and its faults (none for a good row)."""
        if MALFORMED in row:
            return {}, [Fault(MALFORMED, str(row[MALFORMED]))]
        unit, wrong = self._id(row)
        others = {column: row.get(column) for column in self._others} | {self._task.id_column: unit}
        faults = [*wrong, *self._target_faults(row)]
        try:
            given = {name: _typed(row[name], self._numbers.get(name)) for name in self._fields if name in row}
            typed = self._task.schema.model_validate(given).model_dump(mode="json")
        except ValidationError as error:
            return {}, [*faults, *(_fault(detail) for detail in error.errors(include_url=False))]
        return {**others, **typed}, faults

    def _id(self, row: Row) -> tuple[str, list[Fault]]:
        """The row's unit in normal form, and what is wrong with it."""
        name = self._task.id_column
        given = row.get(name)
        try:
            return unit_id("" if given is None else given, name), []
        except InvalidInput as error:
            return "", [Fault(name, problem_of(error))]

    def _target_faults(self, row: Row) -> list[Fault]:
        try:
            self._task.label_of(row.get(self._task.target))
        except InvalidInput as error:
            return [Fault(self._task.target, problem_of(error))]
        return []


def _columns(task: Task) -> list[str]:
    required = [name for name, field in task.schema.model_fields.items() if field.is_required()]
    return [task.id_column, *required, task.target]


def _number_kinds(task: Task) -> dict[str, str]:
    """The schema's numeric fields: ``integer`` or ``number`` by name, nullable ones too."""
    kinds: dict[str, str] = {}
    for name, described in task.schema.model_json_schema()["properties"].items():
        stated = {option.get("type") for option in described.get("anyOf", [described])} - {"null"}
        if stated and stated <= {"integer", "number"}:
            kinds[name] = "number" if "number" in stated else "integer"
    return kinds


def _typed(value: object, kind: str | None) -> object:
    """A number for the text of a CSV file where the schema wants one; anything else as it is, for the schema to judge.

    >>> _typed("36", "integer"), _typed("36.0", "integer"), _typed("0.92", "number"), _typed("5", None)
    (36, 36, 0.92, '5')
    """
    if kind == "integer":
        value = whole(value)
    if kind is None or not isinstance(value, str):
        return value
    number = number_of(value)
    if number is None:
        return value
    return whole(number) if kind == "integer" else number


def _fault(detail: Mapping[str, Any]) -> Fault:
    return Fault(".".join(map(str, detail["loc"])) or "row", str(detail["msg"]))


def _line(fault: Fault) -> str:
    return f"{fault.column}: {fault.reason}"


if __name__ == "__main__":
    main(validate)
