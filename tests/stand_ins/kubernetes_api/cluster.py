"""One task's namespace on the stand-in: its API, KServe's controller, its artifacts and transformers' pods."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from contender.adapters.kserve_probe import SlotProbe
from contender.adapters.kubernetes_client import ClientApi
from contender.adapters.slots_kserve import KServeSlots, Waiting, service_name
from contender.artifact import FEATURES, GOLDEN, MANIFEST, MODEL, Manifest, digest, seal
from contender.errors import InvalidArtifact
from contender.values import BASELINE, SLOTS, ModelVersion
from tests.stand_ins.kubernetes_api.kserve import JsonServer, KServe, Serves
from tests.stand_ins.kubernetes_api.objects import Key, Objects
from tests.stand_ins.kubernetes_api.server import KubernetesApi

TASK, NAMESPACE = "job-change", "hiring"


@dataclass
class Shelf:
    """Artifacts by address: what S3 is to a release."""

    files: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def read(self, artifact: str, name: str) -> bytes:
        if artifact not in self.files:
            raise InvalidArtifact(name, f"is not in {artifact}")
        return self.files[artifact][name]


def artifact_files(version: str) -> dict[str, bytes]:
    """An artifact that is sealed as a real one; its model is nobody's."""
    answers = [{"label": "looking", "confidence": 0.75, "score": 0.75}]
    golden = json.dumps({"requests": [{"experience": 3}], "answers": answers}).encode()
    files = {MODEL: b"onnx", FEATURES: b"{}", GOLDEN: golden}
    manifest = Manifest(TASK, version, "s", ("looking", "staying"), {}, {}, seal(files))
    return {**files, MANIFEST: manifest.to_bytes()}


def model_server(version: str, content_digest: str, answers: list[dict[str, object]]) -> JsonServer:
    """A predictor as a release sees it."""
    path = f"/v1/models/{TASK}"
    said = {"version": version, "digest": content_digest}
    predicted = {"predictions": answers, "model_version": version}
    return JsonServer({("GET", f"{path}/version"): (200, said), ("POST", f"{path}:predict"): (200, predicted)})


class Cluster:
    """A cluster with one task's namespace: its API, its controller, its artifacts."""

    def __init__(self, api: KubernetesApi) -> None:
        self.api, self.shelf = api, Shelf()
        deploy(api.objects)
        self.kserve = KServe(api.objects, NAMESPACE)
        self.slots = self.slots_over(connected(api))

    def slots_over(self, api: ClientApi) -> KServeSlots:
        probe = SlotProbe(TASK, lambda slot: self.kserve.address(service_name(TASK, slot)))
        return KServeSlots(api, TASK, self.shelf, probe, Waiting(sleep=lambda seconds: time.sleep(seconds / 20)))

    def version(self, number: str, score: float = 0.75) -> ModelVersion:
        """A registered version whose pods work; `score` is what they answer to golden requests."""
        uri, files = f"s3://models/{TASK}/serving/{number}", artifact_files(number)
        self.shelf.files[uri] = files
        found = digest(files[MANIFEST])
        answers: list[dict[str, object]] = [{"label": "looking", "confidence": score, "score": score}]
        self.kserve.artifacts[uri] = Serves(lambda: model_server(number, found, answers))
        return ModelVersion(TASK, number, f"1.0.{number}", uri, found)


def deploy(objects: Objects, slots: Sequence[str] = SLOTS, *, baseline: bool = True) -> None:
    """Apply what the manifests say of the task: an InferenceService a place, none of which is told what to serve."""
    for slot in (*((BASELINE,) if baseline else ()), *slots):
        name = service_name(TASK, slot)
        key = Key("apis/serving.kserve.io/v1beta1", "inferenceservices", NAMESPACE, name)
        model = {"modelFormat": {"name": "contender-onnx"}, "runtime": "contender-onnx-v1", "protocolVersion": "v1"}
        spec = {"predictor": {"model": model, "minReplicas": 1}}
        objects.create(
            key, {"kind": "InferenceService", "metadata": {"name": name}, "spec": spec}, "contender-manifests"
        )


def connected(api: KubernetesApi, who: str = "release") -> ClientApi:
    """The official client, told where the API is and who asks."""
    from kubernetes import client

    configuration = client.Configuration(host=api.url)
    configuration.api_key["authorization"] = f"Bearer {who}"
    configuration.retries = 0
    return ClientApi(client.ApiClient(configuration), NAMESPACE)


def transformer_pod(cluster: Cluster, name: str, generation: int | None, **metadata: str) -> JsonServer:
    """A transformer's pod that says it obeys `generation`: none yet if that is None."""
    server = JsonServer({})
    obey(server, generation)
    labels = {"app": f"isvc.{TASK}-transformer"}
    document = {
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels, **metadata},
        "spec": {"containers": [{"name": "kserve-container", "ports": [{"containerPort": server.port}]}]},
        "status": {"podIP": "127.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]},
    }
    cluster.api.objects.create(Key("api/v1", "pods", NAMESPACE, name), document)
    return server


def obey(server: JsonServer, generation: int | None) -> None:
    """Let a transformer say that it obeys `generation`."""
    reply = (404, {"error": "none yet"}) if generation is None else (200, {"generation": generation})
    server.replies["GET", f"/v1/models/{TASK}/routing"] = reply
