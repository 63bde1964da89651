"""The overlay `local` fits a node of 2 cores and 8 GiB: all requests at the worst moment, a first release.

Every predictor then still has KServe's container for models beside it, and one pod of each task is being replaced.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from infrastructure.policy.objects import Pod
from infrastructure.policy.objects import Rendered as Objects

NODE = Counter(cpu=2_000, memory=8 * 1024)
"""Thousandths of a core, and MiB."""

AROUND = Counter(cpu=500, memory=1_280)
"""KServe's controller, the pods of the system and what the node keeps for itself, with the control plane elsewhere."""

AGENT = Counter(cpu=100, memory=100)
"""What KServe 0.20 asks for a predictor without an artifact (`agent` in its ConfigMap inferenceservice-config)."""

_UNITS = {"m": 1.0, "": 1_000.0, "Mi": 1.0, "Gi": 1_024.0}


def quantity(text: str) -> int:
    """Thousandths of a core, or MiB."""
    number, unit = re.fullmatch(r"([\d.]+)(\D*)", text).groups()  # type: ignore[union-attr]  # fails the test if it is
    return int(float(number) * _UNITS[unit])


def requests(containers: list[Mapping[str, Any]]) -> Iterator[Counter[str]]:
    for one in containers:
        yield Counter({name: quantity(str(value)) for name, value in one["resources"]["requests"].items()})


def of_pod(pod: Pod) -> Counter[str]:
    """As the scheduler counts: what runs together, or the greatest of what runs before."""
    found = together(pod)
    for one in requests(pod.spec.get("initContainers", [])):
        found |= one
    return found


def together(pod: Pod) -> Counter[str]:
    return sum(requests(pod.spec["containers"]), Counter())


def idle(pod: Pod) -> Counter[str]:
    """A predictor fetches nothing before its first version, and has KServe's container beside it."""
    return together(pod) + AGENT if pod.part == "predictor" else of_pod(pod)


def needed(overlay: Objects) -> Counter[str]:
    """All that is asked for at once: servers, one round of every task, one more job, and pods that take over."""
    pods = list(overlay.pods())
    jobs = [pod for pod in pods if pod.owner["kind"] in ("Job", "CronJob")]
    rounds = [of_pod(pod) for pod in jobs if pod.owner["metadata"]["name"].endswith("-reconcile")]
    more: Counter[str] = Counter()
    for job in jobs:
        more |= of_pod(job)
    servers = [pod for pod in pods if pod not in jobs]
    waiting = [Counter({name: value * _replicas(pod) for name, value in idle(pod).items()}) for pod in servers]
    taking_over = [of_pod(pod) for pod in servers if pod.part == "predictor"][: len(rounds)]
    return sum((*waiting, *rounds, more, *taking_over), Counter())


def _replicas(pod: Pod) -> int:
    spec = pod.owner["spec"]
    return int(spec[pod.part]["minReplicas"] if pod.part else spec.get("replicas", 1))


def test_the_local_overlay_fits_a_node_of_two_cores_and_eight_gib(rendered: Mapping[str, Any]) -> None:
    asked = needed(Objects("local", rendered["local"]))
    assert asked + AROUND <= NODE, f"{dict(asked)} beside {dict(AROUND)} of {dict(NODE)}"


@pytest.mark.parametrize("name", ["staging", "production"])
def test_what_people_s_answers_need_is_asked_for_elsewhere(rendered: Mapping[str, Any], name: str) -> None:
    """The small requests stay in the overlay `local`: what is summed there tells of nothing else."""
    assert not needed(Objects(name, rendered[name])) + AROUND <= NODE
    (runtime,) = Objects(name, rendered[name]).of("ServingRuntime")
    assert [one["cpu"] for one in requests(runtime["spec"]["containers"])] == [250]


def test_mlflow_may_use_what_it_was_seen_to_need(rendered: Mapping[str, Any]) -> None:
    (container,) = rendered["local"].one("Deployment", "mlflow")["spec"]["template"]["spec"]["containers"]
    assert quantity(container["resources"]["limits"]["memory"]) >= 1_024


@pytest.mark.parametrize(("text", "number"), [("25m", 25), ("2", 2_000), ("0.5", 500), ("384Mi", 384), ("1Gi", 1_024)])
def test_quantities_are_read_as_kubernetes_reads_them(text: str, number: int) -> None:
    assert quantity(text) == number
