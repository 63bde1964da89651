from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from contender.tasks.job_change.task import JobChange
from contender.values import Prediction
from monitoring.drift.reference import Reference, columns, remember
from monitoring.drift.verdict import Seen

TASK = JobChange()
VERSION = "7"


def predict(rows: Sequence[dict[str, object]]) -> list[Prediction]:
    """A stand-in for a model: surer of people in rich cities, looking in poor ones."""
    scores = [min(max(1.2 - float(str(row["city_development_index"])), 0.02), 0.98) for row in rows]
    return [Prediction("looking" if s > 0.5 else "not_looking", max(s, 1.0 - s), s) for s in scores]


def told(prediction: Prediction) -> str:
    return prediction.label if prediction.confidence >= TASK.policy.min_confidence else TASK.policy.label


@pytest.fixture(scope="session")
def people() -> list[dict[str, object]]:
    return TASK.generate(6_000, seed=11)


@pytest.fixture(scope="session")
def reference(people: list[dict[str, object]]) -> Reference:
    return replace(remember(TASK, people[:1_500], predict(people[:1_500])), version=VERSION)


@pytest.fixture
def seen() -> Callable[[Sequence[dict[str, object]]], list[Seen]]:
    def make(rows: Sequence[dict[str, object]]) -> list[Seen]:
        return [
            Seen({name: row[name] for name in columns(TASK)}, told(one), one.score, one.confidence, VERSION)
            for row, one in zip(rows, predict(rows), strict=True)
        ]

    return make


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)
