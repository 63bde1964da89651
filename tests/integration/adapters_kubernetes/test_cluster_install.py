"""`contender cluster install` on an empty cluster, again, and after a run that died."""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence

import pytest

from cli.cluster_doctor.command import OVERLAYS
from cli.cluster_doctor.finding import Look
from cli.cluster_install import Place, installed, layers
from contender.adapters.kubernetes_api import Document
from contender.adapters.kubernetes_client import ClientApi
from contender.adapters.kubernetes_manifests import rendered
from contender.errors import DeadlineExceeded, FaultFound
from tests.stand_ins.kubernetes_api.cluster import connected
from tests.stand_ins.kubernetes_api.objects import ApiError, Key
from tests.stand_ins.kubernetes_api.platform import Platform, key_of
from tests.stand_ins.kubernetes_api.server import Asked, KubernetesApi

SECRETS = [
    ("backends", "postgres"),
    ("contender", "contender-store"),
    ("contender", "job-change-store"),
    ("contender", "job-role-store"),
    ("contender", "contender-store-owner"),
    ("contender", "contender-s3"),
    ("mlflow", "mlflow-store"),
]


@pytest.fixture(scope="module")
def local() -> list[Document]:
    return rendered(OVERLAYS / "local")


@pytest.fixture
def platform(api: KubernetesApi, local: list[Document]) -> Platform:
    return Platform(api, local)


class Kubelet:
    """Lets run what was applied, whenever somebody waits."""

    def __init__(self, platform: Platform) -> None:
        self.platform, self.executed = platform, list[str]()

    def run(self, seconds: float = 0) -> None:
        objects = self.platform.api.objects
        for one in self.platform.manifests:
            key = key_of(one)
            if not objects.has(key):
                continue
            if one["kind"] == "Job":
                status: Document = {"conditions": [{"type": "Complete", "status": "True"}]}
            else:
                generation = objects.get(key)["metadata"]["generation"]
                status = {"readyReplicas": 9, "updatedReplicas": 9, "observedGeneration": generation}
            if one["kind"] in ("Job", "Deployment", "StatefulSet"):
                objects.merge(key, {"status": status}, "kubelet", "status")

    def place(self) -> Place:
        client = ClientApi(connected(self.platform.api)._client, "contender")
        return Place(Look(client, self.platform.manifests, time.time), self.execute, self.run)

    def execute(self, words: Sequence[str], text: str) -> None:
        """A database can be made once PostgreSQL runs, and MLflow, which starts with its Secret, must find it."""
        objects = self.platform.api.objects
        ready = objects.get(Key("apis/apps/v1", "statefulsets", "backends", "postgres")).get("status", {})
        secret_there = objects.has(Key("api/v1", "secrets", "mlflow", "mlflow-store"))
        assert ready.get("readyReplicas")
        assert not secret_there
        assert "PASSWORD" not in " ".join(words), "whoever lists the processes sees no password"
        self.executed.append(text)


def secret(platform: Platform, namespace: str, name: str) -> dict[str, str]:
    data = platform.api.objects.get(Key("api/v1", "secrets", namespace, name))["data"]
    return {key: base64.b64decode(text).decode() for key, text in data.items()}


def test_an_empty_cluster_is_installed_and_again_changes_nothing(
    platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    kubelet = Kubelet(platform)
    assert installed(kubelet.place(), with_secrets=True, wait_s=60) == len(platform.manifests)
    owner = secret(platform, "backends", "postgres")["password"]
    assert secret(platform, "mlflow", "mlflow-store")["url"].endswith("/mlflow"), "a database of its own"
    stores = [secret(platform, "contender", name) for name in ("contender-store", "job-change-store", "job-role-store")]
    parts = {url.split("@")[0]: url for store in stores for url in store.values()}
    assert len(parts) == 6, "each part has a user of its own, and of each task"
    passwords = {url.split(":")[2].split("@")[0] for url in parts.values()}
    assert len(passwords | {owner}) == len(parts) + 1, "each part has a password of its own"
    of_mlflow = secret(platform, "mlflow", "mlflow-store")["url"].split(":")[2].split("@")[0]
    assert of_mlflow not in passwords | {owner}, "and MLflow one of its own"
    assert f"ALTER ROLE mlflow PASSWORD '{of_mlflow}'" in "".join(kubelet.executed)
    before = {one: platform.api.objects.get(Key("api/v1", "secrets", *one)) for one in SECRETS}
    versions = [platform.api.objects.get(key_of(one))["metadata"]["resourceVersion"] for one in platform.manifests]
    installed(kubelet.place(), with_secrets=True, wait_s=60)
    assert {one: platform.api.objects.get(Key("api/v1", "secrets", *one)) for one in SECRETS} == before
    again = [platform.api.objects.get(key_of(one))["metadata"]["resourceVersion"] for one in platform.manifests]
    assert again == versions
    said = "".join(capsys.readouterr())
    assert not any(word in said for word in passwords | {owner, of_mlflow})
    assert len(kubelet.executed) == 1


def test_a_run_that_died_half_way_is_continued_with_the_passwords_that_are_there(platform: Platform) -> None:
    kubelet = Kubelet(platform)

    def dies(asked: Asked) -> None:
        if (
            asked.verb == "create"
            and asked.key.name == ""
            and asked.key.namespace == "mlflow"
            and asked.key.resource == "secrets"
        ):
            raise ApiError(500, "InternalError", "etcdserver: request timed out")

    working = platform.api.before
    platform.api.before = dies
    with pytest.raises(Exception, match="timed out"):
        installed(kubelet.place(), with_secrets=True, wait_s=60)
    before = secret(platform, "backends", "postgres")
    platform.api.before = working
    installed(kubelet.place(), with_secrets=True, wait_s=60)
    assert secret(platform, "backends", "postgres") == before
    kept = secret(platform, "mlflow", "mlflow-store")["url"].split(":")[2].split("@")[0]
    assert kept in kubelet.executed[-1], "the password that was set last"


def test_an_unfit_cluster_gets_nothing(platform: Platform) -> None:
    platform.api.documents["/version"] = {"gitVersion": "v1.30.0"}
    with pytest.raises(FaultFound, match=r"1\.34"):
        installed(Kubelet(platform).place(), with_secrets=True, wait_s=60)
    assert not platform.api.objects.has(Key("api/v1", "namespaces", "", "contender"))


def test_missing_secrets_stop_before_the_rest_and_are_named(platform: Platform) -> None:
    with pytest.raises(FaultFound, match="mlflow-store"):
        installed(Kubelet(platform).place(), with_secrets=False, wait_s=60)
    first, rest = layers(platform.manifests)
    assert all(platform.api.objects.has(key_of(one)) for one in first)
    assert not any(platform.api.objects.has(key_of(one)) for one in rest)


def test_what_does_not_come_up_is_named_with_its_reason(platform: Platform) -> None:
    kubelet = Kubelet(platform)
    installed(kubelet.place(), with_secrets=True, wait_s=60)
    mlflow = next(
        one for one in platform.manifests if one["kind"] == "Deployment" and "mlflow" in one["metadata"]["name"]
    )
    platform.api.objects.merge(key_of(mlflow), {"status": {"readyReplicas": 0}}, "kubelet", "status")
    killed = {"containerStatuses": [{"lastState": {"terminated": {"reason": "OOMKilled"}}}]}
    platform.put("api/v1", "pods", "mlflow", "mlflow-0a", status=killed)
    place = kubelet.place()
    still = Place(place.look, place.execute, lambda seconds: None)
    with pytest.raises(DeadlineExceeded, match="mlflow-0a: OOMKilled"):
        installed(still, with_secrets=True, wait_s=0.1)
    creating = {"containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]}
    platform.put("api/v1", "pods", "mlflow", "mlflow-0a", status=creating)
    with pytest.raises(DeadlineExceeded, match="mlflow-0a: ContainerCreating"):
        installed(still, with_secrets=True, wait_s=0.1)
    for at, message in (("2026-11-28T10:00:00Z", "an older one"), ("2026-11-28T10:01:00Z", "no such volume")):
        event = {"type": "Warning", "reason": "FailedMount", "message": message, "lastTimestamp": at}
        about = {"involvedObject": {"name": "mlflow-0a"}}
        platform.put("api/v1", "events", "mlflow", f"mlflow-0a.{at[-3:-1]}{message[:2]}", **event, **about)
    with pytest.raises(DeadlineExceeded, match="mlflow-0a: FailedMount: no such volume"):
        installed(still, with_secrets=True, wait_s=0.1)
