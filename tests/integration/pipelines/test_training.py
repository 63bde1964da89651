"""The whole training pipeline on a little synthetic data: one run through kfp's local runner that most tests share.

What needs no runner calls the steps in this process, on what that run left behind.
"""

from __future__ import annotations

import csv
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from contender.adapters.registry_mlflow import MlflowRegistry
from contender.artifact import FEATURES, GOLDEN, GOLDEN_TOLERANCE, MANIFEST, digest
from contender.errors import Refused
from contender.tasks.job_change.task import JobChange
from contender.tasks.lineage import schema_digest
from contender.values import CHAMPION
from pipelines.local import RunResult, run_training
from pipelines.params import DataParams, GateParams, RegistryParams, RunParams, TrainingParams
from pipelines.steps.bootstrap import HIGH, LOW
from pipelines.steps.evaluate import answers_of, evaluate, measure, score_file
from pipelines.steps.export import UNREGISTERED
from pipelines.steps.files import read_rows
from pipelines.steps.gate import gate
from pipelines.steps.progress import Progress
from pipelines.steps.refit import refit
from pipelines.steps.register import Candidate, register
from pipelines.steps.scoring import load
from pipelines.steps.split import split
from pipelines.steps.train import ARTIFACT, train

# MLflow 3.17 uses a loader strategy that SQLAlchemy 2.1 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")

TASK = "job-change"
PLAIN = TrainingParams(trials=0)


class Story(NamedTuple):
    """A run that made a champion, and a registry into which more is registered."""

    folder: Path
    params: RegistryParams
    run: RunResult
    events: list[tuple[float, Progress]]
    registry: MlflowRegistry

    @property
    def outputs(self) -> Path:
        """The folder of all that the run's steps wrote."""
        return self.run.parts.parents[1]


class Later(NamedTuple):
    """A later training on the same rows: its folders, its judged metrics by model, and its version's number."""

    made: Candidate
    metrics: Mapping[str, Mapping[str, float]]
    registered: Mapping[str, Any]


def train_again(story: Story, folder: Path, training: TrainingParams, gate_params: GateParams) -> Later:
    """What the graph does after the split, step by step, with the baseline of the first run."""
    made = Candidate(
        model=folder / "model",
        served=folder / "served",
        baseline=story.outputs / "train-2" / "model",
        evaluation=folder / "evaluation",
        decision=folder / "decision.json",
    )
    train(TASK, story.run.parts, training, story.params, made.model)
    report = evaluate(TASK, story.run.parts, made.model, made.baseline, story.params, made.evaluation)
    gate(TASK, made.evaluation, gate_params, made.decision)
    refit(TASK, story.run.parts, made.model, made.decision, training, made.served)
    return Later(made, report["metrics"], register(TASK, made, story.params, "", folder / "registration.json"))


def judged_metrics(registered: Mapping[str, float]) -> dict[str, float]:
    """The metrics without the bounds that are registered beside them."""
    return {name: value for name, value in registered.items() if not name.endswith((LOW, HIGH))}


def write_csv(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    with path.open("w", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return path


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("home")
    registry = RegistryParams(tracking_uri=f"sqlite:///{folder}/mlflow.db", artifact_root=str(folder / "files"))
    events: list[tuple[float, Progress]] = []
    params = RunParams(
        task=TASK,
        data=DataParams(rows=600, live_share=0.2),
        training=TrainingParams(trials=2, folds=2),
        registry=registry,
    )
    run = run_training(params, folder / "runs", lambda event: events.append((time.monotonic(), event)))
    return Story(folder, registry, run, events, MlflowRegistry(registry.tracking_uri))


@pytest.fixture(scope="module")
def later(story: Story, tmp_path_factory: pytest.TempPathFactory) -> Later:
    """A challenger that learnt from few people."""
    few = TrainingParams(trials=0, train_rows=150)
    return train_again(story, tmp_path_factory.mktemp("later"), few, GateParams(margin=0.5))


def test_the_first_run_makes_a_champion_and_a_baseline_and_the_next_a_challenger(story: Story, later: Later) -> None:
    assert (story.run.alias, story.run.version, story.run.semver, story.run.baseline) == ("champion", "2", "1.0.0", "1")
    assert later.registered == {"alias": "challenger", "version": "3", "semver": "1.0.1", "baseline": None}
    assert story.registry.aliases(TASK) == {"baseline": "1", "champion": "2", "challenger": "3"}
    assert [one.semver for one in story.registry.versions(TASK)] == ["1.0.0+baseline", "1.0.0", "1.0.1"]


def test_a_version_carries_its_lineage(story: Story, later: Later) -> None:
    tags = story.registry.version(TASK, "champion").tags
    assert tags["schema_digest"] == schema_digest(JobChange())
    assert tags["validation_status"] == tags["gate"] == "passed"
    assert (tags["synthetic"], tags["features_version"]) == ("true", "1")
    assert len(tags["data_digest"]) == len(tags["test_digest"]) == 64
    assert tags["git_sha"]
    assert tags["kfp_run_id"]
    other = story.registry.version(TASK, "challenger").tags
    assert (tags["data_digest"], tags["test_digest"]) == (other["data_digest"], other["test_digest"])


def test_a_version_says_how_many_rows_it_learnt_from(story: Story, later: Later) -> None:
    rows = story.run.rows
    expected = {
        "baseline": ("false", rows["train"], rows["train"]),
        "champion": ("true", rows["train"], rows["train"] + rows["test"]),
        "challenger": ("false", 150, 150),
    }
    for alias, (refitted, judged, served) in expected.items():
        tags = story.registry.version(TASK, alias).tags
        assert (tags["refit"], int(tags["train_rows"]), int(tags["served_rows"])) == (refitted, judged, served)
        assert int(tags["test_rows"]) == rows["test"]
    assert story.run.refit is True


@pytest.mark.parametrize("alias", ["baseline", "champion", "challenger"])
def test_the_serving_artifact_verifies_and_answers_its_golden_requests(story: Story, later: Later, alias: str) -> None:
    version = story.registry.version(TASK, alias)
    folder = Path(version.artifact)
    assert digest((folder / MANIFEST).read_bytes()) == version.digest
    scorer = load(JobChange(), folder)
    assert scorer.manifest.version == version.version
    golden: dict[str, Any] = json.loads((folder / GOLDEN).read_bytes())
    answered = JobChange().decide(scorer.probabilities(golden["requests"]), scorer.manifest.classes)
    assert len(answered) == 20
    assert [one.label for one in answered] == [one["label"] for one in golden["answers"]]
    expected = [one["score"] for one in golden["answers"]]
    np.testing.assert_allclose([one.score for one in answered], expected, atol=GOLDEN_TOLERANCE, rtol=0)


def test_both_models_are_measured_on_the_same_untouched_rows(story: Story, later: Later) -> None:
    assert later.metrics["champion"] == story.run.metrics["challenger"]
    assert set(story.run.metrics["challenger"]) == {"roc_auc", "average_precision", "brier", "log_loss"}
    registered = dict(story.registry.version(TASK, "champion").metrics)
    assert judged_metrics(registered) == story.run.metrics["challenger"]
    for name, value in story.run.metrics["challenger"].items():
        assert registered[name + LOW] < value < registered[name + HIGH]


def test_what_is_served_learnt_from_the_test_rows_too_and_what_was_judged_did_not(story: Story, tmp_path: Path) -> None:
    version = story.registry.version(TASK, "2")
    judged = load(JobChange(), story.registry.fetch_evaluated(version, tmp_path))
    served = load(JobChange(), story.registry.fetch(version, tmp_path))
    test = read_rows(story.run.parts / "test.jsonl")
    truth = [JobChange().label_of(row["target"]) for row in test]
    assert measure(JobChange(), truth, answers_of(judged, test)) == judged_metrics(version.metrics)
    assert measure(JobChange(), truth, answers_of(served, test))["roc_auc"] > version.metrics["roc_auc"]
    assert (judged.manifest.version, served.manifest.version) == (UNREGISTERED, "2")


def test_the_same_run_fits_the_same_model_again_and_never_reads_live_rows(story: Story, tmp_path: Path) -> None:
    parts, decision = tmp_path / "parts", story.outputs / "gate" / "decision"
    parts.mkdir()
    for name in ("train.jsonl", "test.jsonl"):
        shutil.copy(story.run.parts / name, parts)
    refit(TASK, parts, story.outputs / "train" / "model", decision, PLAIN, tmp_path / "served")
    again, first = tmp_path / "served" / ARTIFACT, Path(story.registry.version(TASK, "2").artifact)
    for name in (FEATURES, GOLDEN):
        assert (again / name).read_bytes() == (first / name).read_bytes()
    live = read_rows(story.run.parts / "live.jsonl")
    said, said_first = (load(JobChange(), folder).probabilities(live) for folder in (again, first))
    np.testing.assert_array_equal(said, said_first)


def judged_again(story: Story, later: Later, folder: Path, data: DataParams) -> dict[str, Any]:
    """The champion's own model, evaluated against the champion on rows that were divided in another way."""
    split(TASK, story.outputs / "validate" / "checked", data, folder / "parts")
    models = (story.outputs / "train" / "model", later.made.baseline)
    return evaluate(TASK, folder / "parts", *models, story.params, folder / "evaluation")


def test_a_later_challenger_meets_the_champion_as_it_was_judged(story: Story, later: Later, tmp_path: Path) -> None:
    """Not the refitted one, which would recognise the test rows of its own split; and whatever the seed."""
    other = judged_again(story, later, tmp_path, DataParams(seed=1, live_share=0.2))
    assert other["metrics"][CHAMPION] == other["metrics"]["challenger"] == story.run.metrics["challenger"]
    assert (other["improvement"]["point"], other["improvement"]["low"]) == (0.0, 0.0)
    assert (other["rows"], other["set_aside"], other["incomparable"]) == (story.run.rows["test"], 0, "")


def test_people_whom_the_champion_has_learnt_from_are_set_aside(story: Story, later: Later, tmp_path: Path) -> None:
    other = judged_again(story, later, tmp_path, DataParams(test_share=0.3))
    assert other["rows"] == story.run.rows["test"]
    assert other["set_aside"] == len(read_rows(tmp_path / "parts" / "test.jsonl")) - other["rows"] > 0
    assert other["metrics"][CHAMPION] == pytest.approx(story.run.metrics["challenger"])


def test_a_champion_that_knows_most_of_the_people_held_out_is_not_compared(
    story: Story, later: Later, tmp_path: Path
) -> None:
    other = judged_again(story, later, tmp_path, DataParams(test_share=0.6))
    assert CHAMPION not in other["metrics"]
    assert "version 2 has learnt from" in other["incomparable"]
    assert (other["improvement"], other["set_aside"]) == (None, 0)


def test_people_are_kept_back_for_live_traffic(story: Story) -> None:
    live = read_rows(story.run.parts / "live.jsonl")
    assert len(live) == story.run.rows["live"] == pytest.approx(120, abs=40)
    assert sum(story.run.rows.values()) == 600


def test_progress_arrives_while_the_run_goes_on(story: Story) -> None:
    steps = ["ingest", "validate", "split", "train", "train-baseline", "evaluate", "gate", "refit", "register"]
    assert sorted(story.run.steps) == sorted(steps)
    assert list(story.run.steps)[-3:] == ["gate", "refit", "register"]
    trials = [event.detail["trial"] for _, event in story.events if "trial" in event.detail]
    assert trials == [1, 2]
    (trained,) = (at for at, event in story.events if (event.step, event.state) == ("train", "finished"))
    assert story.events[-1][0] - trained > 1.0


def test_mlflow_knows_trials_plots_and_the_model(story: Story, tmp_path: Path) -> None:
    import mlflow.onnx
    from mlflow import MlflowClient

    client: Any = MlflowClient(story.registry.tracking_uri)
    run_id = story.registry.version(TASK, "champion").tags["mlflow_run_id"]
    experiment = client.get_experiment_by_name(TASK).experiment_id
    nested = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{run_id}'")
    assert len(nested) == 2
    assert all("roc_auc" in run.data.metrics and run.data.params for run in nested)
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["roc_auc"] == story.run.metrics["challenger"]["roc_auc"]
    plots = {Path(item.path).name for item in client.list_artifacts(run_id, "plots")}
    assert plots == {"calibration.png", "precision_recall.png", "roc.png"}
    model = mlflow.models.Model.load(client.get_model_version(TASK, "2").source)
    assert [one.name for one in model.signature.inputs] == ["features"]
    assert set(model.flavors) == {"onnx"}
    assert model.load_input_example(client.get_model_version(TASK, "2").source) is not None


def test_a_labelled_file_is_scored_as_the_test_rows_were(story: Story, tmp_path: Path) -> None:
    test = write_csv(tmp_path / "test.csv", read_rows(story.run.parts / "test.jsonl"))
    judged = story.registry.fetch_evaluated(story.registry.version(TASK, "champion"), tmp_path)
    scored = score_file(JobChange(), test, judged)
    assert scored == pytest.approx(story.run.metrics["challenger"])


def test_a_leak_is_refused_and_nothing_is_fitted_again_or_registered(story: Story, tmp_path: Path) -> None:
    rows = [{**row, "training_hours": 10 + 100 * int(str(row["target"]))} for row in JobChange().generate(600, 1)]
    leaky = DataParams(file=str(write_csv(tmp_path / "leaky.csv", rows)))
    before = story.registry.aliases(TASK)
    params = RunParams(task=TASK, data=leaky, training=PLAIN, registry=story.params)
    refused = run_training(params, story.folder / "runs", lambda event: None)
    assert (refused.version, refused.gate["outcome"], refused.synthetic) == (None, "refused", False)
    assert "leak alarm" in refused.gate["reason"]
    assert (refused.refit, list(refused.steps)[-1]) == (False, "gate")
    assert story.registry.aliases(TASK) == before


def test_a_worse_model_is_registered_only_for_a_stated_reason(story: Story, tmp_path: Path) -> None:
    noisy, strict = TrainingParams(trials=0, label_noise=1.0), GateParams(min_improvement=0.2)
    with pytest.raises(Refused, match="at least"):
        train_again(story, tmp_path / "refused", noisy, strict)
    later = train_again(story, tmp_path / "overridden", noisy, GateParams(min_improvement=0.2, override="rehearsal"))
    tags = story.registry.version(TASK, later.registered["version"]).tags
    assert (tags["gate"], tags["gate_override"], tags["label_noise"]) == ("overridden", "rehearsal", "1")
    assert (tags["refit"], int(tags["served_rows"])) == ("true", story.run.rows["train"] + story.run.rows["test"])


def test_what_was_refused_is_not_registered_either(story: Story, later: Later, tmp_path: Path) -> None:
    gate(TASK, later.made.evaluation, GateParams(min_improvement=0.9), tmp_path / "decision.json")
    refused = later.made.model_copy(update={"decision": tmp_path / "decision.json"})
    with pytest.raises(Refused, match="at least"):
        register(TASK, refused, story.params, "", tmp_path / "registration.json")
