"""Lines of a checked CSV file as rows that a task's model takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from contender.errors import InvalidInput
from contender.tasks.task import Task

_Read = Callable[[str], object]


@dataclass(slots=True)
class Reader:
    """Reads the lines of one file whose header is `names`."""

    task: Task
    names: Sequence[str]
    _columns: list[tuple[str, int, _Read]] = field(init=False)

    def __post_init__(self) -> None:
        described = self.task.schema.model_json_schema()["properties"]
        missing = [name for name in (self.task.id_column, *described) if name not in self.names]
        if missing:
            raise InvalidInput(missing[0], "column is missing", remedy="contender quality check")
        self._columns = [(name, self.names.index(name), _reading(described[name])) for name in described]

    def ids(self, lines: Sequence[Sequence[str]]) -> list[str]:
        """The unit of each line."""
        place = self.names.index(self.task.id_column)
        return [line[place].strip() for line in lines]

    def rows(self, lines: Sequence[Sequence[str]], first: int) -> list[Mapping[str, Any]]:
        """The lines as typed rows; `first` is the number of the first, for errors.

        Raises:
            InvalidInput: a line that does not fit the schema; names its number and the field, never the value.
        """
        validate = self.task.schema.__pydantic_validator__.validate_python
        rows: list[Mapping[str, Any]] = []
        for number, line in enumerate(lines, start=first):
            try:
                rows.append(vars(validate({name: read(line[place]) for name, place, read in self._columns})))
            except (ValidationError, ValueError) as error:
                raise InvalidInput(f"row {number}", _words(error), remedy="contender quality check") from None
        return rows


def _reading(described: Mapping[str, Any]) -> _Read:
    stated = {option.get("type") for option in described.get("anyOf", [described])}
    if "integer" in stated:
        return _whole
    return _number if "number" in stated else _text


def _text(cell: str) -> str | None:
    return cell.strip() or None


def _number(cell: str) -> float | None:
    return float(cell) if cell.strip() else None


def _whole(cell: str) -> int | float | None:
    try:
        return int(cell)
    except ValueError:
        number = _number(cell)
        return int(number) if number is not None and number.is_integer() else number


def _words(error: ValidationError | ValueError) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return "a number is not one"
