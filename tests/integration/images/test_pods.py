"""The pods of a task, as the local overlay describes them, run here as processes from the serving image's contents."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

TASK = "job-change"
NAMESPACE = "contender"
MODELS = "/mnt/models"
PLACES = {f"{TASK}-blue": "7", f"{TASK}-green": "8", TASK: "1"}
"""InferenceService to the version that its predictor serves."""

Document = dict[str, Any]


class Pod(NamedTuple):
    """A started container: its process, port, and the path that its readiness probe asks."""

    process: subprocess.Popen[bytes]
    port: int
    ready: str


def merged(runtime: Document, service: Document) -> Document:
    """The predictor's container as KServe makes it: the runtime's, with the service's variables by name."""
    (base,) = runtime["spec"]["containers"]
    model = service["spec"]["predictor"]["model"]
    assert model["runtime"] == runtime["metadata"]["name"]
    env = {one["name"]: one for one in [*base["env"], *model.get("env", [])]}
    return {**base, "env": list(env.values())}


def entry(service: Document) -> Document:
    """The transformer's container with what KServe's controller appends to its arguments."""
    name = service["metadata"]["name"]
    (own,) = service["spec"]["transformer"]["containers"]
    added = ["--model_name", name, "--predictor_host", f"{name}-predictor.{NAMESPACE}", "--http_port", "8080"]
    return {**own, "args": [*own["args"], *added]}


class Node:
    """Starts containers as processes; `places` says where, on this machine, what they name is found."""

    def __init__(self, image: Any, free_port: Callable[[], int]) -> None:
        self._image, self._free_port = image, free_port
        self.places: dict[str, str] = {"/opt/contender/": f"{image.folder}/", "http://0.0.0.0": "http://127.0.0.1"}
        self.secrets: dict[str, str] = {}
        self.pods: list[Pod] = []

    def start(self, container: Document, log: Path, places: Mapping[str, str]) -> Pod:
        port = self._free_port()
        words = [*container["command"], *container["args"]]
        where = {**self.places, **places}
        env = self._env(container, where) | {"CONTENDER_HTTP_PORT": str(port)}
        arguments = [str(port) if word == "8080" else self._here(word, where) for word in words]
        with log.open("wb") as file:
            process = subprocess.Popen(
                arguments,
                cwd="/",
                env=dict(self._image.environment) | env,
                stdout=file,
                stderr=file,
                user=self._image.user,
                group=self._image.user,
                extra_groups=None if self._image.user is None else [],
            )
        pod = Pod(process, port, container["readinessProbe"]["httpGet"]["path"])
        self.pods.append(pod)
        return pod

    def _env(self, container: Document, where: Mapping[str, str]) -> dict[str, str]:
        known: dict[str, str] = {}
        for one in container["env"]:
            raw = self._value(one)
            whole = re.sub(r"\$\((\w+)\)", lambda found: known[found[1]], raw)
            known[one["name"]] = whole
        return {name: self._here(value, where) for name, value in known.items()}

    def _value(self, one: Document) -> str:
        if "value" in one:
            return str(one["value"])
        source = one["valueFrom"]
        if "fieldRef" in source:
            return {"metadata.namespace": NAMESPACE}[source["fieldRef"]["fieldPath"]]
        return self.secrets[source["secretKeyRef"]["name"]]

    def _here(self, text: str, where: Mapping[str, str]) -> str:
        for there, here in where.items():
            text = text.replace(there, here)
        return text


def folder(path: Path, owner: int | None) -> Path:
    """A folder that the pods' user may write to, below folders that it may enter."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o755)
    if owner is not None:
        os.chown(path, owner, owner)
    return path


@pytest.fixture(scope="module")
def home(image: Any) -> Path:
    return folder(Path(image.folder).parent / "home", image.user)


@pytest.fixture(scope="module")
def node(image: Any, rendered: Any, stack: ModuleType, home: Path) -> Iterator[Node]:
    """Both slots, the baseline and the transformer of one task."""
    local, node = rendered["local"], Node(image, stack.free_port)
    runtime = local.one("ServingRuntime", "contender-onnx-v1")
    services = {name: local.one("InferenceService", name) for name in PLACES}
    for seed, (name, version) in enumerate(PLACES.items()):
        artifact = stack.write_artifact(home / "models" / name, version, seed + 1).folder
        pod = node.start(merged(runtime, services[name]), home / f"{name}.log", {MODELS: str(artifact)})
        node.places[f"http://{name}-predictor.{NAMESPACE}"] = f"http://127.0.0.1:{pod.port}"
        node.places[f"{name}-predictor.{NAMESPACE}"] = f"127.0.0.1:{pod.port}"
    container, mounts = entry(services[TASK]), {}
    for mount in container["volumeMounts"]:
        if mount["name"] != "tmp":
            mounts[mount["mountPath"]] = str(folder(home / mount["name"], image.user))
    (item,) = _volume(services[TASK], "routing")["configMap"]["items"]
    (home / "routing" / item["path"]).write_text(stack.routing(3).to_json())
    address = f"sqlite:///{folder(home / 'database', image.user) / 'store.db'}"
    (home / "store" / "transformer").write_text(address)
    try:
        node.start(container, home / "transformer.log", mounts)
        yield node
    finally:
        for pod in node.pods:
            pod.process.kill()
            pod.process.wait()


def _volume(service: Document, name: str) -> Document:
    (found,) = [one for one in service["spec"]["transformer"]["volumes"] if one["name"] == name]
    return dict(found)


def test_every_pod_becomes_ready_by_its_own_probe(node: Node, stack: ModuleType, home: Path) -> None:
    for pod in node.pods:

        def answered(pod: Pod = pod) -> bool:
            assert pod.process.poll() is None, [log.read_text()[-800:] for log in home.glob("*.log")]
            try:
                return bool(stack.call(pod.port, "GET", pod.ready).status == 200)
            except OSError:
                return False

        stack.wait_for(answered, f"{pod.ready} at {pod.port}")


def test_a_person_is_answered_through_transformer_and_slot(node: Node, stack: ModuleType) -> None:
    body = {"instances": [{**row, "unit_id": f"u-{number}"} for number, row in enumerate(stack.rows(40))]}
    reply = stack.call(node.pods[-1].port, "POST", f"/v1/models/{TASK}:predict", body)
    assert reply.status == 200
    told = reply.body["predictions"]
    assert {(one["served_by"], one["model_version"]) for one in told} == {("champion", "7"), ("challenger", "8")}


def test_open_inference_is_answered_by_a_slot(node: Node, stack: ModuleType) -> None:
    described = stack.call(node.pods[0].port, "GET", f"/v2/models/{TASK}").body
    row = stack.rows(1)[0]
    inputs = [{"name": one["name"], "datatype": one["datatype"], "shape": [1], "data": [row[one["name"]]]}
              for one in described["inputs"] if row[one["name"]] is not None]  # fmt: skip
    reply = stack.call(node.pods[0].port, "POST", f"/v2/models/{TASK}/infer", {"inputs": inputs})
    assert reply.status == 200
    assert reply.body["model_version"] == "7"


def test_the_baseline_is_asked_when_both_slots_are_gone(node: Node, stack: ModuleType) -> None:
    for pod in node.pods[:2]:
        pod.process.kill()
        pod.process.wait()
    body = {"instances": [{**stack.rows(1)[0], "unit_id": "u-1"}]}
    reply = stack.call(node.pods[-1].port, "POST", f"/v1/models/{TASK}:predict", body)
    (told,) = reply.body["predictions"]
    assert (told["served_by"], told["model_version"]) == ("baseline", "1")


def test_a_pod_that_is_told_to_go_leaves_within_its_grace(node: Node, rendered: Any) -> None:
    grace = rendered["local"].one("InferenceService", TASK)["spec"]["transformer"]["terminationGracePeriodSeconds"]
    sleep = 5
    node.pods[-1].process.send_signal(signal.SIGTERM)
    assert node.pods[-1].process.wait(timeout=grace - sleep) == 0
