"""KServe's controller and a kubelet over the stand-in's objects: what a release sees of them, good days and bad.

An InferenceService gets a Deployment, a ReplicaSet for each template, and pods; a changed artifact is rolled out pod by
pod, the old one serving until the new one is ready. As the real controller does, it says Ready=True of a roll-out that
crashes, and gives a service without an artifact a pod with an agent, which here ends and ends.
"""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.stand_ins.kubernetes_api.objects import ApiError, Document, Key, Objects, unless_deleted

SERVING = "apis/serving.kserve.io/v1beta1"
APPS = "apis/apps/v1"
STOP = "serving.kserve.io/stop"
FETCHED = "internal.serving.kserve.io/storage-initializer-sourceuri"


class Server(Protocol):
    """A model server that runs."""

    @property
    def url(self) -> str: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Serves:
    """An artifact that works: `start` gives the server of a pod."""

    start: Callable[[], Server]


@dataclass(frozen=True)
class Fails:
    """An artifact whose pod never becomes ready, and the words of its container's status."""

    status: Document


def crashes(message: str, restarts: int = 3) -> Fails:
    ended = {"terminated": {"exitCode": 1, "message": message}}
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off restarting failed container"}}
    return Fails({"state": waiting, "lastState": ended, "restartCount": restarts})


def not_pulled(image: str) -> Fails:
    return Fails({"state": {"waiting": {"reason": "ErrImagePull", "message": f"{image}: not found"}}})


NEVER_READY = Fails({"state": {"running": {}}})
EMPTY = crashes("no version was released here", restarts=9)
"""What becomes of a pod without an artifact."""


@dataclass
class Rolled:
    """What is known of one InferenceService: the artifact that was rolled out last and the server that serves."""

    artifact: str | None = None
    stopped: bool | None = None
    server: Server | None = None
    pods: list[str] = field(default_factory=list)
    count: int = 0


class KServe:
    """Watches the InferenceServices of `namespace`.

    `artifacts` says what becomes of a pod that is given a URI, `otherwise` what of one that is not among them.
    """

    def __init__(self, objects: Objects, namespace: str) -> None:
        self._objects, self._namespace = objects, namespace
        self.artifacts: dict[str, Serves | Fails] = {}
        self.otherwise: Callable[[str], Serves | Fails] = lambda uri: crashes(f"{uri} does not exist")
        self._rolled: dict[str, Rolled] = {}
        self._closing = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def address(self, service: str) -> str:
        """The Service's URL; one that refuses connections while no pod is ready."""
        rolled = self._rolled.get(service)
        return rolled.server.url if rolled and rolled.server else "http://127.0.0.1:9"

    def close(self) -> None:
        with self._objects.changed:
            self._closing = True
            self._objects.changed.notify_all()
        self._thread.join()
        for rolled in self._rolled.values():
            if rolled.server:
                rolled.server.close()

    def _run(self) -> None:
        seen = -1
        while not self._closing:
            services, version = self._objects.listed(SERVING, "inferenceservices", self._namespace)
            for service in services:
                with unless_deleted():
                    self._reconcile(service)
            self._forget({service["metadata"]["name"] for service in services})
            with self._objects.changed:
                if version == seen and not self._closing:
                    self._objects.changed.wait(0.5)
            seen = version

    def _forget(self, living: set[str]) -> None:
        """Delete what belonged to services that are gone."""
        for name in set(self._rolled) - living:
            self._stop(name, self._rolled.pop(name))

    def _reconcile(self, service: Document) -> None:
        name = service["metadata"]["name"]
        rolled = self._rolled.setdefault(name, Rolled())
        artifact = service.get("spec", {}).get("predictor", {}).get("model", {}).get("storageUri")
        stopped = service["metadata"].get("annotations", {}).get(STOP) == "true"
        if (artifact, stopped) == (rolled.artifact, rolled.stopped):
            return
        rolled.artifact, rolled.stopped = artifact, stopped
        if stopped:
            self._stop(name, rolled)
        else:
            self._roll(name, rolled, artifact)
        # What the real controller says of a crashing update as well.
        ready = {"conditions": [{"type": "Ready", "status": "True"}]}
        self._objects.merge(self._key("inferenceservices", name), {"status": ready}, "kserve", "status")

    def _stop(self, name: str, rolled: Rolled) -> None:
        self._remove(rolled, rolled.pods)
        if self._objects.has(key := self._key("deployments", f"{name}-predictor")):
            self._objects.delete(key)
            for number in range(1, rolled.count + 1):
                self._objects.delete(self._key("replicasets", f"{name}-predictor-{number}"))
            rolled.count = 0
        if rolled.server:
            rolled.server.close()
        rolled.server = None

    def _roll(self, name: str, rolled: Rolled, artifact: str | None) -> None:
        generation = self._deployed(name, artifact)
        behaviour = EMPTY if artifact is None else self.artifacts.get(artifact) or self.otherwise(artifact)
        old = list(rolled.pods)
        rolled.count += 1
        pod = f"{name}-predictor-{rolled.count}"
        self._replica_set(name, rolled.count, artifact)
        status = {"name": "kserve-container", "ready": isinstance(behaviour, Serves), "restartCount": 0}
        if isinstance(behaviour, Fails):
            status |= behaviour.status
        self._pod(name, pod, status, rolled.count)
        rolled.pods.append(pod)
        if isinstance(behaviour, Serves):
            server, rolled.server = rolled.server, behaviour.start()
            self._remove(rolled, old)
            if server:
                server.close()
            counts = {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
        else:
            counts = {"replicas": len(rolled.pods), "updatedReplicas": 1}
            counts |= {"availableReplicas": 1} if rolled.server else {}
        status_now = {"observedGeneration": generation, **counts}
        key = self._key("deployments", f"{name}-predictor")
        self._objects.merge(key, {"status": status_now}, "kube", "status")

    def _replica_set(self, name: str, number: int, artifact: str | None) -> None:
        labels = {"app": f"isvc.{name}-predictor", "pod-template-hash": str(number)}
        metadata = {"labels": labels, "annotations": {"deployment.kubernetes.io/revision": str(number)}}
        key = self._key("replicasets", f"{name}-predictor-{number}")
        document = {
            "kind": "ReplicaSet",
            "metadata": {"name": key.name, **metadata},
            "spec": {"template": _template(artifact)},
        }
        self._objects.create(key, document, "kube")

    def _deployed(self, name: str, artifact: str | None) -> int:
        key = self._key("deployments", f"{name}-predictor")
        spec = {"replicas": 1, "template": _template(artifact)}
        document = {"kind": "Deployment", "metadata": {"name": key.name}, "spec": spec}
        try:
            made = self._objects.merge(key, document, "kserve")
        except ApiError:
            made = self._objects.create(key, document, "kserve")
        return int(made["metadata"]["generation"])

    def _pod(self, service: str, name: str, status: Document, number: int) -> None:
        labels, at = (
            {"app": f"isvc.{service}-predictor", "pod-template-hash": str(number)},
            f"2026-01-01T00:00:{number:02d}Z",
        )
        document = {"kind": "Pod", "metadata": {"name": name, "labels": labels, "creationTimestamp": at}}
        ready = "True" if status["ready"] else "False"
        told = {"containerStatuses": [status], "conditions": [{"type": "Ready", "status": ready}]}
        self._objects.create(self._key("pods", name), {**document, "status": told})

    def _ready(self, pod: str) -> bool:
        return bool(self._objects.get(self._key("pods", pod))["status"]["containerStatuses"][0]["ready"])

    def _remove(self, rolled: Rolled, pods: list[str]) -> None:
        for pod in list(pods):
            self._objects.delete(self._key("pods", pod))
            rolled.pods.remove(pod)

    def _key(self, resource: str, name: str) -> Key:
        api = {"inferenceservices": SERVING, "deployments": APPS, "replicasets": APPS}.get(resource, "api/v1")
        return Key(api, resource, self._namespace, name)


def _template(artifact: str | None) -> Document:
    if artifact is None:
        return {"metadata": {}, "spec": {"containers": [{"name": "kserve-container"}, {"name": "agent"}]}}
    return {"metadata": {"annotations": {FETCHED: artifact}}, "spec": {"containers": [{"name": "kserve-container"}]}}


class JsonServer:
    """A server that gives fixed replies: (method, path) to (status, JSON). They may be changed while it runs."""

    def __init__(self, replies: dict[tuple[str, str], tuple[int, Any]]) -> None:
        self.replies = replies
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args: object) -> None:
                """Say nothing."""

            def _reply(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                status, document = server.replies.get((self.command, self.path), (404, {"error": "no such path"}))
                content = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def __getattr__(self, name: str) -> object:
                if name.startswith("do_"):
                    return self._reply
                raise AttributeError(name)

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.server_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
