import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime as ort
import optuna
import pytest
from numpy.typing import NDArray

from contender.errors import InvalidInput
from contender.tasks.groups import group_ids, split_groups
from contender.tasks.job_role.estimator import JobRoleRecipe
from contender.tasks.job_role.features import STATED
from contender.tasks.job_role.task import JobRole
from contender.tasks.task import Encoder, Estimator, Recipe

TASK = JobRole()
RECIPE: Recipe = TASK.recipe()
ANSWER_TOLERANCE = 1e-5

Rows = list[dict[str, object]]


class Fitted(NamedTuple):
    encoder: Encoder
    model: Estimator

    def probabilities(self, rows: Rows) -> NDArray[np.float64]:
        return self.model.predict_proba(self.encoder.encode(rows))

    def metrics(self, rows: Rows) -> dict[str, float]:
        return RECIPE.measure(roles(rows), self.probabilities(rows), list(self.model.classes_))


class Parts(NamedTuple):
    train: Rows
    test: Rows


def roles(rows: Rows) -> list[str]:
    return [TASK.label_of(row[TASK.target]) for row in rows]


def train(rows: Rows, build: Callable[[int], Estimator]) -> Fitted:
    encoder = TASK.fit_features(rows, roles(rows))
    model = build(0)
    model.fit(encoder.encode(rows), np.array(roles(rows)))
    return Fitted(encoder, model)


def challenger(seed: int) -> Estimator:
    return RECIPE.build(RECIPE.defaults(), seed)


def session(fitted: Fitted) -> ort.InferenceSession:
    return ort.InferenceSession(RECIPE.to_onnx(fitted.model, fitted.encoder.width))


def served(fitted: Fitted, matrix: NDArray[Any]) -> NDArray[Any]:
    """What onnxruntime answers for the exported model."""
    answer: NDArray[Any] = session(fitted).run(["probabilities"], {"features": matrix})[0]
    return answer


def grouped(rows: Rows, shares: list[float]) -> list[Rows]:
    chosen = split_groups(group_ids([TASK.group_keys(row) for row in rows]), shares, 0, roles(rows))
    return [[rows[index] for index in part] for part in chosen]


@pytest.fixture(scope="module")
def parts() -> Parts:
    return Parts(*grouped(TASK.generate(5000, seed=21), [0.75, 0.25]))


@pytest.fixture(scope="module")
def model(parts: Parts) -> Fitted:
    return train(parts.train, challenger)


@pytest.fixture(scope="module")
def baseline(parts: Parts) -> Fitted:
    return train(parts.train, RECIPE.baseline)


def test_the_task_hands_out_its_recipe() -> None:
    assert isinstance(RECIPE, JobRoleRecipe)


def test_the_model_finds_the_planted_signal_and_no_more(model: Fitted, parts: Parts) -> None:
    metrics = model.metrics(parts.test)
    assert set(metrics) == {"macro_f1", "accuracy", "top3_accuracy", "log_loss"}
    assert 0.70 <= metrics["macro_f1"] <= TASK.ceiling
    assert 0.85 <= metrics["accuracy"] < metrics["top3_accuracy"]
    assert metrics["log_loss"] <= 0.50


def test_the_baseline_is_useful_and_the_model_better(model: Fitted, baseline: Fitted, parts: Parts) -> None:
    floor, metrics = baseline.metrics(parts.test), model.metrics(parts.test)
    assert floor["macro_f1"] > 0.6
    assert metrics["macro_f1"] > floor["macro_f1"]
    assert metrics["accuracy"] > floor["accuracy"] + 0.02
    assert metrics["log_loss"] < floor["log_loss"]


def test_a_model_of_few_rows_is_clearly_worse(model: Fitted, parts: Parts) -> None:
    small = train(parts.train[:500], challenger).metrics(parts.test)
    assert small["macro_f1"] < model.metrics(parts.test)["macro_f1"] - 0.1


def test_shuffled_labels_teach_nothing(parts: Parts) -> None:
    targets = np.random.default_rng(0).permutation(roles(parts.train))
    shuffled = [row | {"job_role": str(target)} for row, target in zip(parts.train, targets, strict=True)]
    assert train(shuffled, challenger).metrics(parts.test)["macro_f1"] < 0.05


@pytest.mark.parametrize("which", ["model", "baseline"])
def test_confidence_is_calibrated(which: str, parts: Parts, request: pytest.FixtureRequest) -> None:
    fitted: Fitted = request.getfixturevalue(which)
    probabilities = fitted.probabilities(parts.test)
    confidence = probabilities.max(axis=1)
    right = fitted.model.classes_[probabilities.argmax(axis=1)] == np.array(roles(parts.test))
    gaps = [abs(confidence[part].mean() - right[part].mean()) for part in np.array_split(np.argsort(confidence), 10)]
    assert np.mean(gaps) < 0.05


@pytest.mark.parametrize("which", ["model", "baseline"])
def test_the_exported_graph_answers_as_the_model_does(which: str, parts: Parts, request: pytest.FixtureRequest) -> None:
    fitted: Fitted = request.getfixturevalue(which)
    matrix = fitted.encoder.encode(parts.test)
    answers = served(fitted, matrix)
    assert answers.shape == (len(parts.test), len(fitted.model.classes_))
    assert len(parts.test) >= 1000
    assert np.abs(answers - fitted.model.predict_proba(matrix)).max() <= ANSWER_TOLERANCE
    assert answers.sum(axis=1) == pytest.approx(1.0, abs=1e-5)


def test_a_skill_beyond_the_table_says_nothing(model: Fitted, parts: Parts) -> None:
    """An encoder fitted on more rows than the estimator knows skills that the estimator never met."""
    known = model.encoder.encode(parts.test[:50])
    known[:, STATED - 1] = 0
    beyond = known.copy()
    beyond[:, STATED - 1] = 10**6
    for answer in (model.model.predict_proba, lambda matrix: served(model, matrix)):
        assert (answer(beyond) == answer(known)).all()


@pytest.mark.parametrize("which", ["model", "baseline"])
def test_the_graph_has_one_input_one_output_and_stays_small(which: str, request: pytest.FixtureRequest) -> None:
    fitted: Fitted = request.getfixturevalue(which)
    content = RECIPE.to_onnx(fitted.model, fitted.encoder.width)
    graph = onnx.load_from_string(content).graph
    assert [each.name for each in graph.input] == ["features"]
    assert [each.name for each in graph.output] == ["probabilities"]
    used = {name for node in graph.node for name in node.input}
    assert {each.name for each in graph.initializer} <= used
    assert len(content) < 1024**2


def test_training_repeats_itself(parts: Parts) -> None:
    twice = [train(parts.train[:800], challenger).probabilities(parts.test[:100]).tolist() for _ in range(2)]
    assert twice[0] == twice[1]


def test_the_search_space_holds_its_own_start() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.enqueue_trial(RECIPE.defaults())
    trial = study.ask()
    assert RECIPE.space(trial) == RECIPE.defaults()
    assert trial.distributions.keys() == RECIPE.defaults().keys()


def test_parameters_may_come_back_from_a_store_as_floats() -> None:
    stored = json.loads(json.dumps({name: float(value) for name, value in RECIPE.defaults().items()}))
    rows = TASK.generate(400, seed=2)
    assert train(rows, lambda seed: RECIPE.build(stored, seed)).metrics(rows)["macro_f1"] > 0.5


@pytest.mark.parametrize("count", [2, 3, 12])
def test_few_rows_and_roles_of_one_candidate_still_train(count: int) -> None:
    rows = [
        row | {"job_role": role}
        for row, role in zip(TASK.generate(count, seed=1), ["Actuaries", "Logisticians"] * 6, strict=False)
    ]
    for build in (challenger, RECIPE.baseline):
        fitted = train(rows, build)
        assert list(fitted.model.classes_) == ["Actuaries", "Logisticians"]
        assert np.abs(served(fitted, fitted.encoder.encode(rows)) - fitted.probabilities(rows)).max() < ANSWER_TOLERANCE


def test_one_role_cannot_be_learnt() -> None:
    rows = [row | {"job_role": "Actuaries"} for row in TASK.generate(20, seed=1)]
    with pytest.raises(InvalidInput, match="job_role: needs candidates of at least two roles"):
        train(rows, challenger)


def test_metrics_judge_the_order_of_the_roles() -> None:
    probabilities = np.array([[0.7, 0.1, 0.1, 0.1], [0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4], [0.5, 0.3, 0.2, 0.0]])
    metrics = RECIPE.measure(["a", "b", "d", "d"], probabilities, ["a", "b", "c", "d"])
    expected = {
        "macro_f1": (0.5 + 0.0 + 2 / 3) / 3,
        "accuracy": 0.5,
        "top3_accuracy": 0.75,
        "log_loss": -float(np.log([0.7, 0.3, 0.4, 1e-15]).mean()),
    }
    assert metrics == pytest.approx(expected)


def test_a_role_that_the_model_does_not_know_counts_as_an_error() -> None:
    metrics = RECIPE.measure(["a", "new"], np.array([[0.9, 0.1], [0.9, 0.1]]), ["a", "b"])
    assert metrics["accuracy"] == metrics["top3_accuracy"] == 0.5
    assert metrics["log_loss"] == pytest.approx(-(np.log(0.9) + np.log(1e-15)) / 2)


def test_the_serving_half_imports_nothing_of_training() -> None:
    heavy = "{'sklearn', 'imblearn', 'skl2onnx', 'onnx', 'pandas', 'scipy', 'optuna', 'mlflow'}"
    program = f"import sys, contender.tasks.job_role.task; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
