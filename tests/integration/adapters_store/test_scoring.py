"""Scoring rates from the database against the plain count of `contender.experiment.fairness`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from contender.adapters.store_sql import Store
from contender.experiment.fairness import scoring_counts
from contender.experiment.statistics.bernoulli import Count

Make = Callable[..., Any]


@pytest.mark.parametrize("people", [1, 2, 7, 60])
def test_the_database_counts_as_the_library_does(store: Store, expose: Make, people: int) -> None:
    rng = np.random.default_rng(people)
    scores: dict[str, list[float]] = {}
    exposures = []
    for number in range(people):
        group = ["Female", "Male", "unknown"][int(rng.integers(3))]
        score = float(rng.integers(5)) / 4
        scores.setdefault(group, []).append(score)
        exposures.append(expose(f"p{number}", f"u{number}", score=score, groups={"gender": group}))
    store.append(exposures, [])
    assert store.scoring_counts("e1") == {"champion": {"gender": scoring_counts(scores)}}


def test_a_person_is_scored_once_in_each_arm(store: Store, expose: Make) -> None:
    female, male = {"gender": "Female", "age": "old"}, {"gender": "Male"}
    store.append(
        [
            expose("p1", "u1", score=0.0, groups=female),
            expose("p2", "u1", score=1.0),
            expose("p3", "u2", score=0.25, groups=male),
            expose("p4", "u3", "challenger", score=0.5, groups=male),
            expose("p5", "u4", score=0.9),
            expose("p6", "u2", score=None),
            expose("p7", "u2", "shadow", score=0.9),
            expose("p8", None, "unassigned", score=0.9),
            expose("p9", "u3", score=0.9, counted=False),
        ],
        [],
    )
    assert store.scoring_counts("e1") == {
        "challenger": {"gender": {"Male": Count(0, 1)}},
        "champion": {"age": {"old": Count(0, 1)}, "gender": {"Female": Count(1, 1), "Male": Count(0, 1)}},
    }
    assert store.scoring_counts("e2") == {}
