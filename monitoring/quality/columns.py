"""A judge for every column, made from the task's schema and rules. Each distinct value is judged once a chunk. Pure."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from contender.errors import InvalidInput
from contender.number_forms import number_of
from contender.tasks.rules import Issue, Judge, QualityRules, RowFault
from contender.tasks.task import Task
from contender.units import MAX_UNIT, fault_of, is_damaged

SPREADSHEET: Final = "spreadsheet_damage"
"""The code of a value that a spreadsheet spoiled and that can be mended."""

_REMEMBERED: Final = 8_192


@dataclass(frozen=True, slots=True)
class Column:
    """How one column is judged; a blank in a `required` one is a fault."""

    name: str
    required: bool
    judge: Judge

    def fault(self, text: str) -> RowFault | None:
        """What is wrong with the cell's `text`, if anything; spaces around it do not count."""
        bare = text.strip()
        if bare:
            return self.judge(bare)
        return RowFault(Issue.MISSING_REQUIRED, "blank", self.name) if self.required else None


@dataclass(frozen=True, slots=True)
class Form:
    """One file's header read by one task: its `names` in order, and how the columns the task knows are judged."""

    task: Task
    rules: QualityRules
    columns: Mapping[str, Column]
    names: tuple[str, ...]

    @property
    def position(self) -> dict[str, int]:
        """Where each column that the task knows is."""
        return {name: index for index, name in enumerate(self.names) if name in self.columns}


def columns_of(task: Task, rules: QualityRules) -> dict[str, Column]:
    """Every column that a file of `task` holds, by name: id, schema, target."""
    described = task.schema.model_json_schema()["properties"]
    columns = {name: _column(name, described[name], rules) for name in task.schema.model_fields}
    own = Column(task.id_column, True, functools.partial(_id_fault, task.id_column))
    return {task.id_column: own, **columns, task.target: Column(task.target, True, _target_judge(task))}


def _column(name: str, described: Mapping[str, Any], rules: QualityRules) -> Column:
    options = described.get("anyOf", [described])
    stated = [option for option in options if option.get("type") != "null"]
    required = len(stated) == len(options)
    judge = rules.judges.get(name) or _judge(name, stated[0], rules.repairs.get(name, {}))
    return Column(name, required, judge if name in rules.judges else functools.lru_cache(_REMEMBERED)(judge))


def _judge(name: str, stated: Mapping[str, Any], repairs: Mapping[str, str]) -> Judge:
    levels = stated.get("enum") or ([stated["const"]] if "const" in stated else [])
    if levels:
        return functools.partial(_level_fault, name, frozenset(levels), frozenset(repairs))
    if stated.get("type") in {"integer", "number"}:
        low, high = stated.get("minimum", -math.inf), stated.get("maximum", math.inf)
        return functools.partial(_number_fault, name, stated["type"] == "integer", (low, high))
    lengths = stated.get("minLength", 0), stated.get("maxLength", math.inf)
    return functools.partial(_text_fault, name, re.compile(stated.get("pattern", "")), lengths)


def _level_fault(name: str, levels: frozenset[str], damaged: frozenset[str], text: str) -> RowFault | None:
    if text in levels:
        return None
    if text in damaged or text.removesuffix(".0") in levels:
        return RowFault(Issue.TYPE_ERROR, SPREADSHEET, name)
    return RowFault(Issue.UNKNOWN_CATEGORY, "unknown_level", name)


def _number_fault(name: str, whole: bool, bounds: tuple[float, float], text: str) -> RowFault | None:
    number = number_of(text)
    if number is None:
        decimal = number_of(text.replace(",", ".", 1)) is not None
        return RowFault(Issue.TYPE_ERROR, "decimal_comma" if decimal else "not_a_number", name)
    if not math.isfinite(number):
        return RowFault(Issue.TYPE_ERROR, "not_finite", name)
    if whole and not number.is_integer():
        return RowFault(Issue.TYPE_ERROR, "not_whole", name)
    return None if bounds[0] <= number <= bounds[1] else RowFault(Issue.OUT_OF_RANGE, "out_of_range", name)


def _text_fault(name: str, pattern: re.Pattern[str], lengths: tuple[float, float], text: str) -> RowFault | None:
    if not lengths[0] <= len(text) <= lengths[1]:
        return RowFault(Issue.OUT_OF_RANGE, "text_too_long" if len(text) > lengths[1] else "text_too_short", name)
    return None if pattern.search(text) else RowFault(Issue.TYPE_ERROR, "malformed", name)


def _id_fault(name: str, text: str) -> RowFault | None:
    if is_damaged(text):
        return RowFault(Issue.TYPE_ERROR, SPREADSHEET, name)
    if len(text) > MAX_UNIT and fault_of(text):
        return RowFault(Issue.OUT_OF_RANGE, "id_too_long", name)
    return RowFault(Issue.TYPE_ERROR, "control_characters", name) if fault_of(text) else None


def _target_judge(task: Task) -> Judge:
    @functools.lru_cache(_REMEMBERED)
    def judge(text: str) -> RowFault | None:
        try:
            task.label_of(text)
        except InvalidInput:
            return RowFault(Issue.UNKNOWN_CATEGORY, "unknown_label", task.target)
        return None

    return judge
