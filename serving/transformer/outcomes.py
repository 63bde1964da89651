"""Outcome bodies to outcomes. Pure."""

from __future__ import annotations

import math
from typing import Any, Final

from contender.errors import InvalidInput
from contender.moments import moment
from contender.tasks.task import Task
from contender.units import fault_of, normal
from contender.values import REWARD, Outcome
from serving.rows import listed

MAX_ID: Final = 128
MAX_METRIC: Final = 64
_FIELDS: Final = frozenset({"event_id", "prediction_id", "metric", "value", "at"})


def read(body: Any, task: Task, now: float) -> list[Outcome]:
    """The outcomes in ``{"outcomes": [{event_id, prediction_id, value, metric?, at?}, …]}`` or in one such object.

    Without `metric` it is the truth that the task's reward judges, in the task's words; of any other metric it is a
    number of at least 0. Without `at`, which is in seconds since the epoch, an outcome happened `now`; nothing is told
    of the future.

    Raises:
        InvalidInput: the first field that is wrong; its value is not repeated.
    """
    if isinstance(body, dict) and "outcomes" not in body and "event_id" in body:
        return [_outcome(body, "outcome", task, now)]
    return [_outcome(item, f"outcomes[{i}]", task, now) for i, item in enumerate(listed(body, "outcomes"))]


def _outcome(item: Any, path: str, task: Task, now: float) -> Outcome:
    if not isinstance(item, dict):
        raise InvalidInput(path, "must be an object")
    if not item.keys() <= _FIELDS:
        raise InvalidInput(path, f"may only have the fields {', '.join(sorted(_FIELDS))}")
    metric = _metric(item.get("metric", REWARD), f"{path}.metric")
    truth = metric == REWARD
    value = item.get("value")
    return Outcome(
        event_id=_id(item, "event_id", path),
        prediction_id=normal(_id(item, "prediction_id", path)),
        task=task.name,
        value=_value(value, f"{path}.value", task) if truth else _amount(value, f"{path}.value"),
        at=moment(item.get("at", now), now, f"{path}.at"),
        metric=metric,
    )


def _id(item: dict[str, Any], name: str, path: str) -> str:
    value = item.get(name)
    if not isinstance(value, str):
        raise InvalidInput(f"{path}.{name}", f"must be a text of 1 to {MAX_ID} characters")
    if fault := fault_of(value, MAX_ID):
        raise InvalidInput(f"{path}.{name}", fault)
    return value


def _value(value: object, path: str, task: Task) -> str | int | float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InvalidInput(path, "must be a text or a number")
    try:
        task.label_of(value)
    except InvalidInput:
        # The task's own message may repeat the value, which says something about a person.
        raise InvalidInput(path, f"is not an outcome of {task.name}") from None
    return value


def _metric(value: object, path: str) -> str:
    named = isinstance(value, str) and 0 < len(value) <= MAX_METRIC
    if not named or not all(c.isascii() and (c.isalnum() or c in "-_") for c in str(value)):
        raise InvalidInput(path, f"must be a name of 1 to {MAX_METRIC} letters, digits, - and _")
    return str(value)


def _amount(value: object, path: str) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise InvalidInput(path, "must be a number of at least 0")
    return value
