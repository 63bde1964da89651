"""`contender retrain` where training runs on Kubeflow: what is recorded, whatever becomes of the run or of who waits.

Kubeflow is a stand-in on a real socket, MLflow its own server, the store a file of SQLite.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.main import run
from contender.adapters.registry_mlflow import MlflowRegistry
from contender.adapters.store_sql import Store
from contender.moments import DAY_S
from monitoring.drift.check import NOTES as DRIFT
from monitoring.retraining import ledger
from monitoring.retraining.triggers import Limits, Run, budget_left
from tests.stand_ins.kfp_api import KfpApi

TASK = "job-change"
ROWS = "s3://rows/newest.csv"
ROOT = Path(__file__).parents[3]
COMMAND = "import sys; from cli.main import run; sys.exit(run(sys.argv[1:]))"
CELL = "canary-4c1e"
DEADLINE_S = 60.0

PASSED = {
    "state": "SUCCEEDED",
    "run_details": {"task_details": [{"display_name": "register", "state": "SUCCEEDED"}]},
}
REFUSED = {"state": "SUCCEEDED"}
FAILED = {
    "state": "FAILED",
    "error": {"message": f"could not convert {CELL}"},
    "run_details": {"task_details": [{"display_name": "train", "state": "FAILED"}]},
}
NO_ROWS = {
    "state": "FAILED",
    "run_details": {"task_details": [{"display_name": "ingest", "state": "FAILED"}]},
}
RUNNING = {"state": "RUNNING"}

Retrain = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow server of its own."""
    home = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--no-serve-artifacts"]
    places = ["--backend-store-uri", f"sqlite:///{home}/mlflow.db", "--default-artifact-root", str(home / "artifacts")]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1"}
    with (home / "log").open("wb") as log:
        command = [sys.executable, "-m", "mlflow", "server", *options, *places]
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        waited(lambda: answers(f"{url}/health"))
        yield url
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def waited(condition: Callable[[], Any]) -> Any:
    end = time.monotonic() + DEADLINE_S
    while not (found := condition()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.1)
    return found


@pytest.fixture
def api() -> Iterator[KfpApi]:
    server = KfpApi([PASSED])
    yield server
    server.close()


@pytest.fixture
def home(api: KfpApi, mlflow: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of everything local, with the environment that points at it, at Kubeflow and at MLflow."""
    monkeypatch.setenv("CONTENDER_HOME", str(tmp_path))
    monkeypatch.setenv("CONTENDER_PIPELINES_URL", api.url)
    monkeypatch.setenv("CONTENDER_TRACKING_URI", mlflow)
    return tmp_path


@pytest.fixture
def retrain(home: Path, capsys: pytest.CaptureFixture[str]) -> Retrain:
    def call(*arguments: str, data: str = ROWS) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        code = run(["retrain", "--data", data, *arguments, "--json"])
        return code, json.loads(capsys.readouterr().out)

    return call


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{home}/store.db", clock=time.time)
    yield opened
    opened.close()


def recorded(store: Store) -> list[Run]:
    return ledger.runs(store, TASK, time.time(), Limits())


def registered(mlflow: str, folder: Path, *run_ids: str) -> str:
    """The number of the last of the versions that these runs of Kubeflow registered."""
    registry = MlflowRegistry(mlflow, str(folder / "artifacts"))
    (folder / "serving").mkdir()
    (folder / "serving" / "MLmodel").write_text("flavors: {}\n")
    made = ""
    for run_id in run_ids:
        parent = registry.start_run(TASK, "training")
        draft = registry.draft(TASK, parent, registry.log_files(parent, folder / "serving", "model"))
        tags = {"kfp_run_id": run_id, "gate_reason": "not worse than the champion"}
        made = registry.publish(draft, folder / "serving", "d", semver="1.0.0", metrics={}, tags=tags).version
    return made


def test_what_passes_the_gate_is_recorded_with_the_version_that_this_run_registered(
    api: KfpApi, retrain: Retrain, store: Store, mlflow: str, tmp_path: Path
) -> None:
    for name in ("another", "a-third"):
        api.runs[name] = {}
    version = registered(mlflow, tmp_path, "runs-3", "runs-3")
    registered_later = registered(mlflow, tmp_path / "serving", "of-a-person")
    code, told = retrain("--trials", "3", "--reason", "new market")
    assert (code, told["result"], told["version"], told["run"]) == (0, "challenger", version, "runs-3")
    assert version != registered_later
    sent = api.runs["runs-3"]
    parameters = sent["runtime_config"]["parameters"]
    assert (parameters["data"]["file"], parameters["training"]["trials"]) == (ROWS, 3)
    assert parameters["registry"]["tracking_uri"] == mlflow
    assert sent["display_name"] == "job-change-retraining-000001"
    assert '"enableCache"' not in json.dumps(sent), "the address stays the same, its rows do not"
    (kept,) = recorded(store)
    assert (kept.result, kept.version, kept.run_id, kept.reason) == ("challenger", version, "runs-3", "asked")
    assert (kept.detail, kept.message) == ("new market", "not worse than the champion")


@pytest.mark.parametrize(
    ("state", "result", "words"),
    [
        (REFUSED, "refused", "the gate refused it: Kubeflow's run runs-1"),
        (NO_ROWS, "untrained", "Kubeflow's run runs-1 failed in ingest: see its logs"),
        (FAILED, "failed", "Kubeflow's run runs-1 failed in train: see its logs"),
        ({"state": "CANCELED"}, "failed", "Kubeflow's run runs-1 canceled: see its logs"),
        (PASSED, "failed", "Kubeflow's run runs-1 left no version in the registry"),
    ],
    ids=["refused", "no rows", "failed", "cancelled", "nothing registered"],
)
def test_how_a_run_ends_is_recorded_as_it_was(
    api: KfpApi, retrain: Retrain, store: Store, state: dict[str, Any], result: str, words: str
) -> None:
    api.states = [RUNNING, state]
    code, told = retrain()
    expected = {"failed": 1, "untrained": 2, "refused": 3}[result]
    assert (code, told["result"], told["version"], told["message"]) == (expected, result, None, words)
    (kept,) = recorded(store)
    assert (kept.result, kept.message, kept.run_id) == (result, words, "runs-1")
    assert kept.finished_at is not None
    assert CELL not in json.dumps(kept.to_document())


@pytest.mark.parametrize("data", ["rows.csv", "/rows/job-change/good/rows.csv"])
def test_rows_that_no_pod_can_read_are_refused_and_cost_nothing(
    api: KfpApi, retrain: Retrain, store: Store, data: str
) -> None:
    code, told = retrain(data=data)
    assert code == 2
    assert told["error"].startswith("--data: ")
    assert "s3://" in told["remedy"]
    assert not api.runs
    assert not recorded(store)


def test_without_kubeflow_nothing_begins_and_nothing_is_spent(api: KfpApi, retrain: Retrain, store: Store) -> None:
    api.failing = 1_000
    code, told = retrain()
    assert (code, "503" in told["error"]) == (5, True)
    assert not recorded(store)


def test_a_cluster_without_an_address_of_kubeflow_says_so(
    retrain: Retrain, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CONTENDER_PIPELINES_URL")
    monkeypatch.setenv("CONTENDER_BACKEND", "cluster")
    monkeypatch.setenv("CONTENDER_STORE_URL", f"sqlite:///{home}/store.db")
    code, told = retrain()
    assert (code, told["remedy"]) == (5, "set CONTENDER_PIPELINES_URL")


def test_a_run_that_kubeflow_does_not_take_costs_nothing(api: KfpApi, retrain: Retrain, store: Store) -> None:
    api.full = True
    code, told = retrain()
    assert (code, told["result"], told["run"]) == (2, "untrained", None)
    assert "exceeded quota" in recorded(store)[0].message
    assert budget_left(recorded(store), time.time(), Limits()) == Limits().most_runs


def test_asked_and_refused_is_no_success_and_a_round_that_may_not_begin_is(
    api: KfpApi, retrain: Retrain, store: Store
) -> None:
    began = time.time() - 8 * DAY_S
    for number in range(Limits().most_runs):
        ledger.record(store, TASK, Run(f"{number:06d}", began, "asked", "", "refused", finished_at=began))
    for arguments, code in ((("--reason", "now"), 3), (("--if-due",), 0)):
        found, told = retrain(*arguments)
        assert (found, told["due"], "budget" in told["why"]) == (code, False, True)
    assert not api.runs


def test_a_later_call_learns_the_end_of_a_run_that_was_left_to_kubeflow(
    api: KfpApi, retrain: Retrain, store: Store
) -> None:
    api.states = [RUNNING]
    code, told = retrain("--wait", "0")
    assert (code, told["result"], told["message"]) == (0, "running", "Kubeflow's run runs-1 goes on")
    assert recorded(store)[0].run_id == "runs-1"
    code, told = retrain("--wait", "0", "--reason", "impatience")
    assert (code, told["due"]) == (3, False)
    assert "a run is under way" in told["why"]
    api.states = [REFUSED]
    code, told = retrain("--if-due")
    assert (code, told["due"], [one.result for one in recorded(store)]) == (0, False, ["refused"])
    assert list(api.runs) == ["runs-1"]


def test_a_round_of_the_scheduled_job_retrains_when_the_calendar_asks(api: KfpApi, home: Path, store: Store) -> None:
    began = time.time() - 8 * DAY_S
    ledger.record(store, TASK, Run("000001", began, "asked", "", "refused", finished_at=began))
    api.states = [RUNNING]
    options = ["--looks=1", "--window=1h", "--retrain", f"--data={ROWS}", "--wait=0"]
    assert run(["drift", "watch", f"--task={TASK}", *options]) == 0
    newest = recorded(store)[0]
    assert (newest.reason, newest.result, newest.run_id) == ("weekly", "running", "runs-1")
    assert store.notes(TASK, DRIFT)[0].document["state"] == "error", "nobody serves: that was seen, too"


def test_while_kubeflow_is_away_a_run_stays_as_it_is(api: KfpApi, retrain: Retrain, store: Store) -> None:
    api.states = [RUNNING]
    retrain("--wait", "0")
    api.failing = 1_000
    assert retrain("--if-due")[0] == 5
    assert recorded(store)[0].result == "running"


def test_while_the_registry_is_away_nobody_says_how_a_run_ended(
    api: KfpApi, retrain: Retrain, store: Store, monkeypatch: pytest.MonkeyPatch, mlflow: str
) -> None:
    with monkeypatch.context() as away:
        away.setenv("CONTENDER_TRACKING_URI", "http://127.0.0.1:9")
        assert retrain()[0] == 5
    (kept,) = recorded(store)
    assert (kept.result, kept.message.startswith("Kubeflow's run runs-1 goes on; ")) == ("running", True)
    api.states = [REFUSED]
    retrain("--if-due")
    assert recorded(store)[0].result == "refused"


@pytest.mark.parametrize(
    ("ago", "run_id", "words"),
    [(3 * 3600.0, "runs-1", "has not ended after 2 h: stop it there"), (60.0, "gone", "knows no run gone any more")],
    ids=["too long", "deleted"],
)
def test_a_run_that_never_ends_and_one_that_is_gone_have_failed(
    api: KfpApi, retrain: Retrain, store: Store, ago: float, run_id: str, words: str
) -> None:
    api.states, api.runs["runs-1"] = [RUNNING], {}
    began = time.time() - ago
    ledger.record(store, TASK, Run("000001", began, "weekly", "old", "running", run_id=run_id))
    code, told = retrain("--if-due")
    assert (code, told["due"]) == (0, False)
    (kept,) = recorded(store)
    assert (kept.result, kept.at, words in kept.message) == ("failed", began, True)


@pytest.mark.parametrize(("how", "words"), [(signal.SIGINT, "a person stopped waiting"), (signal.SIGKILL, "")])
def test_a_run_outlives_who_waits_for_it(
    api: KfpApi, retrain: Retrain, store: Store, how: signal.Signals, words: str
) -> None:
    api.states = [RUNNING]
    # A run of tests in the background ignores the signal, and so would its children.
    command = ["env", "--default-signal=INT", sys.executable, "-c", COMMAND, "retrain", "--data", ROWS]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as waiting:
        waited(lambda: [one for one in recorded(store) if one.run_id])
        waiting.send_signal(how)
    (kept,) = recorded(store)
    assert (kept.result, kept.run_id) == ("running", "runs-1")
    assert words in kept.message
    api.states = [FAILED]
    retrain("--if-due")
    assert [(one.result, one.run_id) for one in recorded(store)] == [("failed", "runs-1")]
