"""The whole training pipeline through kfp's local runner, on a little synthetic data."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
import pytest

from contender.adapters.registry_mlflow import MlflowRegistry
from contender.artifact import GOLDEN, GOLDEN_TOLERANCE, MANIFEST, digest
from contender.errors import InvalidInput
from contender.tasks.job_change.task import JobChange
from contender.tasks.lineage import schema_digest
from pipelines import settings
from pipelines.local import RunResult, run_training
from pipelines.params import DataParams, GateParams, RegistryParams, RunParams, TrainingParams
from pipelines.steps.evaluate import score_file
from pipelines.steps.files import read_rows
from pipelines.steps.progress import Progress
from pipelines.steps.scoring import load

# MLflow 3.17 uses a loader strategy that SQLAlchemy 2.1 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")


class Home(NamedTuple):
    """A home of its own for registry and runs."""

    folder: Path
    registry: RegistryParams

    def params(self, **groups: Any) -> RunParams:
        """A small run: 600 synthetic rows, two trials."""
        usual = {"data": DataParams(rows=600), "training": TrainingParams(trials=2, folds=2), "gate": GateParams()}
        return RunParams(task="job-change", registry=self.registry, **{**usual, **groups})

    def run(self, params: RunParams, on_progress: Callable[[Progress], None] = lambda event: None) -> RunResult:
        """Run the whole pipeline in this home."""
        return run_training(params, self.folder / "runs", on_progress)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    folder = tmp_path_factory.mktemp("home")
    return Home(
        folder, RegistryParams(tracking_uri=f"sqlite:///{folder}/mlflow.db", artifact_root=str(folder / "files"))
    )


class Story(NamedTuple):
    """Two runs in one registry: the first makes a champion, the second a challenger."""

    first: RunResult
    second: RunResult
    events: list[tuple[float, Progress]]
    registry: MlflowRegistry


def write_csv(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    with path.open("w", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return path


@pytest.fixture(scope="module")
def story(home: Home) -> Story:
    events: list[tuple[float, Progress]] = []
    data = DataParams(rows=600, live_share=0.2)
    first = home.run(
        home.params(data=data, training=TrainingParams(trials=2, folds=2, train_rows=150)),
        lambda event: events.append((time.monotonic(), event)),
    )
    second = home.run(
        home.params(data=data, training=TrainingParams(trials=0), gate=GateParams(margin=0.5)),
    )
    return Story(first, second, events, MlflowRegistry(home.registry.tracking_uri))


def test_the_first_run_makes_a_champion_and_a_baseline_and_the_second_a_challenger(story: Story) -> None:
    assert (story.first.alias, story.second.alias) == ("champion", "challenger")
    assert (story.first.baseline, story.second.baseline) == ("1", None)
    assert story.registry.aliases("job-change") == {"baseline": "1", "champion": "2", "challenger": "3"}
    assert [one.semver for one in story.registry.versions("job-change")] == ["1.0.0+baseline", "1.0.0", "1.0.1"]


def test_a_version_carries_its_lineage(story: Story) -> None:
    tags = story.registry.version("job-change", "champion").tags
    assert tags["schema_digest"] == schema_digest(JobChange())
    assert tags["validation_status"] == tags["gate"] == "passed"
    assert (tags["synthetic"], tags["train_rows"], tags["features_version"]) == ("true", "150", "1")
    assert len(tags["data_digest"]) == 64
    assert tags["git_sha"]
    assert tags["kfp_run_id"]
    assert tags["data_digest"] == story.registry.version("job-change", "challenger").tags["data_digest"]


@pytest.mark.parametrize("alias", ["baseline", "champion", "challenger"])
def test_the_serving_artifact_verifies_and_answers_its_golden_requests(story: Story, alias: str) -> None:
    version = story.registry.version("job-change", alias)
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


def test_both_models_are_measured_on_the_same_untouched_rows(story: Story) -> None:
    assert story.second.metrics["champion"] == story.first.metrics["challenger"]
    assert set(story.first.metrics["challenger"]) == {"roc_auc", "average_precision", "brier", "log_loss"}
    assert dict(story.registry.version("job-change", "champion").metrics) == story.first.metrics["challenger"]


def test_people_are_kept_back_for_live_traffic(story: Story) -> None:
    live = read_rows(story.second.parts / "live.jsonl")
    assert len(live) == story.second.rows["live"] == pytest.approx(120, abs=6)
    assert sum(story.second.rows.values()) == 600


def test_progress_arrives_while_the_run_goes_on(story: Story) -> None:
    steps = ["ingest", "validate", "split", "train", "train-baseline", "evaluate", "gate", "register"]
    assert sorted(story.first.steps) == sorted(steps)
    trials = [event.detail["trial"] for _, event in story.events if "trial" in event.detail]
    assert trials == [1, 2]
    (trained,) = (at for at, event in story.events if (event.step, event.state) == ("train", "finished"))
    assert story.events[-1][0] - trained > 1.0


def test_mlflow_knows_trials_plots_and_the_model(story: Story, tmp_path: Path) -> None:
    import mlflow.onnx
    from mlflow import MlflowClient

    client: Any = MlflowClient(story.registry.tracking_uri)
    run_id = story.registry.version("job-change", "champion").tags["mlflow_run_id"]
    experiment = client.get_experiment_by_name("job-change").experiment_id
    nested = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{run_id}'")
    assert len(nested) == 2
    assert all("roc_auc" in run.data.metrics and run.data.params for run in nested)
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["roc_auc"] == story.first.metrics["challenger"]["roc_auc"]
    plots = {Path(item.path).name for item in client.list_artifacts(run_id, "plots")}
    assert plots == {"calibration.png", "precision_recall.png", "roc.png"}
    model = mlflow.models.Model.load(client.get_model_version("job-change", "2").source)
    assert [one.name for one in model.signature.inputs] == ["features"]
    assert set(model.flavors) == {"onnx"}
    assert model.load_input_example(client.get_model_version("job-change", "2").source) is not None


def test_a_labelled_file_is_scored_as_the_test_rows_were(story: Story, tmp_path: Path) -> None:
    test = write_csv(tmp_path / "test.csv", read_rows(story.first.parts / "test.jsonl"))
    artifact = Path(story.registry.version("job-change", "champion").artifact)
    scored = score_file(JobChange(), test, artifact)
    assert scored == pytest.approx(story.first.metrics["challenger"])


def test_a_leak_is_refused_and_nothing_is_registered(home: Home, story: Story, tmp_path: Path) -> None:
    task = JobChange()
    rows = [{**row, "training_hours": 10 + 100 * int(str(row["target"]))} for row in task.generate(600, 1)]
    leaky = write_csv(tmp_path / "leaky.csv", rows)
    before = story.registry.aliases("job-change")
    refused = home.run(home.params(data=DataParams(file=str(leaky)), training=TrainingParams(trials=0)))
    assert (refused.version, refused.gate["outcome"], refused.synthetic) == (None, "refused", False)
    assert "leak alarm" in refused.gate["reason"]
    assert story.registry.aliases("job-change") == before


def test_a_worse_model_is_registered_only_for_a_stated_reason(home: Home, story: Story) -> None:
    noisy = {"training": TrainingParams(trials=0, label_noise=1.0), "data": DataParams(rows=600, live_share=0.2)}
    gate = GateParams(min_improvement=0.2, override="rehearsal")
    overridden = home.run(home.params(**noisy, gate=gate))
    version = story.registry.version("job-change", str(overridden.version))
    assert (version.tags["gate"], version.tags["gate_override"]) == ("overridden", "rehearsal")
    assert version.tags["label_noise"] == "1"


def test_a_broken_file_is_an_error_that_names_column_and_step(home: Home, tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text("enrollee_id,city\n1,city_1\n")
    seen: list[Progress] = []
    with pytest.raises(InvalidInput, match=r"column is missing.*\(step validate\)"):
        home.run(home.params(data=DataParams(file=str(broken))), seen.append)
    assert seen[-1].state == "failed"


def gone(processes: Sequence[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, timeout=10)[1]


def test_whatever_ends_the_call_ends_the_run(home: Home) -> None:
    started: list[psutil.Process] = []

    def interrupt(event: Progress) -> None:
        started.extend(psutil.Process().children(recursive=True))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        home.run(home.params(), interrupt)
    assert len(started) >= 1
    assert gone(started)


def test_a_run_does_not_outlive_a_killed_parent(home: Home, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from pipelines.local import run_training\n"
        "from pipelines.params import RunParams\n"
        "run_training(RunParams.model_validate_json(sys.argv[1]), Path(sys.argv[2]), lambda e: print(e, flush=True))"
    )
    command = [sys.executable, "-c", code, home.params().model_dump_json(), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=settings.ROOT) as parent:
        assert parent.stdout is not None
        assert b"ingest" in parent.stdout.readline()
        started = psutil.Process(parent.pid).children(recursive=True)
        parent.kill()
    assert len(started) >= 1
    assert gone(started)
