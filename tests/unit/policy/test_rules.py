"""The gate's pure functions on small documents of their own."""

from __future__ import annotations

from typing import Any

import pytest

from infrastructure.policy import network, pods, tools
from infrastructure.policy.objects import Pod, Rendered, selects
from infrastructure.policy.schemas import mismatches
from infrastructure.policy.workflows import Workflow, findings, named, scripted

LABELS = {"app": "web", "tier": "front"}
KNOWN = {"make": {"test"}, "contender": {"undo", "audit verify"}}


@pytest.mark.parametrize(
    ("selector", "chosen"),
    [
        ({}, True),
        (None, False),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "web", "tier": "back"}}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["front", "back"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["front"]}]}, False),
        ({"matchExpressions": [{"key": "zone", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "zone", "operator": "DoesNotExist"}]}, True),
    ],
)
def test_a_selector_chooses_as_kubernetes_does(selector: dict[str, Any] | None, chosen: bool) -> None:
    assert selects(selector, LABELS) is chosen


SCHEMA = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "enum": ["a", "b"]},
        "count": {"type": "integer"},
        "port": {"x-kubernetes-int-or-string": True},
        "many": {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "number"}}}},
        "free": {"type": "object", "additionalProperties": {"type": "string"}},
        "any": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
            "properties": {"x": {"type": "string"}},
        },
    },
}


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"name": "a", "count": 1, "port": "http", "many": [{"x": 1.5}], "free": {"k": "v"}, "any": {"y": 1}}, []),
        ({}, [""]),
        ({"name": "c"}, [".name"]),
        ({"name": "a", "count": "1"}, [".count"]),
        ({"name": "a", "count": True}, [".count"]),
        ({"name": "a", "port": []}, [".port"]),
        ({"name": "a", "many": [{"x": 1}, {"x": "1"}, {"y": 1}]}, [".many[1].x", ".many[2].y"]),
        ({"name": "a", "free": {"k": 1}}, [".free.k"]),
        ({"name": "a", "other": 1}, [".other"]),
    ],
)
def test_a_schema_says_where_a_value_departs(value: Any, where: list[str]) -> None:
    assert [at for at, _ in mismatches(value, SCHEMA)] == where


def policy(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "NetworkPolicy", "metadata": {"name": name, "namespace": "contender"}, "spec": spec}


def deployment(component: str) -> dict[str, Any]:
    template = {
        "metadata": {"labels": {"app.kubernetes.io/component": component}},
        "spec": {"containers": [{"name": "c"}]},
    }
    return {
        "kind": "Deployment",
        "metadata": {"name": component, "namespace": "contender"},
        "spec": {"template": template},
    }


def edges(*policies: dict[str, Any]) -> dict[tuple[str, str], set[int]]:
    space = {"kind": "Namespace", "metadata": {"name": "contender"}}
    return network.reachable(Rendered("x", [space, deployment("slot"), deployment("release"), *policies]))


def test_without_policies_everybody_reaches_everybody() -> None:
    assert edges()["pod elsewhere", "slot"] == set(network.PORTS)


def test_a_connection_needs_both_ends() -> None:
    deny = policy("deny", {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})
    to_slot = {"podSelector": {"matchLabels": {"app.kubernetes.io/component": "slot"}}}
    ports = [{"port": 8080}]
    egress = policy("e", {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [to_slot], "ports": ports}]})
    ingress = policy("i", {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [{"podSelector": {}}]}]})
    assert edges(deny) == {}
    assert edges(deny, egress) == {}
    assert edges(deny, ingress) == {}
    assert edges(deny, egress, ingress)["release", "slot"] == {8080}
    assert ("pod elsewhere", "slot") not in edges(deny, egress, ingress)


def test_an_exception_is_left_out_of_a_block() -> None:
    block = {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}}
    rule = policy("e", {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [block]}]})
    found = edges(rule)
    assert ("slot", "internet") in found
    assert ("slot", "node metadata") not in found


def test_a_url_with_a_password_is_a_secret_and_one_without_is_none() -> None:
    def told(value: str) -> str:
        pod = Pod("p", "n", {}, {"containers": []}, {})
        (demand,) = [one for one in pods.CONTAINERS if one.name == "no-secret-in-env"]
        return demand.breach(pod, {"env": [{"name": "URL", "value": value}]})

    assert told("postgresql://me:hunter2@db/x")
    assert not told("http://mlflow.mlflow:5000")


@pytest.mark.parametrize(
    ("script", "calls"),
    [
        ("make check test", [("make", "check"), ("make", "test")]),
        ("cd x && make test", [("make", "test")]),
        (".venv/bin/contender audit verify --json", [("contender", "audit verify")]),
        ('$CONTENDER undo --task "$TASK"', [("contender", "undo")]),
        ("kubectl -n contender get pods", []),
    ],
)
def test_what_a_script_calls_is_read(script: str, calls: list[tuple[str, str]]) -> None:
    assert list(named(script)) == calls


def test_a_small_workflow_is_clean() -> None:
    text = """
on: {workflow_dispatch: }
permissions: {}
concurrency: {group: x}
jobs:
  one:
    timeout-minutes: 1
    permissions: {contents: read}
    steps: [{run: make test}]
"""
    assert list(findings(Workflow("small.yml", text), KNOWN)) == []
    worse = text.replace("make test", "make test || true")
    assert [one.rule for one in findings(Workflow("small.yml", worse), KNOWN)] == ["failures-fail"]


@pytest.mark.parametrize(
    ("line", "caught"),
    [
        ("contender status --json | jq .release", True),
        ("version=$(jq -r .version <<<$found)", True),
        ("jq . built.json", True),
        ("# jq 1.6 knows no such option", False),
        ("gh api repos/o/n --jq .id", False),
        ("cat jq.txt", False),
    ],
)
def test_a_shell_takes_no_json_apart(line: str, caught: bool) -> None:
    assert [one.rule for one in scripted({"x.sh": f"set -e\n{line}\n"})] == (["no-jq"] if caught else [])


def test_every_skip_gives_its_reason() -> None:
    assert all(len(reason) > 30 for _, reason in tools.SKIPS.values())
