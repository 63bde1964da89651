"""The Helm chart says what the overlays say, refuses values that cannot be meant, and takes any tasks and slots."""

from __future__ import annotations

import copy
import re
import tarfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from infrastructure.policy import chart, gate
from infrastructure.policy.objects import Rendered
from infrastructure.policy.render import ROOT

FOUR = ["blue", "green", "violet", "amber"]
TWO = {"slots": ["blue", "green"]}


@pytest.mark.parametrize("name", ["local", "staging", "production"])
def test_the_chart_applies_what_the_overlay_applies(
    charts: Mapping[str, Rendered], overlays: Mapping[str, Rendered], name: str
) -> None:
    assert [str(one) for one in chart.differences(charts[name], overlays[name])] == []


def test_every_difference_is_told(charts: Mapping[str, Rendered], overlays: Mapping[str, Rendered]) -> None:
    other = Rendered("local", copy.deepcopy(list(overlays["local"])))
    slot = other.named("InferenceService", "job-change-blue")
    assert slot is not None
    slot["spec"]["predictor"]["minReplicas"] = 9
    slot["metadata"]["labels"]["helm.sh/chart"] = "theirs"
    slot["spec"]["predictor"]["model"]["env"].append({"name": "MORE", "value": ""})
    other.remove(next(one for one in other if one["kind"] == "Lease"))
    told = "\n".join(map(str, chart.differences(charts["local"], other)))
    assert "InferenceService/contender/job-change-blue .spec.predictor.minReplicas: 1 in the chart, 9 in" in told
    assert ".spec.predictor.model.env.MORE: None in the chart" in told
    assert "Lease/contender/job-change-reconcile: is in the chart and not in the overlay" in told
    assert ".metadata.labels.helm.sh/chart: None in the chart" in told


@pytest.mark.parametrize("name", ["local", "staging", "production"])
def test_a_variable_is_told_before_it_is_used(charts: Mapping[str, Rendered], name: str) -> None:
    """Kubernetes puts in the values of those that stand before; variables are compared in no order."""
    checked = 0
    for pod in charts[name].pods():
        for container in pod.containers:
            before: set[str] = set()
            for one in container.get("env", []):
                used = set(re.findall(r"\$\((\w+)\)", one.get("value", "")))
                assert used <= before, f"{pod.where}: {one['name']}"
                checked += len(used)
                assert one["name"] not in before, f"{pod.where}: {one['name']} twice"
                before.add(one["name"])
    assert checked >= 8


def test_a_task_with_four_slots_passes_the_gate(helm: None) -> None:
    more = chart.merged(chart.MORE, {"tasks": {"loan-offer": {"host": "loans.example.com"}}})
    made = chart.rendered("production", chart.merged(chart.values("production"), more))
    assert [str(one) for one in gate.manifests(made)] == []
    entry = made.named("InferenceService", "loan-offer")
    roles = [one for one in made.of("Role") if one["metadata"]["name"].startswith("loan-offer-")]
    changed = {name for role in roles for rule in role["rules"] for name in rule.get("resourceNames", [])}
    route = made.named("HTTPRoute", "loan-offer")
    assert entry is not None
    assert route is not None
    told = {one["name"]: one.get("value") for one in entry["spec"]["transformer"]["containers"][0]["env"]}
    for slot in FOUR:
        assert made.named("InferenceService", f"loan-offer-{slot}", "contender")
        assert made.named("PodDisruptionBudget", f"loan-offer-{slot}-predictor", "contender")
        assert (
            told[f"CONTENDER_{slot.upper()}_URL"] == f"http://$(CONTENDER_TASK)-{slot}-predictor.$(CONTENDER_NAMESPACE)"
        )
        assert f"loan-offer-{slot}" in changed
    assert route["spec"]["hostnames"] == ["loans.example.com"]
    assert not re.search(r"\btask-(blue|green|routing|release)", yaml.safe_dump_all(list(made)))


def test_a_cluster_without_our_tasks_hears_of_neither(helm: None) -> None:
    hard = {"requests.cpu": "22", "requests.memory": "20Gi", "limits.memory": "42Gi", "pods": "80"}
    given = {**chart.values("production"), **chart.MORE, "quota": {"enabled": True, "hard": hard}}
    made = chart.rendered("production", given)
    assert [str(one) for one in gate.manifests(made)] == []
    told = [one for one in made if one["kind"] != "PrometheusRule" and re.search("job-(change|role)", str(one))]
    assert [one["metadata"]["name"] for one in told] == []
    policies = {one["metadata"]["name"] for one in made.of("SecurityPolicy")}
    assert policies == {"contender", "loan-offer", "loan-offer-outcome", "loan-offer-person"}


def test_a_task_with_three_slots_names_no_fourth(helm: None) -> None:
    slots = ["blue", "green", "amber"]
    made = chart.rendered("local", chart.merged(chart.values("local"), {"tasks": {"loan-offer": {"slots": slots}}}))
    assert [str(one) for one in gate.manifests(made)] == []
    assert made.named("InferenceService", "loan-offer-amber") is not None
    job = made.named("CronJob", "loan-offer-reconcile")
    assert job is not None
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert {"name": "CONTENDER_SLOTS", "value": "blue,green,amber"} in container["env"]
    assert "loan-offer-violet" not in yaml.safe_dump_all(list(made))


def test_a_tasks_own_values_come_before_those_of_all(helm: None) -> None:
    resources = {"requests": {"cpu": "2", "memory": "1Gi"}, "limits": {"cpu": "4", "memory": "2Gi"}}
    own = {
        "predictor": {"minReplicas": 4, "maxReplicas": 9, "target": 50, "resources": resources},
        "transformer": {"requestsPerReplica": 70, "resources": resources},
        "retraining": {"schedule": "5 4 * * *"},
    }
    made = chart.rendered("production", chart.merged(chart.values("production"), {"tasks": {"job-role": own}}))
    parts = {}
    for task in ("job-role", "job-change"):
        found = made.named("InferenceService", task)
        assert found is not None
        parts[task] = found["spec"]
    mine, other = parts["job-role"], parts["job-change"]
    assert [mine["predictor"][name] for name in ("minReplicas", "maxReplicas", "scaleTarget")] == [4, 9, 50]
    assert [other["predictor"][name] for name in ("minReplicas", "maxReplicas", "scaleTarget")] == [2, 8, 60]
    assert mine["predictor"]["model"]["resources"] == mine["transformer"]["containers"][0]["resources"] == resources
    assert other["transformer"]["containers"][0]["resources"] != resources
    values = [part["transformer"]["autoScaling"]["metrics"][0]["external"]["target"]["value"] for part in (mine, other)]
    assert values == ["70", "400"]
    schedules = [made.named("CronJob", f"{task}-retraining") for task in parts]
    assert [one["spec"]["schedule"] for one in schedules if one] == ["5 4 * * *", "17 * * * *"]


def test_an_administrators_part_and_a_deployers_are_the_whole(charts: Mapping[str, Rendered]) -> None:
    given = chart.values("production")
    parts = [chart.rendered("production", {**given, "layers": [layer]}) for layer in ("foundation", "workloads")]
    layers = [{one["metadata"].get("labels", {}).get("contender/layer") for one in part} for part in parts]
    assert layers == [{"foundation"}, {None}]
    both = Rendered("production", [one for part in parts for one in part])
    assert [str(one) for one in chart.differences(both, charts["production"])] == []
    job = parts[1].named("Job", "database-upgrade")
    assert job is not None
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("local", {"tsks": {}}, "'tsks'"),
    ("local", {"tasks": {"Job": TWO}}, "'Job'"),
    ("local", {"tasks": {"job-blue": TWO}}, "'job-blue'"),
    ("local", {"tasks": {"loan": {}}}, "/tasks/loan.*slots"),
    ("local", {"tasks": {"loan": {"slots": ["blue"]}}}, "/tasks/loan/slots"),
    ("local", {"tasks": {"loan": {"slots": ["blue", "blue"]}}}, "/tasks/loan/slots"),
    ("local", {"tasks": {"loan": {"slots": ["violet", "amber"]}}}, "/tasks/loan/slots"),
    ("local", {"tasks": {"loan": {"slots": ["blue", "red"]}}}, "/tasks/loan/slots/1"),
    ("local", {"tasks": {"loan": {**TWO, "replicas": 3}}}, "'replicas'"),
    ("local", {"tasks": {"loan": {**TWO, "predictor": {"minReplicas": 0}}}}, "/tasks/loan/predictor/minReplicas"),
    ("local", {"tasks": {"loan": {**TWO, "transformer": {"resources": {"requests": {}}}}}}, "/transformer/resources"),
    ("local", {"images": {"serving": {"tag": "latest"}}}, "/images/serving/tag"),
    ("local", {"images": {"serving": {"tag": ""}}}, "/images/serving"),
    ("local", {"images": {"serving": {"digest": "sha256:12"}}}, "/images/serving/digest"),
    ("local", {"network": "10.0.0.0"}, "/network"),
    ("local", {"bucket": "s3://models"}, "/bucket"),
    ("local", {"layers": []}, "/layers"),
    ("local", {"retraining": {"enabled": True}}, "/kubeflow/enabled"),
    ("local", {"keda": {"enabled": True}}, "/autoscaling/enabled"),
    ("production", {"retraining": {"schedule": "hourly"}}, "/retraining/schedule"),
    ("production", {"aws": {"account": "12"}}, "/aws/account"),
    ("production", {"environment": ""}, "/environment"),
    ("production", {"jwt": {"issuer": ""}}, "/jwt/issuer"),
    ("production", {"jwt": {"jwks": "http://login.example.com/keys"}}, "/jwt/jwks"),
    ("production", {"quota": {"hard": {"pods": 10}}}, "/quota/hard/pods"),
    ("production", {"images": {"pipelines": {"digest": ""}}}, "/images/pipelines/digest"),
]


@pytest.mark.parametrize(("name", "given", "named"), REFUSED, ids=[named for _, _, named in REFUSED])
def test_values_that_cannot_be_meant_are_refused_by_name(
    helm: None, name: str, given: dict[str, Any], named: str
) -> None:
    with pytest.raises(chart.ValuesRefused, match=named):
        chart.rendered(name, chart.merged(chart.values(name), given))


def test_helm_lints_it_with_the_values_of_every_environment(helm: None) -> None:
    assert [one for name in ("local", "staging", "production") for one in chart.linted(chart.values(name))] == []


def test_the_package_holds_what_it_renders_from(helm: None, tmp_path: Path) -> None:
    archive = chart.packaged(tmp_path)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert archive.name == f"contender-{version}.tgz"
    with tarfile.open(archive) as opened:
        held = set(opened.getnames())
        (about,) = [yaml.safe_load(opened.extractfile(one) or b"") for one in held if one == "contender/Chart.yaml"]
    assert about["appVersion"] == version
    tree = ROOT / "infrastructure" / "kubernetes"
    for path in (*tree.glob("base/**/*.yaml"), *tree.glob("components/*/*.yaml")):
        inside = f"contender/files/{path.relative_to(tree)}"
        assert inside in held or re.search(r"/(job-change|job-role|named)/", inside), inside


def test_the_readme_lists_every_value(helm: None) -> None:
    text = (chart.CHART / "README.md").read_text()
    given = yaml.safe_load((chart.CHART / "values.yaml").read_text())
    missing = [name for name in _paths(given, "") if f"`{name}`" not in text]
    assert missing == []


def _paths(given: Mapping[str, Any], path: str) -> list[str]:
    """Every value by its path; a scaling and an image count as one."""
    found = []
    for name, value in given.items():
        deeper = isinstance(value, dict) and value and path.count(".") < 1 and name != "images"
        found += _paths(value, f"{path}{name}.") if deeper else [f"{path}{name}"]
    return found
