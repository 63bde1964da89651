"""A release on a cluster, by the very commands that a workflow calls.

Real: the commands, model servers, transformer, MLflow, artifacts on an S3 API. Stand-ins: the Kubernetes API and
KServe's controller. One story, told in order; each test is a chapter.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from mlflow.store.artifact import s3_artifact_repo

from cli.compose import Workplace
from cli.main import run
from cli.settings import Settings
from contender.adapters.registry_mlflow import MlflowRegistry
from contender.values import SLOTS
from tests.integration.serving.conftest import rows, write_artifact
from tests.stand_ins.kubernetes_api.cluster import NAMESPACE, TASK, deploy
from tests.stand_ins.kubernetes_api.kserve import SERVING, STOP, KServe, Serves, crashes
from tests.stand_ins.kubernetes_api.objects import Key
from tests.stand_ins.kubernetes_api.pods import ROOT, Process, Service, fetch
from tests.stand_ins.kubernetes_api.server import Asked, KubernetesApi, Rule
from tests.stand_ins.s3 import s3_api

pytestmark = pytest.mark.slow

NUMBERS = ("1", "2", "3")
BATCH = 64

SERVERS = ("predictor", "blue-predictor", "green-predictor", "transformer")
RELEASE = (
    Rule(("get",), "inferenceservices", (TASK, f"{TASK}-blue", f"{TASK}-green")),
    Rule(("get",), "deployments", tuple(f"{TASK}-{name}" for name in SERVERS)),
    Rule(("get", "list", "watch"), "pods"),
    Rule(("get", "list", "watch"), "replicasets"),
    Rule(("patch",), "inferenceservices", (TASK, f"{TASK}-blue", f"{TASK}-green")),
    Rule(("get", "watch", "update", "patch"), "configmaps", (f"{TASK}-routing",)),
    Rule(("get", "update"), "leases", (f"{TASK}-reconcile",)),
)
MORE_SLOTS = (
    Rule(("get", "patch"), "inferenceservices", (f"{TASK}-violet", f"{TASK}-amber")),
    Rule(("get",), "deployments", (f"{TASK}-violet-predictor", f"{TASK}-amber-predictor")),
)
TRANSFORMER = (Rule(("get", "watch"), "configmaps", (f"{TASK}-routing",)),)
"""As the Roles of infrastructure/kubernetes have it; a test of the manifests holds these against them."""

Command = Callable[..., tuple[int, dict[str, Any]]]


class Story:
    """A cluster with a deployed transformer and nothing released yet; commands are run against it."""

    def __init__(self, home: Path, s3_url: str, slots: Sequence[str] = SLOTS) -> None:
        import boto3

        self.home, self.slots = home, slots
        self.s3 = boto3.client("s3", endpoint_url=s3_url)
        # Of its own: moto's buckets are those of the whole process, and an earlier story's anchors would tell of a cut.
        self.bucket = f"models-{home.name}".lower()
        self.s3.create_bucket(Bucket=self.bucket)
        self.api = KubernetesApi()
        more = MORE_SLOTS if len(slots) > len(SLOTS) else ()
        self.api.rules = {"release": (*RELEASE, *more), "transformer": TRANSFORMER}
        deploy(self.api.objects, slots)
        for resource, kind in (("configmaps", f"{TASK}-routing"), ("leases", f"{TASK}-reconcile")):
            group = "api/v1" if resource == "configmaps" else "apis/coordination.k8s.io/v1"
            self.api.objects.create(Key(group, resource, NAMESPACE, kind), {"metadata": {"name": kind}})
        self.kserve = KServe(self.api.objects, NAMESPACE)
        self.kserve.otherwise = self._pod
        self.api.address = lambda service: self.kserve.address(service.removesuffix("-predictor"))
        names = (TASK, *(f"{TASK}-{slot}" for slot in slots))
        self.services = {name: Service(functools.partial(self.kserve.address, name)) for name in names}
        self.transformer = self._transformer()

    def close(self) -> None:
        self.transformer.close()
        self.kserve.close()
        self.api.close()
        for service in self.services.values():
            service.close()

    def environment(self) -> dict[str, str]:
        """What a workflow's step finds in its environment."""
        kubeconfig = self.home / "kubeconfig"
        cluster = {"name": "c", "cluster": {"server": self.api.url}}
        context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
        user = {"name": "u", "user": {"token": "release"}}
        document = {"clusters": [cluster], "contexts": [context], "users": [user], "current-context": "c"}
        kubeconfig.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", **document}))
        return {
            "CONTENDER_KUBECONFIG": str(kubeconfig),
            "CONTENDER_BACKEND": "cluster",
            "CONTENDER_HOME": str(self.home),
            "CONTENDER_NAMESPACE": NAMESPACE,
            "CONTENDER_STORE_URL": f"sqlite:///{self.home}/store.db",
            "CONTENDER_TRACKING_URI": f"sqlite:///{self.home}/mlflow.db",
            "CONTENDER_ARTIFACT_ROOT": f"s3://{self.bucket}",
            "CONTENDER_SLOT_URL": self.api.url + "/api/v1/namespaces/{namespace}/services/{service}-predictor:80/proxy",
            "CONTENDER_TRANSFORMER_URL": self.transformer.url,
            "CONTENDER_S3_ENDPOINT": os.environ["AWS_ENDPOINT_URL_S3"],
            "CONTENDER_ACTOR": "workflow",
            "CONTENDER_SLOTS": ",".join(self.slots),
            "CONTENDER_ANCHORS": f"s3://{self.bucket}/evidence/anchors",
        }

    def register(self) -> None:
        """Three versions, as the training pipeline leaves them before it gives them aliases."""
        registry = MlflowRegistry(f"sqlite:///{self.home}/mlflow.db", f"s3://{self.bucket}")
        for number in NUMBERS:
            artifact = write_artifact(self.home / "made" / number, number, int(number))
            run_id = registry.start_run(TASK, number)
            draft = registry.draft(TASK, run_id, f"s3://{self.bucket}/unused/{number}")
            found = registry.publish(draft, artifact.folder, artifact.digest, semver="1.0.0", metrics={}, tags={})
            assert found.artifact.startswith("s3://")

    def serves(self, unit: str) -> dict[str, Any]:
        """What a candidate is told."""
        return self.ask([{**rows(1)[0], "unit_id": unit}])[0]

    def ask(self, instances: list[dict[str, Any]]) -> list[dict[str, Any]]:
        with self.place().endpoint() as endpoint:
            found: list[dict[str, Any]] = endpoint.predict(instances)["predictions"]
            return found

    def place(self) -> Workplace:
        return Workplace(Settings(), TASK)

    def _pod(self, uri: str) -> Serves:
        return Serves(lambda: self._predictor(uri))

    def _predictor(self, uri: str) -> Process:
        number = len(list(self.home.glob("predictor-*.log")))
        folder = fetch(self.s3, uri, self.home / "mnt" / str(number))
        told = {"CONTENDER_TASK": TASK, "CONTENDER_ARTIFACT": str(folder)}
        return Process("serving.predictor", told, self.home / f"predictor-{number}.log").wait_ready()

    def _transformer(self) -> Process:
        account = self.home / "account"
        account.mkdir()
        (account / "namespace").write_text(NAMESPACE)
        (account / "token").write_text("transformer")
        urls = {"BASELINE": TASK} | {slot.upper(): f"{TASK}-{slot}" for slot in self.slots}
        told = {f"CONTENDER_{place}_URL": self.services[name].url for place, name in urls.items()} | {
            "CONTENDER_TASK": TASK,
            "CONTENDER_BACKEND": "cluster",
            "CONTENDER_KUBERNETES_URL": self.api.url,
            "CONTENDER_SERVICE_ACCOUNT": str(account),
            "CONTENDER_ROUTING": str(self.home / "mounted"),
            "CONTENDER_SPOOL": str(self.home / "spool"),
            "CONTENDER_STORE": f"sqlite:///{self.home}/store.db",
        }
        process = Process("serving.transformer", told, self.home / "transformer.log")
        document = {
            "kind": "Pod",
            "metadata": {"name": "transformer-1", "labels": {"app": f"isvc.{TASK}-transformer"}},
            "spec": {"containers": [{"name": "kserve-container", "ports": [{"containerPort": process.port}]}]},
            "status": {"podIP": "127.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]},
        }
        self.api.objects.create(Key("api/v1", "pods", NAMESPACE, "transformer-1"), document)
        return process


@contextlib.contextmanager
def begun(home: Path, slots: Sequence[str] = SLOTS) -> Iterator[Story]:
    """A story on a cluster whose manifests have those slots: its versions are registered, its transformer is alive."""
    with s3_api() as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", url)
        # MLflow keeps the client of a process, whatever becomes of the variable.
        vars(s3_artifact_repo)["_cached_get_s3_client"].cache_clear()
        made = Story(home, url, slots)
        for name, value in made.environment().items():
            patch.setenv(name, value)
        try:
            made.register()
            made.transformer.wait_alive()
            yield made
        finally:
            made.close()


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with begun(tmp_path_factory.mktemp("home")) as made:
        yield made


@pytest.fixture
def command(story: Story, capsys: pytest.CaptureFixture[str]) -> Command:
    def call(*arguments: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        code = run([*arguments, "--json"])
        return code, json.loads(capsys.readouterr().out)

    return call


def test_a_round_installs_the_first_versions_into_what_the_manifests_left_empty(story: Story, command: Command) -> None:
    for alias in ("champion", "baseline"):
        code, told = command("release", "reconcile")
        assert (code, told["did"]) == (0, [])
        assert told["waits_for"].startswith("contender train")
        MlflowRegistry(f"sqlite:///{story.home}/mlflow.db", f"s3://{story.bucket}").set_alias(TASK, alias, "1")
    code, told = command("release", "reconcile")
    assert (code, told["phase"], told["did"]) == (0, "idle", ["installed version 1"])
    story.transformer.wait_ready()
    assert story.serves("ada")["model_version"] == "1"
    stopped = story.api.objects.get(Key(SERVING, "inferenceservices", NAMESPACE, f"{TASK}-green"))
    assert stopped["metadata"]["annotations"][STOP] == "true"
    assert command("audit", "verify")[1]["anchors"] == 1


def test_up_finds_the_slots_filled_and_changes_nothing(story: Story, command: Command) -> None:
    before = story.api.objects.get(Key(SERVING, "inferenceservices", NAMESPACE, f"{TASK}-blue"))
    code, told = command("up")
    assert (code, told["release"]["phase"], told["routing"]["generation"]) == (0, "idle", 1)
    after = story.api.objects.get(Key(SERVING, "inferenceservices", NAMESPACE, f"{TASK}-blue"))
    assert before["metadata"]["generation"] == after["metadata"]["generation"]


def test_a_version_whose_pods_crash_is_not_released(story: Story, command: Command) -> None:
    bad = story.place().version("3").artifact
    story.kserve.artifacts[bad] = crashes("refused_to_start: model.onnx is refused by onnxruntime")
    code, told = command("experiment", "start", "--version", "3")
    assert (code, told["kind"]) == (5, "Unavailable")
    assert "does not start in green: job-change-green-predictor" in told["error"]
    assert "refused by onnxruntime" in told["error"]
    assert story.place().release.state().phase == "idle"
    assert story.serves("ada")["model_version"] == "1"
    del story.kserve.artifacts[bad]


def test_an_experiment_splits_people_and_a_round_waits(story: Story, command: Command) -> None:
    assert command("experiment", "start", "--version", "2", "--ramp", "0.5")[0] == 0
    answers = story.ask([{**row, "unit_id": f"u{number}"} for number, row in enumerate(rows(BATCH, 5))])
    assert {(one["assigned_to"], one["model_version"]) for one in answers} == {("champion", "1"), ("challenger", "2")}
    code, told = command("release", "reconcile")
    assert (code, told["phase"], told["did"]) == (0, "experimenting", [])
    assert told["waits_for"]


def test_a_promotion_that_is_killed_is_finished_by_the_next_round(story: Story, command: Command) -> None:
    held, go = threading.Event(), threading.Event()

    def hold(asked: Asked) -> None:
        if asked.verb == "patch" and asked.key.resource == "configmaps":
            held.set()
            go.wait(30)

    story.api.before = hold
    program = f"import sys; from cli.main import run; sys.exit(run({['promote', '--override', 'rehearsal']!r}))"
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    assert held.wait(60), "the promotion never wrote its routing"
    process.send_signal(signal.SIGKILL)
    process.wait()
    story.api.before = lambda asked: None
    assert story.place().release.state().change is not None
    go.set()
    code, told = command("release", "reconcile")
    assert (code, told["busy"], told["did"]) == (0, True, [])
    assert "job-change-reconcile is held by workflow@" in told["waits_for"]
    end = time.monotonic() + 60
    while told["busy"]:
        assert time.monotonic() < end, "the lease of a dead process was never taken over"
        time.sleep(0.5)
        code, told = command("release", "reconcile")
    assert (code, told["phase"], told["did"]) == (0, "promoted", ["finished promote"])
    assert story.serves("ada")["model_version"] == "2"


def test_undo_brings_the_version_before_back(story: Story, command: Command) -> None:
    started = time.monotonic()
    code, told = command("undo", "--reason", "complaints")
    assert (code, told["phase"], told["champion"]["model"]["version"]) == (0, "prepared", "1")
    assert story.serves("ada")["model_version"] == "1"
    assert time.monotonic() - started < 10
    assert command("abort")[0] == 0


def test_a_verdict_against_the_challenger_is_carried_out(story: Story, command: Command) -> None:
    _tried(story, command, "3", better="champion")
    code, told = command("release", "reconcile", "--promote")
    assert (code, told["rolled_back"], told["phase"]) == (3, True, "prepared")
    assert story.serves("ada")["model_version"] == "1"
    assert command("audit", "verify")[1]["ok"]


def test_the_kill_switch_works(story: Story, command: Command) -> None:
    assert command("suspend", "--reason", "drill")[0] == 0
    assert story.serves("ada")["label"] == "Review_Required"
    assert command("resume")[0] == 0
    assert story.serves("ada")["model_version"] == "1"


def test_a_verdict_for_the_challenger_waits_for_an_approval_where_one_is_asked_for(
    story: Story, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("abort")[0] == 0
    _tried(story, command, "2", better="challenger")
    monkeypatch.setenv("CONTENDER_REQUIRE_APPROVAL", "true")
    code, told = command("release", "reconcile", "--promote")
    assert (code, told["phase"], told["did"]) == (0, "experimenting", [])
    assert told["waits_for"] == "contender promote: the verdict is promote"
    assert command("promote")[0] == 3
    assert story.serves("ada")["model_version"] in {"1", "2"}


def test_a_round_promotes_bakes_and_keeps_the_version_before_warm(story: Story, command: Command) -> None:
    code, told = command("release", "reconcile", "--promote", "--bake", "1")
    assert (code, told["phase"], told["did"]) == (0, "promoted", ["promoted the challenger", "baked"])
    assert told["waits_for"].startswith("the end of the rollback window in 24.0 h")
    assert story.place().slots.answers("blue") == "1"
    assert story.serves("ada")["model_version"] == "2"


def test_a_round_ends_the_rollback_window_in_its_time(
    story: Story, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("release", "reconcile")[1]["did"] == []
    monkeypatch.setenv("CONTENDER_ROLLBACK_HOURS", "0.0000001")
    code, told = command("release", "reconcile")
    assert (code, told["phase"], told["did"]) == (0, "idle", ["ended the rollback window"])
    assert story.place().slots.answers("blue") is None
    assert story.serves("ada")["model_version"] == "2"
    assert command("audit", "verify")[1]["ok"]


def _tried(story: Story, command: Command, version: str, better: str) -> None:
    """An experiment of `version` whose outcomes bear the arm `better` out and speak against the other."""
    assert command("experiment", "start", "--version", version, "--ramp", "0.5", "--window", "3s")[0] == 0
    people = [{**row, "unit_id": f"v{version}-{number}"} for number, row in enumerate(rows(1_600, 7))]
    for first in range(0, len(people), BATCH):
        _judged(story, story.ask(people[first : first + BATCH]), better)
    place = story.place()
    end = time.monotonic() + 60
    while (
        sum(arm.metric("reward").matured for arm in place.store.experiment_data(_experiment(place)).arms.values())
        < 1_500
    ):
        place.store.settle(TASK, place.task.reward)
        assert time.monotonic() < end, "the outcomes did not arrive"
        time.sleep(0.2)


def _judged(story: Story, answers: list[dict[str, Any]], better: str) -> None:
    outcomes = [
        {
            "event_id": one["prediction_id"],
            "prediction_id": one["prediction_id"],
            "value": int((one["score"] >= 0.5) == (one["assigned_to"] == better)),
        }
        for one in answers
    ]
    with story.place().endpoint() as endpoint:
        endpoint.outcome(outcomes)


def _experiment(place: Workplace) -> str:
    ramp = place.release.state().ramp
    assert ramp is not None
    return ramp.experiment_id
