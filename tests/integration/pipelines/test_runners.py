"""What whoever trains relies on, wherever it runs: the same tests for this machine and for Kubeflow Pipelines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from cli.main import run
from contender.errors import DeadlineExceeded, InvalidInput, NotFound
from pipelines.compile import GENERATED
from pipelines.remote import Job, Pipelines, Run
from pipelines.runner import LocalRunner, Runner
from tests.stand_ins.kfp_api import KfpApi

# MLflow 3.17 uses a loader strategy that SQLAlchemy 2.1 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")

STEPS = ("ingest", "validate", "register")


@dataclass
class Place:
    """A runner, a job for it, and what makes its runs end in an error that says ``column is missing``."""

    runner: Runner
    job: Job
    break_: Callable[[Job], Job]
    begun: Callable[[], int]
    stop: Callable[[], None]


def job(folder: Path) -> Job:
    registry = {"tracking_uri": f"sqlite:///{folder}/mlflow.db", "artifact_root": str(folder / "files")}
    parameters = {"task": "job-change", "data": {"rows": 600}, "training": {"trials": 0}, "registry": registry}
    return Job("job-change-training", GENERATED / "training.yaml", parameters, "job-change")


@pytest.fixture(params=["local", "cluster"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    made = (_here if request.param == "local" else _there)(tmp_path)
    yield made
    made.stop()


def _here(folder: Path) -> Place:
    broken = folder / "broken.csv"
    broken.write_text("enrollee_id,city\n1,city_1\n")
    runs = folder / "runs"
    return Place(
        LocalRunner(runs),
        job(folder),
        lambda one: replace(one, parameters={**one.parameters, "data": {"file": str(broken)}}),
        lambda: len(list(runs.glob("*"))),
        lambda: None,
    )


def _there(folder: Path) -> Place:
    done: dict[str, Any] = {
        "task_details": [{"display_name": step, "state": "SUCCEEDED"} for step in STEPS],
    }
    api = KfpApi(states=[{"state": "RUNNING"}, {"state": "RUNNING"}, {"state": "SUCCEEDED", "run_details": done}])

    def break_(one: Job) -> Job:
        details = {"task_details": [{"display_name": "validate", "state": "FAILED"}]}
        said = {"message": "city_development_index: column is missing (step validate)"}
        api.states = [{"state": "RUNNING"}, {"state": "FAILED", "error": said, "run_details": details}]
        return one

    runner = Pipelines(api.url, sleep=lambda seconds: None)
    return Place(runner, job(folder), break_, lambda: len(api.runs), api.close)


def test_a_run_is_submitted_and_waited_for(place: Place) -> None:
    seen: list[Run] = []
    run_id = place.runner.submit(place.job)
    with pytest.raises(DeadlineExceeded, match=f"{run_id} has not ended after 0 s; it goes on"):
        place.runner.wait(run_id, deadline_s=0, seen=seen.append)
    ended = place.runner.wait(run_id, deadline_s=300, seen=seen.append)
    assert (ended.id, ended.state, ended.gate, ended.error) == (run_id, "SUCCEEDED", "passed", "")
    assert {ended.tasks[step] for step in STEPS} == {"SUCCEEDED"}
    assert (seen[0].state, seen[0].ended, seen[-1]) == ("RUNNING", False, ended)


def test_a_run_that_fails_ends_with_the_reason_and_the_step(place: Place) -> None:
    ended = place.runner.wait(place.runner.submit(place.break_(place.job)), deadline_s=300, seen=lambda run: None)
    assert (ended.state, ended.ended, ended.gate) == ("FAILED", True, "unknown")
    assert "column is missing" in ended.error
    assert ended.tasks["validate"] == "FAILED"


@pytest.mark.parametrize(
    ("group", "told", "said"),
    [
        ("data", {"rows": "many"}, r"data\.rows: .*integer"),
        ("data", {"colour": "red"}, r"data\.colour: Extra inputs"),
        ("training", {"folds": 1}, r"training\.folds: .*greater than or equal to 2"),
        ("gate", "none", "gate: .*GateParams"),
        ("colour", "red", "colour: Extra inputs"),
    ],
)
def test_a_parameter_of_another_type_is_refused_and_nothing_begins(
    place: Place, group: str, told: object, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        place.runner.submit(replace(place.job, parameters={**place.job.parameters, group: told}))
    assert place.begun() == 0


def test_a_parameter_that_is_needed_is_missed(place: Place) -> None:
    with pytest.raises(InvalidInput, match="task: Field required"):
        place.runner.submit(replace(place.job, parameters={}))
    assert place.begun() == 0


def test_a_graph_that_is_not_there_is_not_found(place: Place) -> None:
    with pytest.raises(NotFound, match="nothing"):
        place.runner.submit(replace(place.job, graph=GENERATED / "nothing.yaml"))
    assert place.begun() == 0


def test_a_run_that_is_not_there_is_not_found(place: Place) -> None:
    with pytest.raises(NotFound, match="nobody"):
        place.runner.wait("nobody", deadline_s=1, seen=lambda run: None)


def test_here_a_graph_for_a_cluster_names_the_command_to_use(tmp_path: Path) -> None:
    drift = replace(job(tmp_path), graph=GENERATED / "drift.yaml", parameters={"task": "job-change"})
    with pytest.raises(InvalidInput, match=r"drift runs on Kubeflow only .*contender drift check"):
        LocalRunner(tmp_path).submit(drift)


@pytest.fixture
def submit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, dict[str, Any]]]:
    monkeypatch.setenv("CONTENDER_HOME", str(tmp_path))
    monkeypatch.delenv("CONTENDER_PIPELINES_URL", raising=False)

    def call(*arguments: str) -> tuple[int, dict[str, Any]]:
        return run(["pipeline", "submit", *arguments, "--json"]), json.loads(capsys.readouterr().out)

    return call


def test_without_an_address_the_command_runs_the_graph_here(
    submit: Callable[..., tuple[int, dict[str, Any]]], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text("enrollee_id,city\n1,city_1\n")
    code, told = submit("--set", f"data.file={broken}")
    assert (code, told["state"], told["run"]) == (1, "FAILED", "job-change-training-1")
    assert "column is missing" in told["error"]
    assert submit("--graph", "drift") == (
        2,
        {
            "error": "--graph: drift runs on Kubeflow only",
            "remedy": "here: contender drift check",
            "kind": "InvalidInput",
        },
    )


def test_on_a_cluster_an_address_is_needed(
    submit: Callable[..., tuple[int, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONTENDER_BACKEND", "cluster")
    monkeypatch.setenv("CONTENDER_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("CONTENDER_STORE_URL", "postgresql://nobody@127.0.0.1:9/none")
    code, told = submit()
    assert (code, told["remedy"]) == (5, "set CONTENDER_PIPELINES_URL")
