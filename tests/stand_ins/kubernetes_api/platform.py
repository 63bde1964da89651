"""A cluster as its administrator leaves it: Kubernetes, KServe, the gateway, nodes; and what manifests put into it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from contender.tasks.catalog import TASKS
from tests.stand_ins.kubernetes_api.objects import ApiError, Document, Key
from tests.stand_ins.kubernetes_api.server import Asked, KubernetesApi

GATEWAYS, KSERVE_STORAGE = "apis/gateway.networking.k8s.io/v1", "apis/serving.kserve.io/v1alpha1"
CLUSTER_WIDE = (
    "Namespace",
    "PriorityClass",
    "ClusterStorageContainer",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ClusterRole",
    "ClusterRoleBinding",
)
PLURALS = {"NetworkPolicy": "networkpolicies", "ValidatingAdmissionPolicy": "validatingadmissionpolicies"}


class Platform:
    """A fit cluster; each test takes something away."""

    def __init__(self, api: KubernetesApi, manifests: Iterable[Document]) -> None:
        self.api, self.manifests = api, list(manifests)
        api.documents["/version"] = {"gitVersion": "v1.36.2"}
        for one in self.manifests:
            self.serve(one["apiVersion"], one["kind"])
        api.before = self._pod_security
        self._kserve()
        self._rest()

    def serve(self, version: str, kind: str) -> None:
        """Let the API know a kind."""
        document = self.api.documents.setdefault(_root(version), {"kind": "APIResourceList", "resources": []})
        if kind not in {one["kind"] for one in document["resources"]}:
            namespaced = kind not in CLUSTER_WIDE
            document["resources"].append({"name": plural(kind), "kind": kind, "namespaced": namespaced})

    def put(self, api: str, resource: str, namespace: str, name: str, **fields: Any) -> None:
        """An object, in place of one of that name."""
        key = Key(api, resource, namespace, name)
        if self.api.objects.has(key):
            self.api.objects.delete(key)
        metadata = {"name": name, **fields.pop("metadata", {})}
        self.api.objects.create(key, {"metadata": metadata, **fields})

    def take(self, api: str, resource: str, namespace: str, name: str) -> None:
        """Away with an object."""
        self.api.objects.delete(Key(api, resource, namespace, name))

    def install(self) -> None:
        """Everything that the manifests state, and the Secrets and approvers that a person brings."""
        for one in self.manifests:
            self.api.objects.apply(key_of(one), one, "contender-manifests", force=False)
        self.secret("contender", "contender-store", "exporter", "pipelines")
        for task in TASKS:
            self.secret("contender", f"{task}-store", "transformer", "release")
        self.secret("contender", "contender-store-owner", "url")
        self.secret("contender", "contender-s3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        self.secret("mlflow", "mlflow-store", "url")
        self.secret("backends", "postgres", "password")
        key = "-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n"
        self.put("api/v1", "configmaps", "contender", "approvers", data={"ada.pub": key})

    def secret(self, namespace: str, name: str, *keys: str) -> None:
        """A Secret with these keys."""
        self.put("api/v1", "secrets", namespace, name, data=dict.fromkeys(keys, "c2VjcmV0"))

    def _kserve(self) -> None:
        image = "kserve/kserve-controller:v0.20.0"
        spec = {"template": {"spec": {"containers": [{"name": "manager", "image": image}]}}}
        name, status = "kserve-controller-manager", {"readyReplicas": 1}
        self.put("apis/apps/v1", "deployments", "kserve", name, spec=spec, status=status)
        data = {"deploy": json.dumps({"defaultDeploymentMode": "Standard"})}
        self.put("api/v1", "configmaps", "kserve", "inferenceservice-config", data=data)

    def _rest(self) -> None:
        accepted = {"conditions": [{"type": "Accepted", "status": "True"}]}
        self.put(GATEWAYS, "gatewayclasses", "", "envoy", status=accepted)
        default = {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}
        self.put("apis/storage.k8s.io/v1", "storageclasses", "", "standard", metadata=default)
        self.put("apis/apps/v1", "daemonsets", "kube-system", "calico-node")
        self.put("api/v1", "nodes", "", "one", status={"allocatable": {"cpu": "8", "memory": "32Gi"}})

    def _pod_security(self, asked: Asked) -> None:
        """`restricted`, as far as a privileged container goes."""
        if asked.verb != "create" or asked.key.resource != "pods":
            return
        namespace = self.api.objects.get(Key("api/v1", "namespaces", "", asked.key.namespace))
        level = namespace["metadata"].get("labels", {}).get("pod-security.kubernetes.io/enforce")
        if level == "restricted" and "'privileged': True" in str(asked.body):
            raise ApiError(
                403, "Forbidden", f'pods "x" is forbidden: violates PodSecurity "{level}:latest": privileged'
            )


def key_of(document: Document) -> Key:
    """Where an object is kept."""
    metadata = document["metadata"]
    api = _root(document["apiVersion"]).removeprefix("/")
    return Key(api, plural(document["kind"]), metadata.get("namespace", ""), metadata["name"])


def plural(kind: str) -> str:
    """The resource of a kind."""
    return PLURALS.get(kind, kind.lower() + ("es" if kind.endswith("s") else "s"))


def _root(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"
