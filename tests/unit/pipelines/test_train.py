from __future__ import annotations

import pytest

from contender.errors import InvalidInput
from contender.tasks.task import Task
from pipelines.params import TrainingParams
from pipelines.steps.train import estimator_family, fit, lesson_of


def test_all_rows_are_learnt_from_unless_limited(parcel: Task) -> None:
    rows = parcel.generate(100, 1)
    assert len(lesson_of(parcel, rows, TrainingParams()).rows) == 100
    assert len(lesson_of(parcel, rows, TrainingParams(train_rows=30)).rows) == 30
    assert len(lesson_of(parcel, rows, TrainingParams(train_rows=500)).rows) == 100


def test_labels_belong_to_their_rows(parcel: Task) -> None:
    lesson = lesson_of(parcel, parcel.generate(100, 1), TrainingParams())
    assert lesson.labels == [parcel.label_of(row["heavy"]) for row in lesson.rows]


@pytest.mark.parametrize(("noise", "most"), [(0.2, 20), (1.0, 100)])
def test_label_noise_shuffles_that_share_and_keeps_the_classes_counts(parcel: Task, noise: float, most: int) -> None:
    rows = parcel.generate(100, 1)
    clean, noisy = (lesson_of(parcel, rows, TrainingParams(label_noise=share)) for share in (0.0, noise))
    wrong = sum(a != b for a, b in zip(clean.labels, noisy.labels, strict=True))
    assert 0 < wrong <= most
    assert sorted(clean.labels) == sorted(noisy.labels)


def test_one_class_is_nothing_to_learn(parcel: Task) -> None:
    rows = [row for row in parcel.generate(50, 1) if row["heavy"] == 1]
    with pytest.raises(InvalidInput, match="fewer than two classes"):
        lesson_of(parcel, rows, TrainingParams())


def test_the_family_names_the_kind_of_estimator_not_its_values(parcel: Task) -> None:
    training = TrainingParams()
    lesson = lesson_of(parcel, parcel.generate(50, 1), training)
    family = {
        threshold: estimator_family(
            training, fit(parcel, lesson, training, {"threshold": threshold}), {"threshold": threshold}
        )
        for threshold in (1.0, 2.0)
    }
    assert family[1.0] == family[2.0]
    baseline = TrainingParams(recipe="baseline")
    assert estimator_family(baseline, fit(parcel, lesson, baseline, {}), {}) not in family.values()
