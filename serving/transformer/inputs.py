"""What is kept of people's rows beside the answers: groups while an experiment runs, and a small share of inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from contender.tasks.task import Task

Row = Mapping[str, Any]


class Inputs:
    """Reads checked rows of `task`; `clock` gives seconds that only grow.

    At most `per_second` rows a second are kept whole, spread over time as requests come (a token bucket that holds one
    second's worth): what drift is measured on need not be everybody. 0 keeps none.
    """

    def __init__(self, task: Task, per_second: float, clock: Callable[[], float]) -> None:
        self.task = task.name
        fields = task.schema.model_fields
        self._protected = tuple(name for name in task.protected if name in fields)
        self._features = tuple(name for name in fields if name not in task.protected)
        self._per_second, self._clock = per_second, clock
        self._most = max(1.0, per_second)
        self._tokens, self._filled_at = self._most if per_second else 0.0, clock()

    def groups(self, row: Row) -> dict[str, str]:
        """The protected attributes of `row` that are known; who did not say is in none of the attribute's groups."""
        return {name: str(value) for name in self._protected if (value := row[name]) is not None}

    def features(self, row: Row) -> dict[str, Any] | None:
        """What models see of `row` if it is its turn to be kept, else None: neither ids nor what law protects."""
        now = self._clock()
        self._tokens = min(self._most, self._tokens + (now - self._filled_at) * self._per_second)
        self._filled_at = now
        if self._tokens < 1.0:
            return None
        self._tokens -= 1.0
        return {name: row[name] for name in self._features}
