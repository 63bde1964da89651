from typing import Any

import numpy as np
import pytest

from contender.errors import InvalidInput
from contender.tasks.job_change.task import JobChange
from contender.tasks.task import Task
from contender.values import REVIEW_LABEL, Prediction

TASK: Task = JobChange()


def answer(score: float, label: str = "looking") -> Prediction:
    return Prediction(label, max(score, 1 - score), score)


def test_it_is_what_the_data_is_about() -> None:
    assert (TASK.name, TASK.kind, TASK.id_column, TASK.target) == ("job-change", "label", "enrollee_id", "target")
    assert TASK.protected == ("gender",)
    assert (TASK.metric.name, TASK.metric.greater_is_better, TASK.ceiling) == ("roc_auc", True, 0.83)
    assert (TASK.policy.deadline_ms, TASK.policy.min_confidence, TASK.policy.label) == (150, 0.6, REVIEW_LABEL)
    assert TASK.features_version == 1


@pytest.mark.parametrize("value", [1, 1.0, "1", "1.0", "looking", np.int64(1), np.float64(1)])
def test_one_is_looking(value: object) -> None:
    assert TASK.label_of(value) == "looking"


@pytest.mark.parametrize("value", [0, 0.0, "0", "0.0", "not_looking"])
def test_nought_is_not_looking(value: object) -> None:
    assert TASK.label_of(value) == "not_looking"


@pytest.mark.parametrize("value", [2, 0.5, "", "yes", None, True, False, float("nan"), [1]])
def test_another_outcome_is_refused_by_name(value: object) -> None:
    with pytest.raises(InvalidInput, match="target: must be 0 or 1"):
        TASK.label_of(value)


@pytest.mark.parametrize("classes", [("looking", "not_looking"), ("not_looking", "looking")])
def test_the_more_probable_class_is_the_answer(classes: tuple[str, str]) -> None:
    looking = np.array([0.8, 0.3, 0.5])
    columns = {"looking": looking, "not_looking": 1.0 - looking}
    predictions = TASK.decide(np.column_stack([columns[name] for name in classes]), classes)
    assert [prediction.label for prediction in predictions] == ["looking", "not_looking", "not_looking"]
    assert [prediction.confidence for prediction in predictions] == pytest.approx([0.8, 0.7, 0.5])
    assert [prediction.score for prediction in predictions] == [0.8, 0.3, 0.5]
    assert predictions[1].ranking == (("not_looking", 0.7), ("looking", 0.3))


def test_an_answer_is_made_of_plain_numbers() -> None:
    (prediction,) = TASK.decide(np.array([[0.25, 0.75]], dtype=np.float32), ("looking", "not_looking"))
    assert type(prediction.score) is float
    assert type(prediction.confidence) is float


@pytest.mark.parametrize(
    ("score", "outcome", "reward"),
    [(1.0, 1, 1.0), (0.0, 1, 0.0), (0.0, "0", 1.0), (0.7, 1, 0.91), (0.7, "not_looking", 0.51), (0.5, 1, 0.75)],
)
def test_the_reward_is_one_minus_the_squared_error(score: float, outcome: Any, reward: float) -> None:
    assert TASK.reward(answer(score), outcome) == pytest.approx(reward)


@pytest.mark.parametrize("truth", [0.05, 0.3, 0.5, 0.82])
def test_the_true_probability_earns_most(truth: float) -> None:
    def expected(score: float) -> float:
        return truth * TASK.reward(answer(score), 1) + (1 - truth) * TASK.reward(answer(score), 0)

    others = [score / 100 for score in range(101) if score / 100 != truth]
    assert all(expected(truth) > expected(score) for score in others)


@pytest.mark.parametrize("outcome", [0, 1])
def test_a_review_earns_what_the_uninformed_answer_earns(outcome: int) -> None:
    assert TASK.reward(answer(0.99, REVIEW_LABEL), outcome) == 0.75 == TASK.reward(answer(0.5), outcome)


def test_the_reward_of_an_unknown_outcome_is_refused() -> None:
    with pytest.raises(InvalidInput):
        TASK.reward(answer(0.5, REVIEW_LABEL), "perhaps")


def test_copies_and_the_same_person_share_a_key(row: dict[str, object]) -> None:
    person = {"enrollee_id": 7, "target": 1, **row}
    copy = person | {"enrollee_id": 8, "target": 0}
    later = person | {"training_hours": 99}
    stranger = later | {"enrollee_id": 9}
    keys = [set(TASK.group_keys(each)) for each in (person, copy, later, stranger)]
    assert keys[0] & keys[1]
    assert keys[0] & keys[2]
    assert not keys[0] & keys[3]


def test_features_are_fitted_and_loaded(row: dict[str, object]) -> None:
    encoder = TASK.fit_features([row] * 50, ["looking"] * 50)
    again = TASK.load_features(encoder.to_document())
    assert again.encode([row]).tolist() == encoder.encode([row]).tolist()
    assert again.encode([row]).shape == (1, encoder.width)


def test_rows_can_be_generated() -> None:
    assert len(TASK.generate(3, seed=0)) == 3
