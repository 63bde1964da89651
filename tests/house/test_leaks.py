"""Leaks are planted and must be caught: too good a figure, and keys on both sides of a split."""

from typing import NamedTuple

import numpy as np
import pytest
from imblearn.over_sampling import RandomOverSampler
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score

from contender.tasks.groups import group_ids, leaked, split_groups
from contender.tasks.job_change.task import JobChange

TASK = JobChange()
ROW_COUNT = 4000
TEST_SHARE = 0.25
Row = dict[str, object]


class Sides(NamedTuple):
    """Row numbers on each side of a split."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]


def random_split(count: int) -> Sides:
    order = np.random.default_rng(5).permutation(count)
    return Sides(order[int(count * TEST_SHARE) :], order[: int(count * TEST_SHARE)])


def grouped_split(rows: list[Row]) -> Sides:
    ids = group_ids([TASK.group_keys(row) for row in rows])
    return Sides(*split_groups(ids, [1 - TEST_SHARE, TEST_SHARE], seed=5, labels=labels_of(rows)))


def labels_of(rows: list[Row]) -> list[str]:
    return [TASK.label_of(row[TASK.target]) for row in rows]


def oversampled(rows: list[Row]) -> list[Row]:
    """The rows with those of the rarer class repeated until both classes are equally many."""
    numbers = np.arange(len(rows)).reshape(-1, 1)
    chosen, _ = RandomOverSampler(random_state=5).fit_resample(numbers, labels_of(rows))
    return [rows[number] for number in chosen[:, 0]]


def straddling(rows: list[Row], sides: Sides) -> set[str]:
    train, test = ([TASK.group_keys(rows[index]) for index in side] for side in sides)
    return leaked(train, test)


def measured(train: list[Row], test: list[Row]) -> float:
    """The ROC-AUC of a forest that remembers rows, which is what makes a leak visible."""
    encoder = TASK.fit_features(train, labels_of(train))
    forest = RandomForestClassifier(60, min_samples_leaf=2, random_state=5, n_jobs=1)
    forest.fit(encoder.encode(train), labels_of(train))
    looking = list(forest.classes_).index("looking")
    truth = [label == "looking" for label in labels_of(test)]
    return float(roc_auc_score(truth, forest.predict_proba(encoder.encode(test))[:, looking]))


def chosen(rows: list[Row], side: NDArray[np.int64]) -> list[Row]:
    return [rows[index] for index in side]


@pytest.fixture(scope="module")
def people() -> list[Row]:
    return TASK.generate(ROW_COUNT, seed=31)


@pytest.fixture(scope="module")
def with_copies(people: list[Row]) -> list[Row]:
    """Half of the people a second time, under another id."""
    copies = [row | {TASK.id_column: ROW_COUNT + number} for number, row in enumerate(people[: ROW_COUNT // 2], 1)]
    return people + copies


def test_oversampling_before_the_split_is_caught(people: list[Row]) -> None:
    rows = oversampled(people)
    sides = random_split(len(rows))
    assert measured(chosen(rows, sides.train), chosen(rows, sides.test)) > TASK.ceiling
    assert straddling(rows, sides)


def test_oversampling_inside_the_training_rows_is_honest(people: list[Row]) -> None:
    sides = grouped_split(people)
    assert measured(oversampled(chosen(people, sides.train)), chosen(people, sides.test)) < TASK.ceiling
    assert not straddling(people, sides)


def test_copies_that_straddle_a_random_split_are_caught(with_copies: list[Row]) -> None:
    sides = random_split(len(with_copies))
    assert measured(chosen(with_copies, sides.train), chosen(with_copies, sides.test)) > TASK.ceiling
    assert straddling(with_copies, sides)


def test_copies_stay_together_in_a_grouped_split(with_copies: list[Row]) -> None:
    sides = grouped_split(with_copies)
    assert measured(chosen(with_copies, sides.train), chosen(with_copies, sides.test)) < TASK.ceiling
    assert not straddling(with_copies, sides)
    assert len(sides.test) == pytest.approx(TEST_SHARE * len(with_copies), abs=5)
