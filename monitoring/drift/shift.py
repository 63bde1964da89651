"""Shifts on purpose, for rehearsals: rows of which one column is moved. Pure."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from contender.errors import InvalidInput
from contender.tasks.task import Task
from monitoring.drift.reference import columns


@dataclass(frozen=True, slots=True)
class Shift:
    """What is moved: a `column`, in a `share` of the rows, by `amount`.

    Numbers are multiplied by 1 + `amount` and stay inside the schema's bounds. Levels become the column's first level,
    texts its example: `amount` says nothing of them.
    """

    column: str
    share: float = 1.0
    amount: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a share outside (0, 1].

        Raises:
            InvalidInput: naming it.
        """
        if not 0.0 < self.share <= 1.0:
            raise InvalidInput("share", "must lie above 0 and at most at 1")


def shifted(
    task: Task, rows: Sequence[Mapping[str, object]], shift: Shift, rng: np.random.Generator
) -> list[dict[str, object]]:
    """Copies of `rows`, shifted; each still obeys the task's schema.

    Raises:
        InvalidInput: the task has no such watched column.
    """
    if shift.column not in columns(task):
        raise InvalidInput("column", f"{shift.column!r} is none of: {', '.join(columns(task))}")
    move = _mover(task, shift)
    chosen = rng.random(len(rows)) < shift.share
    return [
        {**row, shift.column: move(row[shift.column])} if pick else dict(row)
        for row, pick in zip(rows, chosen, strict=True)
    ]


def _mover(task: Task, shift: Shift) -> Callable[[Any], object]:
    field = task.schema.model_fields[shift.column]
    kinds = _kinds(field.annotation)
    if kinds & {int, float}:
        low, high = _bounds(field.metadata)
        kind = int if int in kinds else float
        return lambda value: None if value is None else kind(min(max(value * (1.0 + shift.amount), low), high))
    level = next(iter(_levels(field.annotation)), None) or (field.examples or [None])[0]
    return lambda _: level


def _kinds(annotation: Any) -> set[Any]:
    """The plain types that a field may hold."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return {kind for part in typing.get_args(annotation) for kind in _kinds(part)}
    return {annotation}


def _levels(annotation: Any) -> list[str]:
    """The texts that a field may hold, where it says which."""
    if typing.get_origin(annotation) is Literal:
        return list(typing.get_args(annotation))
    return [level for part in typing.get_args(annotation) for level in _levels(part)]


def _bounds(metadata: Sequence[Any]) -> tuple[float, float]:
    low = next((one.ge for one in metadata if hasattr(one, "ge")), -np.inf)
    high = next((one.le for one in metadata if hasattr(one, "le")), np.inf)
    return low, high
