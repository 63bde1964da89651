"""What the overlays promise each other: who owns which field, who is named by whom, and what no overlay may lose."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from contender.adapters.kubernetes_api import MANAGER
from contender.adapters.routing_kubernetes import KEY, config_map
from contender.routing import KNOWN_SLOTS, parse
from contender.tasks.catalog import TASKS
from contender.values import SLOTS
from tests.integration.adapters_kubernetes.test_walk_through import RELEASE, TRANSFORMER
from tests.stand_ins.kubernetes_api.cluster import TASK

ROOT = Path(__file__).parents[3]
OVERLAYS = ("local", "staging", "production")
Document = dict[str, Any]


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest, rendered: Mapping[str, Any]) -> Any:
    return rendered[request.param]


def pod_specs(overlay: Any) -> Iterator[tuple[str, Document]]:
    """Every pod that an overlay brings about, with its containers' securityContext where KServe takes it from."""
    (runtime,) = overlay.of("ServingRuntime")
    for one in overlay:
        name, spec = f"{one['kind']} {one['metadata']['name']}", one.get("spec", {})
        if one["kind"] == "InferenceService":
            yield f"{name} predictor", {**spec["predictor"], **runtime["spec"]}
            if "transformer" in spec:
                yield f"{name} transformer", spec["transformer"]
        elif one["kind"] == "CronJob":
            yield name, spec["jobTemplate"]["spec"]["template"]["spec"]
        elif "template" in spec:
            yield name, spec["template"]["spec"]


def slots(overlay: Any) -> tuple[str, ...]:
    """The slots that an overlay's release jobs may release into."""
    env = overlay.one("CronJob", f"{TASK}-undo")["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0][
        "env"
    ]
    told = {one["name"]: one.get("value") for one in env}
    return tuple(told["CONTENDER_SLOTS"].split(",")) if "CONTENDER_SLOTS" in told else SLOTS


def test_every_task_of_the_catalogue_has_its_places(overlay: Any) -> None:
    names = {one["metadata"]["name"] for one in overlay.of("InferenceService")}
    assert names == {name for task in TASKS for name in (task, *(f"{task}-{slot}" for slot in slots(overlay)))}


def test_a_cluster_has_all_slots_that_a_routing_may_name_and_a_laptop_two(rendered: Mapping[str, Any]) -> None:
    assert {name: slots(rendered[name]) for name in OVERLAYS} == {
        "local": SLOTS,
        "staging": KNOWN_SLOTS,
        "production": KNOWN_SLOTS,
    }


def test_all_slots_of_a_task_are_equal_but_for_their_names(overlay: Any) -> None:
    for task in TASKS:
        for kind, suffix in (("InferenceService", ""), ("PodDisruptionBudget", "-predictor")):
            texts = {
                yaml.safe_dump(overlay.one(kind, f"{task}-{slot}{suffix}")).replace(f"{task}-{slot}", "SLOT")
                for slot in slots(overlay)
            }
            assert len(texts) == 1, kind


def test_a_transformer_is_told_where_each_slot_is(overlay: Any) -> None:
    for task in TASKS:
        env = overlay.one("InferenceService", task)["spec"]["transformer"]["containers"][0]["env"]
        told = {one["name"]: one["value"] for one in env if one["name"].endswith("_URL")}
        assert told == {
            f"CONTENDER_{slot.upper()}_URL": f"http://$(CONTENDER_TASK)-{slot}-predictor.$(CONTENDER_NAMESPACE)"
            for slot in slots(overlay)
        }


def test_nothing_keeps_the_name_of_the_template(overlay: Any) -> None:
    words = re.compile(r"(^|[\s./:])task([-.:/]|$)")
    stray = [line for line in yaml.safe_dump_all(overlay).splitlines() if words.search(line.strip().rpartition(" ")[2])]
    assert not stray


def test_the_release_alone_says_what_is_served_and_who_is_routed_where(overlay: Any) -> None:
    assert MANAGER == "contender-release"
    for service in overlay.of("InferenceService"):
        assert "storageUri" not in service["spec"]["predictor"]["model"]
        assert "serving.kserve.io/stop" not in service["metadata"]["annotations"]
    for task in TASKS:
        assert "data" not in overlay.one("ConfigMap", config_map(task))


def test_every_predictor_names_its_runtime_and_how_it_is_fetched(overlay: Any) -> None:
    (runtime,), (storage,) = overlay.of("ServingRuntime"), overlay.of("ClusterStorageContainer")
    formats = {one["name"] for one in runtime["spec"]["supportedModelFormats"]}
    for service in overlay.of("InferenceService"):
        predictor = service["spec"]["predictor"]
        assert predictor["model"]["runtime"] == runtime["metadata"]["name"]
        assert predictor["model"]["modelFormat"]["name"] in formats
        assert predictor["storageContainerName"] == storage["metadata"]["name"]
    assert re.search(r"-v\d+$", runtime["metadata"]["name"])


def test_the_mounted_routing_is_the_file_that_the_transformer_reads(overlay: Any) -> None:
    for task in TASKS:
        (volume,) = [
            one
            for one in overlay.one("InferenceService", task)["spec"]["transformer"]["volumes"]
            if one["name"] == "routing"
        ]
        assert volume["configMap"]["name"] == config_map(task)
        assert volume["configMap"]["items"] == [{"key": KEY, "path": f"{task}.routing.json"}]


def test_a_reader_of_the_routing_reads_that_one_only(overlay: Any) -> None:
    for task in TASKS:
        (rule,) = overlay.one("Role", f"{task}-routing-reader")["rules"]
        assert rule == {
            "apiGroups": [""],
            "resources": ["configmaps"],
            "resourceNames": [config_map(task)],
            "verbs": ["get", "watch"],
        }


def test_no_role_holds_a_wildcard_or_secrets(overlay: Any) -> None:
    for role in overlay.of("Role"):
        for rule in role["rules"]:
            assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"]
            assert "secrets" not in rule["resources"]


def test_every_pod_is_restricted_and_leaves_its_root_alone(overlay: Any) -> None:
    seen = 0
    for name, spec in pod_specs(overlay):
        pod = spec["securityContext"]
        assert pod["runAsNonRoot"] is True, name
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["enableServiceLinks"] is False, name
        for container in spec["containers"]:
            own = container["securityContext"]
            assert own["allowPrivilegeEscalation"] is False, name
            assert own["readOnlyRootFilesystem"] is True, name
            assert own["capabilities"] == {"drop": ["ALL"]}, name
            assert set(container["resources"]) == {"requests", "limits"}, name
            seen += 1
    assert seen >= 14


def test_servers_leave_slowly_enough(overlay: Any) -> None:
    drain, request = 5, 8
    for name, spec in pod_specs(overlay):
        if not name.startswith("InferenceService"):
            continue
        (container,) = spec["containers"]
        sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert spec["terminationGracePeriodSeconds"] > sleep + drain + request, name
        assert spec["deploymentStrategy"]["rollingUpdate"]["maxUnavailable"] == 0, name
        assert container["readinessProbe"]["httpGet"]["path"] == "/v2/health/ready", name


def test_every_route_leads_to_a_transformer_and_to_no_more_than_it_must(overlay: Any) -> None:
    seen: dict[str, set[str]] = {}
    for route in overlay.of("HTTPRoute"):
        task, (rule,) = route["metadata"]["labels"]["app.kubernetes.io/instance"], route["spec"]["rules"]
        assert [one["name"] for one in rule["backendRefs"]] == [f"{task}-transformer"]
        assert {one["method"] for one in rule["matches"]} == {"POST"}
        assert overlay.one("Gateway", route["spec"]["parentRefs"][0]["name"])
        paths = seen.setdefault(route["metadata"]["name"], set())
        paths |= {one["path"]["value"] for one in rule["matches"]}
    persons = {f"{task}-person": {f"/person/v1/models/{task}:predict"} for task in TASKS} if len(seen) > 4 else {}
    asking = {task: {f"/v1/models/{task}:predict", f"/v2/models/{task}/infer"} for task in TASKS}
    assert seen == {**asking, **{f"{task}-outcome": {f"/v1/models/{task}:outcome"} for task in TASKS}, **persons}


def test_images_are_ours_by_digest_or_pinned(overlay: Any, request: pytest.FixtureRequest) -> None:
    images = re.findall(r"^\s*(?:- )?image: (\S+)$", yaml.safe_dump_all(overlay), re.MULTILINE)
    assert images
    assert not [
        one for one in images if one.endswith(":latest") or not re.search(r"(@sha256:[0-9a-f]{64}|:[\w.-]+)$", one)
    ]
    if "local" not in request.node.name:
        assert all("@sha256:" in one for one in images if "contender/" in one)


@pytest.mark.parametrize("name", ["staging", "production"])
def test_accounts_are_those_that_terraform_trusts(rendered: Mapping[str, Any], name: str) -> None:
    text = (ROOT / "infrastructure/terraform/modules/identity/variables.tf").read_text()
    trusted = set(re.findall(r'optional\(set\(string\), \["(?!kube-system)([\w-]+:[\w-]+)"\]\)', text))
    (served,) = re.findall(r'variable "tasks" .*?default += {(.*?)}', text, re.DOTALL)
    for task, namespace in re.findall(r'([\w-]+) = "([\w-]+)"', served):
        trusted |= {f"{namespace}:{task}-{part}" for part in ("slot", "transformer", "release")}
    roles = "eks.amazonaws.com/role-arn"
    annotated = {
        f"{one['metadata']['namespace']}:{one['metadata']['name']}": one["metadata"]["annotations"][roles]
        for one in rendered[name].of("ServiceAccount")
        if roles in one["metadata"].get("annotations", {})
    }
    assert set(annotated) == trusted
    assert all(f":role/contender-{name}-" in arn for arn in annotated.values())


def test_the_rollback_group_starts_what_an_undo_job_is(overlay: Any) -> None:
    policy = overlay.one("ValidatingAdmissionPolicy", "contender-rollback-starts-undo")
    expression, image, own = policy["spec"]["validations"]
    assert "variables.pod.serviceAccountName == variables.whose + '-release'" in expression["expression"]
    assert "secretKeyRef.name == variables.whose + '-store'" in own["expression"]
    assert "secret.secretName == variables.whose + '-store'" in own["expression"]
    assert "one.secretRef.name == 'contender-s3'" in own["expression"]
    for task in TASKS:
        job = overlay.one("CronJob", f"{task}-undo")
        spec = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        assert job["spec"]["suspend"] is True
        labels = job["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == task
        assert spec["serviceAccountName"] == f"{task}-release"
        told = {one["name"]: one for one in container["env"]}
        assert told["CONTENDER_TASK"]["value"] == task
        assert told["CONTENDER_STORE_URL"]["valueFrom"]["secretKeyRef"]["name"] == f"{task}-store"
        assert container["args"][1:3] == ["--task", "$(CONTENDER_TASK)"]
        assert f"{container['command']}" in expression["expression"].replace('"', "'")
        assert container["args"][0] == "undo"
        assert image["expression"].endswith(f"== '{container['image']}'")
        assert all(one["name"].startswith(("CONTENDER_", "AWS_")) for one in container["env"])


def test_first_versions_are_written_as_a_release_would_write_them(rendered: Mapping[str, Any]) -> None:
    text = (ROOT / "infrastructure/kubernetes/overlays/local/first-versions.yaml").read_text()
    applied = {(one["kind"], one["metadata"]["name"]) for one in rendered["local"]}
    for one in yaml.safe_load_all(text):
        assert (one["kind"], one["metadata"]["name"]) in applied
        if one["kind"] == "ConfigMap":
            assert parse(one["data"][KEY].encode()).task == one["metadata"]["name"].removesuffix("-routing")
        else:
            assert list(one["spec"]) == ["predictor"]
            assert set(one["spec"]["predictor"]["model"]) <= {"modelFormat", "storageUri"}


def test_the_walk_through_has_the_rights_that_the_manifests_give(overlay: Any) -> None:
    """What a release and a transformer may do in the story that the tests tell, no more than in a cluster."""
    for name, told in ((f"{TASK}-release", RELEASE), (f"{TASK}-routing-reader", TRANSFORMER)):
        given = {
            (verb, resource, tuple(rule.get("resourceNames", ())))
            for role in (name, f"{TASK}-release-reader")
            for rule in overlay.one("Role", role)["rules"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
        }
        asked = {(verb, rule.resource, names) for rule in told for verb in rule.verbs for names in [rule.names]}
        missing = {
            (v, r, n) for v, r, n in asked if not any((v, r) == (g, s) and set(n) <= set(m) for g, s, m in given)
        }
        assert not missing
