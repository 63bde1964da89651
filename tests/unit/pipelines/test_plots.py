from __future__ import annotations

import numpy as np

from contender.tasks.job_change.task import JobChange
from contender.tasks.task import Task
from pipelines.steps.plots import positive_column, reliability


def test_the_positive_class_is_the_one_the_task_scores(parcel: Task) -> None:
    assert positive_column(parcel, ("heavy", "light")) == 0
    assert positive_column(JobChange(), ("looking", "not_looking")) == 0
    assert positive_column(JobChange(), ("not_looking", "looking")) == 1


def test_reliability_has_a_point_for_every_tenth_that_holds_rows() -> None:
    scores = np.array([0.05, 0.05, 0.95, 1.0])
    hits = np.array([False, True, True, True])
    stated, observed = reliability(hits, scores)
    assert np.allclose(stated, [0.05, 0.975])
    assert np.allclose(observed, [0.5, 1.0])
