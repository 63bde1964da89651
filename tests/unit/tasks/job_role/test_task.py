import numpy as np
import pytest

from contender.errors import InvalidInput
from contender.tasks.job_role.schema import COLUMNS, ROLES
from contender.tasks.job_role.task import RANKED, JobRole
from contender.tasks.task import Task
from contender.values import REVIEW_LABEL, Prediction

TASK: Task = JobRole()


def answer(label: str, confidence: float = 0.9) -> Prediction:
    return Prediction(label, confidence, confidence)


def test_it_is_what_the_data_is_about() -> None:
    assert (TASK.name, TASK.kind, TASK.id_column, TASK.target) == ("job-role", "label", "candidate_id", "job_role")
    assert (TASK.metric.name, TASK.metric.greater_is_better, TASK.ceiling) == ("macro_f1", True, 0.90)
    assert (TASK.policy.deadline_ms, TASK.policy.label) == (150, REVIEW_LABEL)
    assert TASK.features_version == 1


def test_protected_attributes_are_no_features() -> None:
    assert TASK.protected
    assert not set(TASK.protected) & set(COLUMNS)


@pytest.mark.parametrize("role", ROLES[::9])
def test_a_known_role_is_its_own_label(role: str) -> None:
    assert TASK.label_of(role) == role


@pytest.mark.parametrize("value", ["", "actuaries", "Plumbers", REVIEW_LABEL, None, 3, ["Actuaries"], float("nan")])
def test_another_outcome_is_refused_by_name(value: object) -> None:
    with pytest.raises(InvalidInput, match="job_role: must be one of the 45 known roles"):
        TASK.label_of(value)


def test_the_most_probable_role_is_the_answer() -> None:
    probabilities = np.array([[0.1, 0.2, 0.0, 0.4, 0.05, 0.25], [0.3, 0.3, 0.3, 0.1, 0.0, 0.0]])
    first, tie = TASK.decide(probabilities, list("abcdef"))
    assert (first.label, first.confidence, first.score) == ("d", 0.4, 0.4)
    assert first.ranking == (("d", 0.4), ("f", 0.25), ("b", 0.2), ("a", 0.1), ("e", 0.05))
    assert len(first.ranking) == RANKED
    assert tie.label == "a"


def test_few_roles_give_a_short_ranking_and_no_rows_no_answers() -> None:
    (prediction,) = TASK.decide(np.array([[0.25, 0.75]], dtype=np.float32), ["a", "b"])
    assert prediction.ranking == (("b", 0.75), ("a", 0.25))
    assert type(prediction.confidence) is float
    assert TASK.decide(np.zeros((0, 2)), ["a", "b"]) == []


def test_the_right_role_earns_one_and_another_nothing() -> None:
    assert TASK.reward(answer("Actuaries"), "Actuaries") == 1.0
    assert TASK.reward(answer("Actuaries"), "Statisticians") == 0.0


@pytest.mark.parametrize("chance", [0.0, 0.2, 0.44, 0.46, 0.6, 1.0])
def test_the_policy_reviews_exactly_when_a_review_earns_more(chance: float) -> None:
    """Chow's rule for a calibrated confidence: it is the expected reward of answering."""
    review = TASK.reward(answer(REVIEW_LABEL), "Actuaries")
    assert (review > chance) == (chance < TASK.policy.min_confidence)


def test_the_reward_of_an_unknown_outcome_is_refused() -> None:
    with pytest.raises(InvalidInput):
        TASK.reward(answer(REVIEW_LABEL), "perhaps")


def test_copies_and_the_same_person_share_a_key(row: dict[str, object]) -> None:
    person = {"candidate_id": "C1", "job_role": ROLES[0], **row}
    copy = person | {"candidate_id": "C2", "job_role": ROLES[1], "skills": "c++; sql; PYTHON; python; apache spark"}
    later = person | {"qualification": None}
    stranger = later | {"candidate_id": "C3"}
    keys = [set(TASK.group_keys(each)) for each in (person, copy, later, stranger)]
    assert keys[0] & keys[1]
    assert keys[0] & keys[2]
    assert not keys[0] & keys[3]


def test_features_are_fitted_and_loaded(row: dict[str, object]) -> None:
    encoder = TASK.fit_features([row] * 2, ["Actuaries"] * 2)
    again = TASK.load_features(encoder.to_document())
    assert again.encode([row]).tolist() == encoder.encode([row]).tolist()
    assert again.encode([row]).shape == (1, encoder.width)


def test_rows_can_be_generated() -> None:
    assert len(TASK.generate(3, seed=0)) == 3
