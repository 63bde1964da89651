"""Checks of what others bring: Kubernetes, KServe, the gateway, operators, nodes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

from cli.cluster_doctor.finding import Finding, Look, State, value
from contender.adapters.kubernetes_api import field_of

LEAST_KUBERNETES: Final = (1, 34)
KSERVE: Final = "0.20."

BROUGHT_BY: Final[Mapping[str, str]] = {
    "serving.kserve.io": "install KServe 0.20: helm upgrade --install kserve-crd, then kserve (docs/cluster.md, 3)",
    "gateway.networking.k8s.io": "install Envoy Gateway 1.8, which brings the Gateway API (docs/cluster.md, 3)",
    "monitoring.coreos.com": "install the Prometheus operator in the namespace monitoring",
    "keda.sh": "install KEDA, or take components/keda out of the overlay",
    "metrics.k8s.io": "install metrics-server: an autoscaler without it never scales",
}
"""Who brings the kinds of a group that is not Kubernetes' own."""

_ENFORCING: Final = ("calico", "cilium", "antrea", "kube-router", "weave", "ovnkube", "kindnet", "aws-node")
_STANDARD: Final = ("Standard", "RawDeployment")
_CONTROLLER: Final = "/apis/apps/v1/namespaces/kserve/deployments/kserve-controller-manager"
_CONFIGURATION: Final = "/api/v1/namespaces/kserve/configmaps/inferenceservice-config"


def kubernetes_version(look: Look) -> Iterator[Finding]:
    """1.34 or newer: preStop.sleep and ValidatingAdmissionPolicy."""
    said = value(look.get("/version"), "gitVersion", default="unknown")
    read = re.match(r"v(\d+)\.(\d+)", said)
    fit = read is not None and (int(read[1]), int(read[2])) >= LEAST_KUBERNETES
    remedy = "" if fit else "upgrade the cluster to 1.34 or newer"
    yield Finding("Kubernetes", State.OK if fit else State.FAILED, said, remedy)


def kinds(look: Look) -> Iterator[Finding]:
    """The API knows every kind that the manifests state."""
    needed = sorted({(one["apiVersion"], one["kind"]) for one in look.manifests})
    missing = [(version, kind) for version, kind in needed if not look.served.serves(version, kind)]
    for version, kind in missing:
        group = version.partition("/")[0]
        remedy = BROUGHT_BY.get(group, f"bring what defines {group}")
        yield Finding(f"kind {kind}", State.FAILED, f"{version} is not served", remedy)
    if not missing:
        yield Finding("kinds", State.OK, f"all {len(needed)} are served")


def metrics(look: Look) -> Iterator[Finding]:
    """Where something is scaled by processor time, somebody measures it."""
    if _scaled(look):
        there = look.served.serves("metrics.k8s.io/v1beta1", "PodMetrics")
        remedy = "" if there else BROUGHT_BY["metrics.k8s.io"]
        found = "served" if there else "metrics.k8s.io is not served"
        yield Finding("metrics API", State.OK if there else State.FAILED, found, remedy)


def _scaled(look: Look) -> bool:
    parts = ("transformer", "predictor")
    return any(field_of(one, "spec", part, "scaleMetric") for one in look.of_kind("InferenceService") for part in parts)


def kserve_version(look: Look) -> Iterator[Finding]:
    """The controller runs, in the version that the project is tested with."""
    found = look.get(_CONTROLLER)
    remedy = BROUGHT_BY["serving.kserve.io"]
    if found is None:
        yield Finding("KServe", State.FAILED, "no Deployment kserve/kserve-controller-manager", remedy)
        return
    containers = field_of(found, "spec", "template", "spec", "containers") or ()
    manager: Mapping[str, object] = next((one for one in containers if one.get("name") == "manager"), {})
    image = value(manager, "image", default="no container `manager`")
    known = image.rpartition(":")[2].removeprefix("v").startswith(KSERVE)
    upgrade = "docs/runbooks tell how another version of KServe is tried; the tested one is 0.20"
    yield Finding("KServe", State.OK if known else State.WARNING, image, "" if known else upgrade)
    ready = int(field_of(found, "status", "readyReplicas") or 0)
    words = f"{ready} ready"
    trouble = "" if ready else "kubectl -n kserve describe deployment kserve-controller-manager"
    yield Finding("KServe controller", State.OK if ready else State.FAILED, words, trouble)


def deployment_mode(look: Look) -> Iterator[Finding]:
    """Standard is KServe's default; our InferenceServices state it too, so that another default harms none of them."""
    text = value(look.get(_CONFIGURATION), "data", "deploy", default="{}")
    try:
        mode = str(json.loads(text).get("defaultDeploymentMode", "not stated"))
    except (ValueError, AttributeError):
        mode = "unreadable"
    fit = mode in _STANDARD
    remedy = "" if fit else "helm upgrade kserve … --set kserve.controller.deploymentMode=Standard"
    yield Finding("KServe mode", State.OK if fit else State.WARNING, mode, remedy)


def gateway_classes(look: Look) -> Iterator[Finding]:
    """Every class that a Gateway names is there and accepted by its controller."""
    for name in sorted({value(one, "spec", "gatewayClassName") for one in look.of_kind("Gateway")}):
        found = look.get(f"/apis/gateway.networking.k8s.io/v1/gatewayclasses/{name}")
        told = field_of(found, "status", "conditions") or ()
        accepted = any(one.get("type") == "Accepted" and one.get("status") == "True" for one in told)
        words = "accepted" if accepted else "not there" if found is None else "no controller has accepted it"
        remedy = "" if accepted else "make the class and install its controller (docs/cluster.md, 3)"
        yield Finding(f"GatewayClass {name}", State.OK if accepted else State.FAILED, words, remedy)


def storage_class(look: Look) -> Iterator[Finding]:
    """A default class, where a claim names none."""
    claims = [
        one for owner in look.of_kind("StatefulSet") for one in field_of(owner, "spec", "volumeClaimTemplates") or ()
    ]
    claims += look.of_kind("PersistentVolumeClaim")
    if all(field_of(one, "spec", "storageClassName") for one in claims):
        return
    mark = "storageclass.kubernetes.io/is-default-class"
    classes = look.items("/apis/storage.k8s.io/v1/storageclasses")
    default = [
        value(one, "metadata", "name") for one in classes if value(one, "metadata", "annotations", mark) == "true"
    ]
    remedy = "" if default else f'annotate a StorageClass with {mark}: "true", or claims stay Pending'
    found = ", ".join(default) or "none is the default"
    yield Finding("StorageClass", State.OK if default else State.FAILED, found, remedy)


def network_plugin(look: Look) -> Iterator[Finding]:
    """A plugin known to enforce NetworkPolicies; whether it really does, is not tried."""
    if not look.of_kind("NetworkPolicy"):
        return
    names = [value(one, "metadata", "name") for one in look.items("/apis/apps/v1/daemonsets")]
    known = sorted(name for name in names if any(plugin in name for plugin in _ENFORCING))
    remedy = (
        ""
        if known
        else "install a network plugin that enforces NetworkPolicies (Calico, Cilium): else any pod reaches a slot"
    )
    found = ", ".join(known) or "none that is known to enforce NetworkPolicies"
    yield Finding("network plugin", State.OK if known else State.WARNING, found, remedy)
