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
from contender.tasks.job_change.estimator import JobChangeRecipe
from contender.tasks.job_change.task import JobChange
from contender.tasks.task import Encoder, Estimator, Recipe

TASK = JobChange()
RECIPE: Recipe = TASK.recipe()
ANSWER_TOLERANCE = 1e-5


class Fitted(NamedTuple):
    encoder: Encoder
    model: Estimator

    def metrics(self, rows: list[dict[str, object]]) -> dict[str, float]:
        probabilities = self.model.predict_proba(self.encoder.encode(rows))
        truth = [TASK.label_of(row[TASK.target]) for row in rows]
        return RECIPE.measure(truth, probabilities, list(self.model.classes_))


class Parts(NamedTuple):
    train: list[dict[str, object]]
    test: list[dict[str, object]]


def train(rows: list[dict[str, object]], build: Callable[[int], Estimator]) -> Fitted:
    labels = [TASK.label_of(row[TASK.target]) for row in rows]
    encoder = TASK.fit_features(rows, labels)
    model = build(0)
    model.fit(encoder.encode(rows), np.array(labels))
    return Fitted(encoder, model)


def challenger(seed: int) -> Estimator:
    return RECIPE.build(RECIPE.defaults(), seed)


def served(fitted: Fitted, matrix: NDArray[Any]) -> NDArray[Any]:
    """What onnxruntime answers for the exported model."""
    session = ort.InferenceSession(RECIPE.to_onnx(fitted.model, fitted.encoder.width))
    answer: NDArray[Any] = session.run(["probabilities"], {"features": matrix})[0]
    return answer


@pytest.fixture(scope="module")
def parts() -> Parts:
    rows = TASK.generate(9000, seed=21)
    chosen = split_groups(group_ids([TASK.group_keys(row) for row in rows]), [2 / 3, 1 / 3], seed=0)
    train_rows, test_rows = ([rows[index] for index in part] for part in chosen)
    return Parts(train_rows, test_rows)


@pytest.fixture(scope="module")
def model(parts: Parts) -> Fitted:
    return train(parts.train, challenger)


@pytest.fixture(scope="module")
def baseline(parts: Parts) -> Fitted:
    return train(parts.train, RECIPE.baseline)


def test_the_task_hands_out_its_recipe() -> None:
    assert isinstance(RECIPE, JobChangeRecipe)


def test_the_model_finds_the_planted_signal_and_no_more(model: Fitted, parts: Parts) -> None:
    metrics = model.metrics(parts.test)
    assert set(metrics) == {"roc_auc", "average_precision", "brier", "log_loss"}
    assert 0.78 <= metrics["roc_auc"] <= TASK.ceiling
    assert metrics["average_precision"] >= 0.50
    assert metrics["brier"] <= 0.155
    assert metrics["log_loss"] <= 0.48


def test_the_baseline_is_useful_and_the_model_better(model: Fitted, baseline: Fitted, parts: Parts) -> None:
    floor, metrics = baseline.metrics(parts.test), model.metrics(parts.test)
    assert floor["roc_auc"] > 0.76
    assert metrics["brier"] < floor["brier"]
    assert metrics["log_loss"] < floor["log_loss"]


def test_a_model_of_few_rows_is_clearly_worse(model: Fitted, parts: Parts) -> None:
    small = train(parts.train[:200], challenger).metrics(parts.test)
    assert small["brier"] > model.metrics(parts.test)["brier"] + 0.01


def test_probabilities_are_calibrated(model: Fitted, parts: Parts) -> None:
    looking = list(model.model.classes_).index("looking")
    scores = model.model.predict_proba(model.encoder.encode(parts.test))[:, looking]
    truth = np.array([row[TASK.target] for row in parts.test], dtype=float)
    for fifth in np.array_split(np.argsort(scores), 5):
        assert scores[fifth].mean() == pytest.approx(truth[fifth].mean(), abs=0.06)


@pytest.mark.parametrize("which", ["model", "baseline"])
def test_the_exported_graph_answers_as_the_model_does(which: str, parts: Parts, request: pytest.FixtureRequest) -> None:
    fitted: Fitted = request.getfixturevalue(which)
    matrix = fitted.encoder.encode(parts.test)
    answers = served(fitted, matrix)
    assert answers.shape == (len(parts.test), 2)
    assert len(parts.test) >= 1000
    assert np.abs(answers - fitted.model.predict_proba(matrix)).max() <= ANSWER_TOLERANCE


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
    matrix = np.array([])
    answers = []
    for _ in range(2):
        fitted = train(parts.train[:1500], challenger)
        matrix = fitted.encoder.encode(parts.test[:100])
        answers.append(fitted.model.predict_proba(matrix).tolist())
    assert answers[0] == answers[1]


def test_the_search_space_holds_its_own_start() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.enqueue_trial(RECIPE.defaults())
    trial = study.ask()
    assert RECIPE.space(trial) == RECIPE.defaults()
    assert trial.distributions.keys() == RECIPE.defaults().keys()


def test_parameters_may_come_back_from_a_store_as_floats() -> None:
    stored = json.loads(json.dumps({name: float(value) for name, value in RECIPE.defaults().items()}))
    rows = TASK.generate(300, seed=2)
    assert train(rows, lambda seed: RECIPE.build(stored, seed)).metrics(rows)["roc_auc"] > 0.5


@pytest.mark.parametrize("truth", [[], ["looking"], ["not_looking", "not_looking"]])
def test_one_class_cannot_be_measured(truth: list[str]) -> None:
    with pytest.raises(InvalidInput, match="target: needs rows of both classes"):
        RECIPE.measure(truth, np.full((len(truth), 2), 0.5), ["looking", "not_looking"])


@pytest.mark.parametrize("classes", [["looking", "not_looking"], ["not_looking", "looking"]])
def test_metrics_judge_the_chance_of_looking(classes: list[str]) -> None:
    columns = {"looking": [0.9, 0.2, 0.6], "not_looking": [0.1, 0.8, 0.4]}
    probabilities = np.array([columns[name] for name in classes]).T
    metrics = RECIPE.measure(["looking", "not_looking", "not_looking"], probabilities, classes)
    expected = {
        "roc_auc": 1.0,
        "average_precision": 1.0,
        "brier": (0.1**2 + 0.2**2 + 0.6**2) / 3,
        "log_loss": -float(np.log([0.9, 0.8, 0.4]).mean()),
    }
    assert metrics == pytest.approx(expected)


def test_the_serving_half_imports_nothing_of_training() -> None:
    heavy = "{'sklearn', 'imblearn', 'skl2onnx', 'onnx', 'pandas', 'scipy', 'optuna', 'mlflow'}"
    program = f"import sys, contender.tasks.job_change.task; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
