"""`contender cluster doctor` against a cluster in which one thing after another is wrong: each has its remedy."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.cluster_doctor.checks import CHECKS
from cli.cluster_doctor.command import OVERLAYS
from cli.cluster_doctor.finding import Finding, Look, State, findings
from cli.main import run
from contender.adapters.kubernetes_api import Document
from contender.adapters.kubernetes_client import ClientApi
from contender.adapters.kubernetes_manifests import parsed, rendered
from contender.errors import InvalidInput, Unavailable
from tests.stand_ins.kubernetes_api.cluster import connected
from tests.stand_ins.kubernetes_api.objects import ApiError, Key
from tests.stand_ins.kubernetes_api.platform import GATEWAYS, KSERVE_STORAGE, Platform, key_of
from tests.stand_ins.kubernetes_api.server import Asked, KubernetesApi, Rule

FAILED, WARNING = State.FAILED, State.WARNING
DEPLOYMENTS, CONTROLLER = "apis/apps/v1", "kserve-controller-manager"


@pytest.fixture(scope="module")
def local() -> list[Document]:
    return rendered(OVERLAYS / "local")


@pytest.fixture
def platform(api: KubernetesApi, local: list[Document]) -> Platform:
    made = Platform(api, json.loads(json.dumps(local)))
    made.install()
    return made


def looked(platform: Platform, who: str = "admin", *, dry_run: bool = True) -> list[Finding]:
    client = ClientApi(connected(platform.api, who)._client, "contender")
    checks = [check for check in CHECKS if dry_run or check.name != "dry run"]
    return findings(checks, Look(client, platform.manifests, time.time))


def test_a_fit_cluster_has_no_fault_and_warns_of_images_by_tag(platform: Platform) -> None:
    before = platform.api.objects.version
    bad = [one for one in looked(platform) if one.state != State.OK]
    assert [(one.name, one.state) for one in bad] == [("images", WARNING)]
    assert platform.api.objects.version == before, "a doctor changes nothing"


def test_an_empty_cluster_lacks_what_an_installation_makes_and_secrets(
    api: KubernetesApi, local: list[Document]
) -> None:
    bad = [one for one in looked(Platform(api, local)) if one.state == FAILED]
    left = {re.split(" ", one.name)[0] for one in bad if not one.installed}
    assert left == {"Secret"}
    assert {"namespace contender", "storage container", "account contender/job-change-release"} <= {
        one.name for one in bad
    }


def version(platform: Platform) -> None:
    platform.api.documents["/version"] = {"gitVersion": "v1.33.9-eks"}


def no_kserve_kinds(platform: Platform) -> None:
    del platform.api.documents["/apis/serving.kserve.io/v1beta1"]


def no_controller(platform: Platform) -> None:
    platform.take(DEPLOYMENTS, "deployments", "kserve", CONTROLLER)


def other_kserve(platform: Platform) -> None:
    spec = {"template": {"spec": {"containers": [{"name": "manager", "image": "registry:5000/k:v0.21.0"}]}}}
    platform.put(DEPLOYMENTS, "deployments", "kserve", CONTROLLER, spec=spec, status={"readyReplicas": 1})


def controller_down(platform: Platform) -> None:
    spec = {"template": {"spec": {"containers": [{"name": "manager", "image": "k:v0.20.0"}]}}}
    platform.put(DEPLOYMENTS, "deployments", "kserve", CONTROLLER, spec=spec)


def knative(platform: Platform) -> None:
    data = {"deploy": '{"defaultDeploymentMode": "Serverless"}'}
    platform.put("api/v1", "configmaps", "kserve", "inferenceservice-config", data=data)


def unreadable_mode(platform: Platform) -> None:
    platform.put("api/v1", "configmaps", "kserve", "inferenceservice-config", data={"deploy": "{"})


def no_class(platform: Platform) -> None:
    platform.take(GATEWAYS, "gatewayclasses", "", "envoy")


def class_of_nobody(platform: Platform) -> None:
    platform.put(GATEWAYS, "gatewayclasses", "", "envoy")


def no_metrics(platform: Platform) -> None:
    service = next(one for one in platform.manifests if one["kind"] == "InferenceService")
    service["spec"]["predictor"]["scaleMetric"] = "cpu"


def no_default_storage(platform: Platform) -> None:
    platform.put("apis/storage.k8s.io/v1", "storageclasses", "", "standard")


def flannel(platform: Platform) -> None:
    platform.take("apis/apps/v1", "daemonsets", "kube-system", "calico-node")
    platform.put("apis/apps/v1", "daemonsets", "kube-flannel", "kube-flannel-ds")


def small_node(platform: Platform) -> None:
    platform.put("api/v1", "nodes", "", "one", status={"allocatable": {"cpu": "100m", "memory": "32Gi"}})


def crowded(platform: Platform) -> None:
    spec = {"containers": [{"resources": {"requests": {"memory": "31Gi"}}}]}
    platform.put("api/v1", "pods", "other", "big", spec=spec, status={"phase": "Running"})


def cordoned(platform: Platform) -> None:
    spec, status = {"unschedulable": True}, {"allocatable": {"cpu": "8", "memory": "32Gi"}}
    platform.put("api/v1", "nodes", "", "one", spec=spec, status=status)


def clock_ahead(platform: Platform) -> None:
    platform.api.clock = lambda: time.time() + 60


def no_namespace(platform: Platform) -> None:
    platform.take("api/v1", "namespaces", "", "mlflow")


def open_namespace(platform: Platform) -> None:
    platform.put("api/v1", "namespaces", "", "contender")


def privileged_accepted(platform: Platform) -> None:
    platform.api.before = lambda asked: None


def no_container(platform: Platform) -> None:
    platform.take(KSERVE_STORAGE, "clusterstoragecontainers", "", "contender-s3")


def ambiguous_container(platform: Platform) -> None:
    spec = {"supportedUriFormats": [{"prefix": "s3://"}]}
    platform.put(KSERVE_STORAGE, "clusterstoragecontainers", "", "default", spec=spec)
    service = next(one for one in platform.manifests if one["kind"] == "InferenceService")
    del service["spec"]["predictor"]["storageContainerName"]


def no_account(platform: Platform) -> None:
    platform.take("api/v1", "serviceaccounts", "contender", "job-change-release")


def no_secret(platform: Platform) -> None:
    platform.take("api/v1", "secrets", "mlflow", "mlflow-store")


def secret_without_key(platform: Platform) -> None:
    platform.secret("contender", "job-change-store", "transformer")


def nobody_approves(platform: Platform) -> None:
    platform.take("api/v1", "configmaps", "contender", "approvers")


def key_without_suffix(platform: Platform) -> None:
    platform.put("api/v1", "configmaps", "contender", "approvers", data={"ada": "-----BEGIN PUBLIC KEY-----"})


def unfilled_image(platform: Platform) -> None:
    job = next(one for one in platform.manifests if one["kind"] == "Deployment")
    job["spec"]["template"]["spec"]["containers"][0]["image"] = "ACCOUNT.dkr.ecr.REGION.amazonaws.com/x:1"


def webhook_refuses(platform: Platform) -> None:
    def refuse(asked: Asked) -> None:
        if asked.key.resource == "inferenceservices" and asked.verb == "patch":
            raise ApiError(500, "InternalError", "failed calling webhook: no endpoints for service kserve-webhook")

    platform.api.before = refuse


def owned_by_another(platform: Platform) -> None:
    one = next(one for one in platform.manifests if one["kind"] == "CronJob" and "suspend" in one["spec"])
    api, key = platform.api.objects, key_of(one)
    api.merge(key, {"spec": {"suspend": not one["spec"]["suspend"]}}, "kubectl-patch")


WRONG: list[tuple[Callable[[Platform], None], str, State, str]] = [
    (version, "Kubernetes", FAILED, "1.34"),
    (no_kserve_kinds, "kind InferenceService", FAILED, "KServe 0.20"),
    (no_controller, "KServe", FAILED, "KServe 0.20"),
    (other_kserve, "KServe", WARNING, "0.20"),
    (controller_down, "KServe controller", FAILED, "describe deployment"),
    (knative, "KServe mode", WARNING, "deploymentMode=Standard"),
    (unreadable_mode, "KServe mode", WARNING, "deploymentMode=Standard"),
    (no_class, "GatewayClass envoy", FAILED, "controller"),
    (class_of_nobody, "GatewayClass envoy", FAILED, "controller"),
    (no_metrics, "metrics API", FAILED, "metrics-server"),
    (no_default_storage, "StorageClass", FAILED, "is-default-class"),
    (flannel, "network plugin", WARNING, "Calico"),
    (small_node, "processors", FAILED, "add nodes"),
    (crowded, "memory", FAILED, "add nodes"),
    (cordoned, "processors", FAILED, "add nodes"),
    (clock_ahead, "clock", FAILED, "time server"),
    (no_namespace, "namespace mlflow", FAILED, "install"),
    (open_namespace, "namespace contender", FAILED, "kubectl label"),
    (privileged_accepted, "admission in contender", FAILED, "restricted"),
    (no_container, "storage container", FAILED, "install"),
    (ambiguous_container, "storage container: others", FAILED, "storageContainerName"),
    (no_account, "account contender/job-change-release", FAILED, "install"),
    (no_secret, "Secret mlflow/mlflow-store", FAILED, "url"),
    (secret_without_key, "Secret contender/job-change-store", FAILED, "release"),
    (nobody_approves, "approvers", WARNING, "NAME.pub"),
    (key_without_suffix, "approvers: other keys", WARNING, "NAME.pub"),
    (unfilled_image, "images", FAILED, "digests"),
    (webhook_refuses, "InferenceService job-change", FAILED, "API says"),
    (owned_by_another, "CronJob ", FAILED, "owns the field"),
]


@pytest.mark.parametrize(("breaks", "name", "state", "remedy"), WRONG, ids=[one[0].__name__ for one in WRONG])
def test_what_is_wrong_is_found_with_its_remedy(
    platform: Platform, breaks: Callable[[Platform], None], name: str, state: State, remedy: str
) -> None:
    breaks(platform)
    tried = breaks in (webhook_refuses, owned_by_another)
    found = next(
        (one for one in looked(platform, dry_run=tried) if one.name.startswith(name) and one.state != State.OK), None
    )
    assert found is not None, f"nothing was found of {name}"
    assert (found.state, remedy in found.remedy) == (state, True), found


def test_who_may_do_nothing_is_told_so_and_sees_no_fault_that_is_none(platform: Platform) -> None:
    platform.api.rules = {"guest": (Rule(("create",), "configmaps"), Rule(("create",), "pods"))}
    found = {one.name: one for one in looked(platform, "guest")}
    assert found["your rights"].state == FAILED
    assert "administrator" in found["your rights"].remedy
    assert found["Secrets"].state == WARNING
    assert "not looked at" in found["Secrets"].found


def test_no_value_of_a_secret_is_told(platform: Platform) -> None:
    platform.secret("contender", "contender-store", "transformer")
    assert "c2VjcmV0" not in str(looked(platform))


def test_an_api_that_is_away_is_no_finding(platform: Platform) -> None:
    platform.api.away = True
    with pytest.raises(Unavailable):
        looked(platform)


@pytest.fixture
def kubeconfig(api: KubernetesApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    document: dict[str, Any] = {"current-context": "c", "contexts": [context]}
    document |= {"clusters": [{"name": "c", "cluster": {"server": api.url}}]}
    document |= {"users": [{"name": "u", "user": {"token": "admin"}}], "apiVersion": "v1", "kind": "Config"}
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(document))
    monkeypatch.setenv("CONTENDER_KUBECONFIG", str(path))
    return path


@pytest.mark.usefixtures("kubeconfig")
def test_the_command_ends_with_4_when_something_failed_and_5_without_an_api(
    platform: Platform, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "all.yaml"
    file.write_text("---\n".join(json.dumps(one) + "\n" for one in platform.manifests))
    command = ["cluster", "doctor", "--manifests", str(file)]
    assert run([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["healthy"] is True
    version(platform)
    assert run(command) == 4
    assert "upgrade the cluster" in capsys.readouterr().out
    platform.api.away = True
    assert run(command) == 5


def test_manifests_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    for text in ("a: [", "a: 1"):
        with pytest.raises(InvalidInput, match=r"one\.yaml"):
            parsed(text, "one.yaml")
    with pytest.raises(InvalidInput, match="there is no overlay"):
        rendered(tmp_path)
    (tmp_path / "kustomization.yaml").write_text("resources: [nowhere.yaml]\n")
    with pytest.raises(InvalidInput, match="cannot be rendered"):
        rendered(tmp_path)
    with pytest.raises(Unavailable, match="not installed"):
        rendered(tmp_path, str(tmp_path / "kubectl"))
    assert run(["cluster", "doctor", "--manifests", str(tmp_path / "none")]) in (2, 5)


def test_key_of_an_object_of_a_namespace() -> None:
    one = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "b"}}
    assert key_of(one) == Key("apis/apps/v1", "deployments", "b", "a")
