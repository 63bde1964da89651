from __future__ import annotations

import numpy as np
import pytest

from contender.tasks.task import Task
from pipelines.steps.bootstrap import resamples
from pipelines.steps.evaluate import Answers, Improvement, Measured, improvement

CLASSES = ("heavy", "light")


def answers(right: int, count: int) -> Answers:
    """The first `right` of `count` heavy parcels answered well."""
    heavy = np.where(np.arange(count) < right, 0.9, 0.1)
    return Answers(np.column_stack([heavy, 1.0 - heavy]), CLASSES)


def compared(task: Task, truth: list[str], champion: Answers, challenger: Answers) -> Improvement:
    draws = resamples(truth, np.arange(len(truth)))
    return improvement(task.metric, *(Measured.of(task, truth, one, draws) for one in (champion, challenger)))


def test_equal_models_differ_by_nothing(parcel: Task) -> None:
    result = compared(parcel, ["heavy"] * 50, answers(30, 50), answers(30, 50))
    assert (result.point, result.low) == (0.0, 0.0)


def test_the_bound_is_where_the_normal_approximation_puts_it(parcel: Task) -> None:
    # 40 of 400 rows differ, all for the better: the difference is a mean of indicators with p = 0.1.
    result = compared(parcel, ["heavy"] * 400, answers(300, 400), answers(340, 400))
    assert result.point == pytest.approx(0.1)
    assert result.low == pytest.approx(0.1 - 1.645 * np.sqrt(0.1 * 0.9 / 400), abs=0.006)


def test_a_worse_challenger_has_a_negative_bound(parcel: Task) -> None:
    result = compared(parcel, ["heavy"] * 100, answers(90, 100), answers(60, 100))
    assert result.point == pytest.approx(-0.3)
    assert result.low < -0.3


def test_the_same_rows_give_the_same_bound(parcel: Task) -> None:
    truth = ["heavy", "light"] * 50
    first, second = (compared(parcel, truth, answers(40, 100), answers(70, 100)) for _ in range(2))
    assert first == second


def test_an_interval_is_as_wide_as_the_binomial_says(parcel: Task) -> None:
    truth = ["heavy"] * 400
    measured = Measured.of(parcel, truth, answers(300, 400), resamples(truth, np.arange(400), 1_000))
    low, high = measured.intervals()["accuracy"]
    assert (low + high) / 2 == pytest.approx(0.75)
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(0.75 * 0.25 / 400), rel=0.1)


def test_a_rare_class_is_in_every_draw_as_often_as_in_the_rows() -> None:
    labels = ["common"] * 99 + ["rare"]
    assert all(np.count_nonzero(draw == 99) == 1 for draw in resamples(labels, np.arange(100)))


def test_duplicates_are_drawn_together_and_widen_the_interval(parcel: Task) -> None:
    truth = ["heavy"] * 400
    single, doubled = np.arange(400), np.arange(400) // 4
    narrow, wide = (
        Measured.of(parcel, truth, answers(300, 400), resamples(truth, groups, 1_000)).intervals()["accuracy"]
        for groups in (single, doubled)
    )
    assert (wide[1] - wide[0]) / (narrow[1] - narrow[0]) == pytest.approx(2.0, rel=0.1)
    for draw in resamples(truth, doubled, 5):
        times = np.bincount(draw, minlength=400).reshape(100, 4)
        assert np.array_equal(times.min(axis=1), times.max(axis=1))
