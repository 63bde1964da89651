"""Kubeflow Pipelines as a client sees it: what is sent, what is waited for, what the gate said."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli.main import run
from contender.errors import DeadlineExceeded, InvalidInput, NotFound, Unavailable
from pipelines.compile import GENERATED
from pipelines.components.image import MONITORING
from pipelines.graphs.placing import MOUNTED, STORE
from pipelines.remote import WEEKLY, Job, Pipelines, Run
from tests.stand_ins.kfp_api import KfpApi

JOB = Job(
    "job-change-training", GENERATED / "training.yaml", {"task": "job-change", "data": {"rows": 100}}, "job-change"
)
OTHERS: Mapping[str, dict[str, Any]] = {
    "analysis": {"task": "job-change"},
    "drift": {"task": "job-change"},
    "ingestion": {"task": "job-change", "ingestion": {"source": "/rows/raw", "good": "/rows/good", "bad": "/rows/bad"}},
}
TOKEN = "".join(("ri", "ght"))
MLFLOW = "http://mlflow.mlflow:5000"
DIGEST = "ghcr.io/x@sha256:" + "a" * 64


def job_of(graph: str, **other: Any) -> Job:
    return replace(JOB, graph=GENERATED / f"{graph}.yaml", parameters=OTHERS.get(graph, JOB.parameters), **other)


@pytest.fixture
def api() -> Iterator[KfpApi]:
    server = KfpApi()
    yield server
    server.close()


@pytest.fixture
def pipelines(api: KfpApi) -> Pipelines:
    return Pipelines(api.url, sleep=lambda seconds: None)


def nothing(run: Run) -> None:
    """Look at nothing."""


def tasks(**states: str) -> dict[str, Any]:
    return {"task_details": [{"display_name": name, "state": state} for name, state in states.items()]}


@pytest.mark.parametrize("graph", ["training", "ingestion"])
def test_the_documents_are_those_of_the_official_client(
    api: KfpApi, pipelines: Pipelines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, graph: str
) -> None:
    """Also of a graph of whose steps Kubernetes is told more."""
    monkeypatch.setenv("HOME", str(tmp_path))
    job = job_of(graph)
    pipelines.submit(job)
    pipelines.schedule(job, WEEKLY)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import kfp

        client = kfp.Client(host=api.url)
        experiment = client.create_experiment(JOB.experiment).experiment_id
        compiled, parameters = str(job.graph), dict(job.parameters)
        client.run_pipeline(experiment, JOB.name, compiled, params=parameters)
        client.create_recurring_run(
            experiment,
            JOB.name,
            cron_expression=WEEKLY,
            params=parameters,
            pipeline_package_path=compiled,
            no_catchup=True,
        )
    for held, key in ((api.runs, "run_id"), (api.schedules, "recurring_run_id")):
        ours, theirs = ({name: value for name, value in one.items() if name != key} for one in held.values())
        assert ours == theirs
    assert len(api.experiments) == 1


def test_a_schedule_replaces_the_one_of_its_name(api: KfpApi, pipelines: Pipelines) -> None:
    pipelines.schedule(replace(JOB, name="another"), WEEKLY)
    first, second = pipelines.schedule(JOB, WEEKLY), pipelines.schedule(JOB, "0 0 4 * * 2")
    assert first not in api.schedules
    assert api.schedules[second]["trigger"] == {"cron_schedule": {"cron": "0 0 4 * * 2"}}
    assert len(api.schedules) == 2


def images_in(sent: dict[str, Any]) -> set[str]:
    spec = sent["pipeline_spec"]
    executors = spec.get("pipeline_spec", spec)["deploymentSpec"]["executors"]
    return {one["container"]["image"] for one in executors.values()}


def test_every_step_runs_in_the_image_that_is_named_by_digest(api: KfpApi, pipelines: Pipelines) -> None:
    images = {"pipelines": DIGEST, "monitoring": DIGEST.replace("aaaa", "bbbb")}
    for graph, expected in (("training", "pipelines"), ("analysis", "pipelines"), ("drift", "monitoring")):
        run = pipelines.submit(job_of(graph, images=images))
        assert images_in(api.runs[run]) == {images[expected]}
    with pytest.raises(InvalidInput, match=r"CONTENDER_MONITORING_IMAGE.*not named by digest"):
        pipelines.submit(replace(JOB, images={"monitoring": "ghcr.io/x:latest"}))


def test_an_image_that_is_not_named_is_the_one_that_was_compiled(api: KfpApi, pipelines: Pipelines) -> None:
    run = pipelines.submit(job_of("drift", images={"pipelines": DIGEST, "monitoring": ""}))
    assert images_in(api.runs[run]) == {MONITORING}


@pytest.mark.parametrize(("caching", "expected"), [(True, [{"enableCache": True}]), (False, [{}])])
def test_caching_may_be_overridden(api: KfpApi, pipelines: Pipelines, caching: bool, expected: list[object]) -> None:
    pipelines.submit(replace(JOB, caching=caching))
    (sent,) = api.runs.values()
    found = [task["cachingOptions"] for task in sent["pipeline_spec"]["root"]["dag"]["tasks"].values()]
    assert [one for number, one in enumerate(found) if one not in found[:number]] == expected


@pytest.mark.parametrize(
    ("state", "gate"),
    [
        ({"state": "SUCCEEDED", "run_details": tasks(gate="SUCCEEDED", register="SUCCEEDED")}, "passed"),
        ({"state": "SUCCEEDED", "run_details": tasks(gate="SUCCEEDED", register="SKIPPED")}, "refused"),
        ({"state": "SUCCEEDED", "run_details": tasks(gate="SUCCEEDED")}, "refused"),
        ({"state": "FAILED", "error": {"message": "out of memory"}}, "unknown"),
        ({"state": "CANCELED"}, "unknown"),
    ],
)
def test_a_run_is_waited_for_until_it_ends(api: KfpApi, pipelines: Pipelines, state: dict[str, Any], gate: str) -> None:
    api.states = [{}, {"state": "RUNNING", "run_details": tasks(train="RUNNING")}, state]
    seen: list[str] = []
    ended = pipelines.wait(pipelines.submit(JOB), deadline_s=60, seen=lambda run: seen.append(run.state))
    assert (ended.gate, seen) == (gate, ["PENDING", "RUNNING", state["state"]])
    assert ended.error == state.get("error", {}).get("message", "")


def test_a_run_that_goes_on_beyond_the_deadline_is_told(api: KfpApi) -> None:
    api.states = [{"state": "RUNNING"}]
    ticks = iter(range(100))
    pipelines = Pipelines(api.url, clock=lambda: float(next(ticks)), sleep=lambda seconds: None)
    with pytest.raises(DeadlineExceeded, match="has not ended after 3 s; it goes on"):
        pipelines.wait(pipelines.submit(JOB), deadline_s=3, seen=nothing)


def test_an_api_that_is_away_for_a_while_is_borne_and_for_long_is_not(api: KfpApi, pipelines: Pipelines) -> None:
    run_id = pipelines.submit(JOB)
    api.failing = 5
    assert pipelines.wait(run_id, deadline_s=60, seen=nothing).state == "SUCCEEDED"
    api.failing = 1_000
    with pytest.raises(Unavailable, match="answers 503: upstream connect error"):
        pipelines.wait(run_id, deadline_s=60, seen=nothing)


def test_refusals_are_told_apart(api: KfpApi, pipelines: Pipelines, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="runs nobody not found"):
        pipelines.run("nobody")
    with pytest.raises(NotFound, match="is not compiled"):
        pipelines.submit(replace(JOB, graph=tmp_path / "x.yaml"))
    api.token = TOKEN
    with pytest.raises(Unavailable, match="CONTENDER_PIPELINES_TOKEN"):
        pipelines.submit(JOB)
    Pipelines(api.url, token=TOKEN).submit(JOB)
    api.close()
    with pytest.raises(Unavailable, match="does not answer"):
        pipelines.submit(JOB)
    with pytest.raises(InvalidInput, match=r"no http\(s\) address"):
        Pipelines("kubeflow")


Command = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def command(
    api: KfpApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    monkeypatch.setenv("CONTENDER_HOME", str(tmp_path))
    monkeypatch.setenv("CONTENDER_PIPELINES_URL", api.url)
    monkeypatch.setenv("CONTENDER_TRACKING_URI", MLFLOW)

    def call(*arguments: str) -> tuple[int, dict[str, Any]]:
        code = run(["pipeline", *arguments, "--json"])
        return code, json.loads(capsys.readouterr().out)

    return call


def test_the_command_types_parameters_and_tells_the_gate(api: KfpApi, command: Command) -> None:
    api.states = [{"state": "SUCCEEDED", "run_details": tasks(register="SUCCEEDED")}]
    code, told = command("submit", "--set", "data.rows=200", "--set", "gate.override=rehearsal", "--wait", "60")
    assert (code, told["state"], told["gate"]) == (0, "SUCCEEDED", "passed")
    parameters = api.runs[told["run"]]["runtime_config"]["parameters"]
    assert (parameters["data"]["rows"], parameters["gate"]["override"]) == (200, "rehearsal")
    assert parameters["registry"]["tracking_uri"] == MLFLOW


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        ("analysis", {"records": {"store_url": ""}}),
        ("drift", {"registry": "filled"}),
        ("scoring", {"good": f"{MOUNTED}/job-change/good", "predictions": f"{MOUNTED}/job-change/predictions"}),
        ("ingestion", {}),
        ("training", {"registry": "filled"}),
    ],
)
def test_the_command_fills_in_what_the_environment_knows_of_every_graph(
    api: KfpApi, command: Command, graph: str, expected: dict[str, Any]
) -> None:
    parameters = api.runs[command("submit", "--graph", graph)[1]["run"]]["runtime_config"]["parameters"]
    spec = next(iter(api.runs.values()))["pipeline_spec"]
    known = spec.get("pipeline_spec", spec)["root"]["inputDefinitions"]["parameters"]
    assert set(parameters) <= set(known)
    assert {name for name, said in known.items() if not said.get("isOptional")} <= set(parameters)
    for name, value in expected.items():
        if value == "filled":
            assert parameters[name]["tracking_uri"] == MLFLOW
        else:
            assert parameters[name] == value


@pytest.mark.parametrize("graph", ["analysis", "drift", "ingestion"])
def test_the_stores_url_comes_from_a_secret_and_never_from_a_parameter(
    api: KfpApi, command: Command, graph: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CONTENDER_STORE_URL", f"sqlite:///{tmp_path}/{TOKEN}.db")
    (sent,) = (api.runs[command("submit", "--graph", graph)[1]["run"]],)
    assert TOKEN not in json.dumps(sent)
    platform = sent["pipeline_spec"]["platform_spec"]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    (told,) = platform.values()
    (secret,) = told["secretAsEnv"]
    assert secret["secretName"] == STORE
    assert secret["keyToEnv"] == [{"secretKey": "pipelines", "envVar": "CONTENDER_STORE_URL"}]


def test_the_command_ends_with_3_when_the_gate_refused_and_with_1_when_the_run_failed(
    api: KfpApi, command: Command
) -> None:
    assert command("submit", "--wait", "60")[0] == 3
    api.states = [{"state": "FAILED"}]
    assert command("submit", "--wait", "60")[0] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("submit", "--set", "data.rows=many"),
        ("submit", "--set", "data.colour=red"),
        ("submit", "--set", "rows"),
        ("submit", "--graph", "analysis", "--set", "records.store_url=postgresql://a:b@c/d"),
        ("submit", "--graph", "drift", "--set", "span.rows_s=never"),
        ("submit", "--graph", "nothing"),
        ("schedule", "--cron", "0 3 * * 1"),
    ],
)
def test_what_is_mistyped_is_refused_before_anything_is_sent(
    api: KfpApi, command: Command, arguments: tuple[str, ...]
) -> None:
    assert command(*arguments)[0] == 2
    assert not api.runs
    assert not api.schedules


def test_a_registry_that_a_pod_cannot_see_is_refused(
    api: KfpApi, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CONTENDER_TRACKING_URI")
    code, told = command("submit")
    assert (code, told["error"]) == (2, "CONTENDER_TRACKING_URI: Kubeflow does not see a file of this machine")
    assert not api.runs
    assert command("submit", "--graph", "analysis")[0] == 0


def test_the_command_schedules(api: KfpApi, command: Command) -> None:
    code, told = command("schedule")
    assert (code, told["cron"]) == (0, WEEKLY)
    assert api.schedules[told["schedule"]]["display_name"] == "job-change-training"


def test_an_address_is_told_without_its_user() -> None:
    with pytest.raises(Unavailable, match="does not answer at http://127") as caught:
        Pipelines("http://bob:hunter2@127.0.0.1:9/pipeline").run("r")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(InvalidInput, match="CONTENDER_PIPELINES_URL") as refused:
        Pipelines("ftp://bob:hunter2@h/x")
    assert "hunter2" not in str(refused.value)
