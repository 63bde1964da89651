"""Outcome bodies to outcomes. Pure."""

from __future__ import annotations

import math
from typing import Any, Final

from contender.errors import InvalidInput
from contender.tasks.task import Task
from contender.values import Outcome
from serving.rows import listed

MAX_ID: Final = 128
_FIELDS: Final = frozenset({"event_id", "prediction_id", "value", "at"})


def read(body: Any, task: Task, now: float) -> list[Outcome]:
    """The outcomes in ``{"outcomes": [{event_id, prediction_id, value, at?}, …]}`` or in one such object.

    Without `at`, which is in seconds since the epoch, an outcome happened `now`.

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
    return Outcome(
        event_id=_id(item, "event_id", path),
        prediction_id=_id(item, "prediction_id", path),
        task=task.name,
        value=_value(item.get("value"), f"{path}.value", task),
        at=_at(item, path, now),
    )


def _id(item: dict[str, Any], name: str, path: str) -> str:
    value = item.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID or "\0" in value:
        raise InvalidInput(f"{path}.{name}", f"must be a text of 1 to {MAX_ID} characters, without NUL")
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


def _at(item: dict[str, Any], path: str, now: float) -> float:
    at = item.get("at", now)
    if isinstance(at, bool) or not isinstance(at, int | float) or not math.isfinite(at) or at < 0:
        raise InvalidInput(f"{path}.at", "must be seconds since the epoch")
    return float(at)
