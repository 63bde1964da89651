from __future__ import annotations

import numpy as np
import pytest

from contender.tasks.task import Task
from pipelines.steps.evaluate import Answers, improvement

CLASSES = ("heavy", "light")


def answers(right: int, count: int) -> Answers:
    """The first `right` of `count` heavy parcels answered well."""
    heavy = np.where(np.arange(count) < right, 0.9, 0.1)
    return Answers(np.column_stack([heavy, 1.0 - heavy]), CLASSES)


def test_equal_models_differ_by_nothing(parcel: Task) -> None:
    result = improvement(parcel, ["heavy"] * 50, answers(30, 50), answers(30, 50))
    assert (result.point, result.low) == (0.0, 0.0)


def test_the_bound_is_where_the_normal_approximation_puts_it(parcel: Task) -> None:
    # 40 of 400 rows differ, all for the better: the difference is a mean of indicators with p = 0.1.
    result = improvement(parcel, ["heavy"] * 400, answers(300, 400), answers(340, 400))
    assert result.point == pytest.approx(0.1)
    assert result.low == pytest.approx(0.1 - 1.645 * np.sqrt(0.1 * 0.9 / 400), abs=0.006)


def test_a_worse_challenger_has_a_negative_bound(parcel: Task) -> None:
    result = improvement(parcel, ["heavy"] * 100, answers(90, 100), answers(60, 100))
    assert result.point == pytest.approx(-0.3)
    assert result.low < -0.3


def test_the_same_rows_give_the_same_bound(parcel: Task) -> None:
    truth = ["heavy", "light"] * 50
    assert improvement(parcel, truth, answers(40, 100), answers(70, 100)) == improvement(
        parcel, truth, answers(40, 100), answers(70, 100)
    )
