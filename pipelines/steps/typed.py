"""Lines of a checked CSV file as rows that a task's model takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from contender.errors import InvalidInput
from contender.number_forms import number_of, whole
from contender.tasks.task import Task
from contender.units import unit_id

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

    def ids(self, lines: Sequence[Sequence[str]], first: int) -> list[str]:
        """The unit of each line in normal form; `first` is the number of the first line, for errors.

        Raises:
            InvalidInput: a line without a unit that can be one; names its number and the column.
        """
        name = self.task.id_column
        place = self.names.index(name)
        return [unit_id(line[place], f"row {number}, {name}") for number, line in enumerate(lines, start=first)]

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
            except ValidationError as error:
                field, problem = _words(error)
                raise InvalidInput(f"row {number}, {field}", problem, remedy="contender quality check") from None
        return rows


def _reading(described: Mapping[str, Any]) -> _Read:
    stated = {option.get("type") for option in described.get("anyOf", [described])}
    if "integer" in stated:
        return _whole
    return _number if "number" in stated else _text


def _text(cell: str) -> str | None:
    return cell.strip() or None


def _number(cell: str) -> object:
    """The number, None for a blank; any other text as it is, for the schema to refuse."""
    number = number_of(cell)
    return _text(cell) if number is None else number


def _whole(cell: str) -> object:
    return whole(_number(cell))


def _words(error: ValidationError) -> tuple[str, str]:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return ".".join(map(str, first["loc"])), first["msg"]
