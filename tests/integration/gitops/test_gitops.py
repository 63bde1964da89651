"""A sync of Argo CD or Flux undoes no promotion and no suspension, and still brings what Git changes.

Real: the release's own adapters over HTTP, the rendered manifests. Stand-ins: the Kubernetes API with server-side apply
(`tests/stand_ins`), and the controllers' part in it (`controllers.py`).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from contender.adapters.kubernetes_api import MANAGER, MERGE, group_path
from contender.adapters.routing_kubernetes import KEY, RoutingConfigMap
from contender.adapters.slots_kserve import STOP, service_name
from contender.routing import Arm, Routing
from contender.values import BASELINE, FallbackPolicy
from infrastructure.policy import gate
from infrastructure.policy.objects import Document
from infrastructure.policy.render import ROOT
from tests.integration.gitops.controllers import PLURALS, Controller, asked, controller, examples, key_of, rendered
from tests.stand_ins.kubernetes_api.cluster import NAMESPACE, TASK, Cluster, connected
from tests.stand_ins.kubernetes_api.objects import Key, Objects

SLOTS = [service_name(TASK, slot) for slot in ("blue", "green", BASELINE)]
SERVING = "apis/serving.kserve.io/v1beta1"
URI = ("spec", "predictor", "model", "storageUri")
FORMAT = ("spec", "predictor", "model", "modelFormat", "name")


@pytest.fixture(params=["argocd", "flux"])
def sync(request: pytest.FixtureRequest, cluster: Cluster, tmp_path: Path) -> Controller:
    """The controller of an example in a cluster that has nothing yet."""
    for name in SLOTS:
        cluster.api.objects.delete(Key(SERVING, "inferenceservices", NAMESPACE, name))
    return controller(request.param, cluster, tmp_path)


def write(cluster: Cluster, generation: int, slot: str, version: str) -> None:
    """One routing write, as a release makes it."""
    routing = Routing(TASK, generation, None, (Arm("champion", slot, version, 0.0, 1.0),), None, FallbackPolicy())
    RoutingConfigMap(connected(cluster.api)).write(routing, expected=generation - 1 or None)


def released(cluster: Cluster) -> None:
    """First release into blue and the baseline, then a promotion of version 2 in green."""
    cluster.slots.retire("green")
    for slot, version in (("blue", "1"), (BASELINE, "1"), ("green", "2")):
        cluster.slots.prepare(slot, cluster.version(version), deadline_s=20)
    write(cluster, 1, "blue", "1")
    write(cluster, 2, "green", "2")
    lease = group_path("coordination.k8s.io/v1", NAMESPACE, "leases", f"{TASK}-reconcile")
    connected(cluster.api).call("PATCH", lease, {"spec": {"holderIdentity": "me"}}, kind=MERGE)


def suspended(cluster: Cluster) -> None:
    """A person suspends the release jobs as the runbooks say."""
    path = group_path("batch/v1", NAMESPACE, "cronjobs", f"{TASK}-reconcile")
    query = {"fieldManager": "kubectl-patch"}
    connected(cluster.api).call("PATCH", path, {"spec": {"suspend": True}}, kind=MERGE, query=query)


def state(sync: Controller, objects: Objects) -> dict[str, Document]:
    """All objects that are synced, without what KServe tells of them."""
    found = {key_of(one).name + one["kind"]: objects.get(key_of(one)) for one in sync.wanted}
    for one in found.values():
        one.pop("status", None)
        one["metadata"].pop("resourceVersion")
    return found


def service(cluster: Cluster, slot: str) -> Document:
    return cluster.api.objects.get(Key(SERVING, "inferenceservices", NAMESPACE, service_name(TASK, slot)))


def routed(cluster: Cluster) -> str:
    document = cluster.api.objects.get(Key("api/v1", "configmaps", NAMESPACE, f"{TASK}-routing"))
    return str(document["data"][KEY])


def test_a_sync_undoes_no_promotion_and_no_suspension(sync: Controller, cluster: Cluster) -> None:
    sync.sync()
    released(cluster)
    suspended(cluster)
    before = state(sync, cluster.api.objects)
    for _ in range(2):
        sync.sync()
    assert state(sync, cluster.api.objects) == before
    assert service(cluster, "green")["spec"]["predictor"]["model"]["storageUri"].endswith("/2")
    assert service(cluster, "green")["metadata"]["annotations"][STOP] == "false"
    assert '"slot": "green"' in routed(cluster)
    for slot in ("blue", "green", BASELINE):
        owners = cluster.api.objects.managers(Key(SERVING, "inferenceservices", NAMESPACE, service_name(TASK, slot)))
        assert [name for name, owned in owners.items() if URI in owned] == [MANAGER]


def promoted_between_look_and_apply(sync: Controller, cluster: Cluster) -> None:
    """A sync is no transaction: what it read may be old by the time it applies."""
    sync.sync()
    cluster.slots.prepare("blue", cluster.version("1"), deadline_s=20)
    write(cluster, 1, "blue", "1")
    looked = list(sync.targets())
    cluster.slots.prepare("blue", cluster.version("2"), deadline_s=20)
    write(cluster, 2, "blue", "2")
    for document, target in looked:
        sync.apply(document, target)


def test_a_look_before_a_promotion_and_an_apply_after_it_undo_nothing(sync: Controller, cluster: Cluster) -> None:
    promoted_between_look_and_apply(sync, cluster)
    assert service(cluster, "blue")["spec"]["predictor"]["model"]["storageUri"].endswith("/2")
    assert '"generation": 2' in routed(cluster)


def test_the_pointers_that_the_readme_forbids_would_take_a_promotion_back(cluster: Cluster, tmp_path: Path) -> None:
    ignored = [
        {"kind": "InferenceService", "jsonPointers": ["/spec/predictor/model/storageUri"]},
        {"kind": "ConfigMap", "jsonPointers": ["/data"]},
    ]
    sync = Controller(cluster, rendered("argocd", tmp_path), ignored, "argocd-controller")
    promoted_between_look_and_apply(sync, cluster)
    assert service(cluster, "blue")["spec"]["predictor"]["model"]["storageUri"].endswith("/1")
    assert '"generation": 1' in routed(cluster)


def test_what_git_changes_arrives_beside_a_release(sync: Controller, cluster: Cluster) -> None:
    sync.sync()
    released(cluster)
    for one in sync.wanted:
        if one["kind"] == "InferenceService":
            one["spec"]["predictor"]["minReplicas"] = 3
    sync.sync()
    for slot, version in (("blue", "1"), ("green", "2"), (BASELINE, "1")):
        predictor = service(cluster, slot)["spec"]["predictor"]
        assert predictor["minReplicas"] == 3
        assert predictor["model"]["storageUri"].endswith(f"/{version}")


def test_argo_cd_ignores_a_version_that_somebody_writes_into_git(cluster: Cluster, tmp_path: Path) -> None:
    for respects, kept in ((True, "2"), (False, "9")):
        sync = controller("argocd", cluster, tmp_path)
        if not respects:
            sync = Controller(cluster, rendered("argocd", tmp_path), [], "argocd-controller")
        sync.sync()
        cluster.slots.prepare("green", cluster.version("2"), deadline_s=20)
        for one in sync.wanted:
            if one["metadata"]["name"] == service_name(TASK, "green") and one["kind"] == "InferenceService":
                one["spec"]["predictor"]["model"]["storageUri"] = f"s3://models/{TASK}/serving/9"
        sync.sync()
        assert service(cluster, "green")["spec"]["predictor"]["model"]["storageUri"].endswith(f"/{kept}")


@pytest.mark.parametrize("name", ["argocd", "flux"])
def test_what_is_synced_states_no_field_of_a_release(name: str, tmp_path: Path) -> None:
    made = rendered(name, tmp_path)
    stated = [one for one in made if one["kind"] in PLURALS]
    assert len([one for one in stated if one["kind"] == "InferenceService"]) >= 6
    for one in stated:
        assert "data" not in one or not one["metadata"]["name"].endswith("-routing")
        assert STOP not in one["metadata"].get("annotations", {})
        if one["kind"] == "InferenceService":
            assert "storageUri" not in one["spec"]["predictor"]["model"]
        if one["kind"] == "CronJob":
            # `<task>-undo` is a form for jobs, never scheduled: that is the manifests' word.
            assert one["spec"].get("suspend") is (True if one["metadata"]["name"].endswith("-undo") else None)
    job = made.named("Job", "database-upgrade")
    assert job is not None
    assert len([name for name in job["metadata"]["annotations"] if "hook" in name or "force" in name]) >= 1
    assert [str(one) for one in gate.manifests(made)] == []


def test_the_examples_sync_an_overlay_that_is_there_and_prune_nothing() -> None:
    argo, flux = asked("argocd")["spec"], asked("flux")["spec"]
    for path in (argo["source"]["path"], flux["path"]):
        assert (ROOT / path / "kustomization.yaml").is_file()
    assert {"ServerSideApply=true", "RespectIgnoreDifferences=true"} <= set(argo["syncPolicy"]["syncOptions"])
    assert argo["syncPolicy"]["automated"]["prune"] is flux["prune"] is False
    sources = [one["metadata"]["name"] for one in examples()["flux"] if one["kind"] == flux["sourceRef"]["kind"]]
    assert sources == [flux["sourceRef"]["name"]]
    owners = {one for rule in argo["ignoreDifferences"] for one in rule["managedFieldsManagers"]}
    assert owners == {MANAGER}
    assert not [rule for rule in argo["ignoreDifferences"] if "jsonPointers" in rule]
