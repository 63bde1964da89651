"""Checks of what is ours in a cluster: namespaces, accounts, rights, Secrets, approvers, admission, clocks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from cli.cluster_doctor.finding import Finding, Look, State, value
from contender.adapters.kubernetes_api import Document, field_of
from contender.errors import ContenderError, InvalidInput, Unavailable

LAYER: Final = "contender/layer"
FOUNDATION: Final = "foundation"
INSTALL: Final = "contender cluster install makes it"
MOST_SKEW_S: Final = 5.0

_APPROVER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}\.pub")
_PEM: Final = "-----BEGIN PUBLIC KEY-----"
_STORAGE: Final = "contender-s3"
_ENFORCE: Final = "pod-security.kubernetes.io/enforce"
_ADMISSION: Final = "/apis/authorization.k8s.io/v1"


def namespaces(look: Look) -> Iterator[Finding]:
    """Each is there, and under the Pod Security level that the manifests state."""
    stated = {one["metadata"]["name"]: one for one in look.of_kind("Namespace")}
    for name in sorted({*stated, *look.namespaces}):
        found = look.get(f"/api/v1/namespaces/{name}")
        wanted = value(stated.get(name), "metadata", "labels", _ENFORCE)
        there = value(found, "metadata", "labels", _ENFORCE)
        if found is None:
            remedy = INSTALL if name in stated else f"kubectl create namespace {name}, with what belongs in it"
            yield Finding(f"namespace {name}", State.FAILED, "not there", remedy, installed=name in stated)
        elif wanted != there:
            words = f"Pod Security is {there or 'not enforced'}, not {wanted or 'left open'}"
            remedy = f"kubectl label --overwrite namespace {name} {_ENFORCE}={wanted}"
            yield Finding(f"namespace {name}", State.FAILED, words, remedy, installed=True)
        else:
            yield Finding(f"namespace {name}", State.OK, f"Pod Security {there or 'not stated'}")


def pod_security(look: Look) -> Iterator[Finding]:
    """Where `restricted` is stated, the API refuses a privileged pod; nothing is made."""
    for one in look.of_kind("Namespace"):
        name = one["metadata"]["name"]
        if value(one, "metadata", "labels", _ENFORCE) != "restricted" or name in look.missing_namespaces:
            continue
        refused = _is_refused(look, name)
        words = "a privileged pod is refused" if refused else "a privileged pod would be accepted"
        remedy = "" if refused else f"kubectl label --overwrite namespace {name} {_ENFORCE}=restricted"
        yield Finding(f"admission in {name}", State.OK if refused else State.FAILED, words, remedy, installed=True)


def _is_refused(look: Look, namespace: str) -> bool:
    container = {"name": "probe", "image": "probe", "securityContext": {"privileged": True}}
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "contender-doctor"},
        "spec": {"containers": [container]},
    }
    try:
        look.api.call("POST", f"/api/v1/namespaces/{namespace}/pods", body, query={"dryRun": "All"})
    except ContenderError as error:
        if "PodSecurity" in error.message:
            return True
        raise
    return False


def accounts(look: Look) -> Iterator[Finding]:
    """The service account of every pod."""
    stated = {_name_of(one) for one in look.of_kind("ServiceAccount")}
    needed = {(ns, str(pod["serviceAccountName"])) for ns, pod in _pods(look) if pod.get("serviceAccountName")}
    for namespace, name in sorted(needed):
        there = look.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}") is not None
        made = (namespace, name) in stated
        remedy = "" if there else INSTALL if made else f"kubectl -n {namespace} create serviceaccount {name}"
        state = State.OK if there else State.FAILED
        yield Finding(f"account {namespace}/{name}", state, "there" if there else "not there", remedy, installed=made)


def secrets(look: Look) -> Iterator[Finding]:
    """Every Secret that a pod or a Gateway needs, with the keys that are read of it; no value is looked at."""
    for (namespace, name), keys in sorted(_needed_secrets(look).items()):
        found = look.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")
        missing = sorted(keys - set(field_of(found, "data") or ()))
        words = "not there" if found is None else f"lacks {', '.join(missing)}" if missing else "there"
        remedy = (
            f"docs/cluster.md, 3: make it with the keys {', '.join(sorted(keys))}" if missing or found is None else ""
        )
        state = State.FAILED if remedy else State.OK
        yield Finding(f"Secret {namespace}/{name}", state, words, remedy)


def approvers(look: Look) -> Iterator[Finding]:
    """Somebody can approve, and no key is there in vain."""
    name = "approvers"
    found = look.get(f"/api/v1/namespaces/{look.api.namespace}/configmaps/{name}")
    data: Mapping[str, str] = field_of(found, "data") or {}
    valid = sorted(key for key, text in data.items() if _APPROVER.fullmatch(key) and text.strip().startswith(_PEM))
    stray = sorted(set(data) - set(valid))
    remedy = f"kubectl -n {look.api.namespace} create configmap {name} --from-file=NAME.pub"
    if not valid:
        yield Finding(name, State.WARNING, "nobody may approve, so that nothing is promoted", remedy)
    else:
        yield Finding(name, State.OK, ", ".join(key.removesuffix(".pub") for key in valid))
    if stray:
        words = f"not read: {', '.join(stray)}"
        yield Finding(f"{name}: other keys", State.WARNING, words, "name each NAME.pub, with a public key in PEM")


def storage_containers(look: Look) -> Iterator[Finding]:
    """How artifacts are fetched: ours is there; another that matches would serve whoever names none."""
    every = look.items("/apis/serving.kserve.io/v1alpha1/clusterstoragecontainers")
    names = [
        value(one, "metadata", "name") for one in every if "s3://" in str(field_of(one, "spec", "supportedUriFormats"))
    ]
    if _STORAGE not in names:
        words = f"no ClusterStorageContainer {_STORAGE}"
        yield Finding("storage container", State.FAILED, words, INSTALL, installed=True)
    else:
        yield Finding("storage container", State.OK, _STORAGE)
    unnamed = [value(one, "metadata", "name") for one in look.of_kind("InferenceService") if not _names_ours(one)]
    if unnamed and set(names) - {_STORAGE}:
        words = f"{', '.join(names)} all match s3://, and {', '.join(unnamed)} names none"
        yield Finding("storage container: others", State.FAILED, words, f"state storageContainerName: {_STORAGE}")


def _names_ours(service: Document) -> bool:
    return value(service, "spec", "predictor", "storageContainerName") == _STORAGE


def rights(look: Look) -> Iterator[Finding]:
    """The caller may state every kind; nobody asks what a job's account may do here, `cluster doctor --inside` does."""
    wanted = sorted({(one["apiVersion"], one["kind"], value(one, "metadata", "namespace")) for one in look.manifests})
    missing = []
    for version, kind, namespace in wanted:
        if look.served.serves(version, kind) and not _may(look, version, kind, namespace):
            missing.append(f"{kind} in {namespace}" if namespace else kind)
    if missing:
        words = f"you may not state {', '.join(missing)}"
        yield Finding("your rights", State.FAILED, words, "act as an administrator of the cluster")
    else:
        yield Finding("your rights", State.OK, f"you may state all {len(wanted)} kinds")


def _may(look: Look, version: str, kind: str, namespace: str) -> bool:
    path = look.served.path({"apiVersion": version, "kind": kind, "metadata": {"namespace": namespace, "name": "x"}})
    group = version.rpartition("/")[0]
    asked = {"group": group, "resource": path.split("/")[-2], "verb": "patch", "namespace": namespace}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": asked},
    }
    return bool(field_of(look.api.call("POST", f"{_ADMISSION}/selfsubjectaccessreviews", body), "status", "allowed"))


def admission(look: Look) -> Iterator[Finding]:
    """Every object passes schema, webhooks and policies, and no field of it is somebody else's; nothing is kept."""
    tried = [one for one in look.manifests if _can_be_tried(look, one)]
    refused = 0
    for one in tried:
        try:
            look.served.apply(one, dry=True)
        except (InvalidInput, Unavailable, ContenderError) as error:
            refused += 1
            yield _refusal(one, error)
    if not refused:
        left = len(look.manifests) - len(tried)
        words = f"{len(tried)} objects would be accepted" + (f", {left} wait for a namespace or a kind" if left else "")
        yield Finding("dry run", State.OK, words)


def _can_be_tried(look: Look, document: Document) -> bool:
    known = look.served.serves(document["apiVersion"], document["kind"])
    return known and value(document, "metadata", "namespace") not in look.missing_namespaces


def _refusal(document: Document, error: ContenderError) -> Finding:
    name = f"{document['kind']} {document['metadata']['name']}"
    immutable = document["kind"] == "Job" and "immutable" in error.message
    gone = f"kubectl -n {value(document, 'metadata', 'namespace')} delete job {document['metadata']['name']}"
    return Finding(name, State.FAILED, error.message, gone if immutable else error.remedy or "see what the API says")


def clock(look: Look) -> Iterator[Finding]:
    """This machine and the API agree on the time, to some seconds: approvals and leases carry it."""
    probe = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "contender-doctor-clock"}}
    made = look.api.call("POST", "/api/v1/namespaces/default/configmaps", probe, query={"dryRun": "All"})
    skew = look.now() - datetime.fromisoformat(value(made, "metadata", "creationTimestamp")).timestamp()
    fit = abs(skew) <= MOST_SKEW_S
    remedy = "" if fit else "let this machine and the cluster's nodes follow a time server"
    yield Finding("clock", State.OK if fit else State.FAILED, f"{skew:+.0f} s from the API's", remedy)


def images(look: Look) -> Iterator[Finding]:
    """Every image is named by its digest, or was loaded into the nodes by hand."""
    names = {str(one.get("image", "")) for _, pod in _pods(look) for one in pod.get("containers", ())} - {""}
    loose = sorted(name for name in names if "@sha256:" not in name)
    unset = [name for name in loose if set(re.findall(r"[A-Z]{4,}", name))]
    if unset:
        yield Finding(
            "images", State.FAILED, f"not filled in: {', '.join(unset)}", "put digests into the overlay's images"
        )
    elif loose:
        words = f"by tag, so that what runs may change: {', '.join(loose)}"
        yield Finding("images", State.WARNING, words, "fine on a laptop; elsewhere name them by digest")
    else:
        yield Finding("images", State.OK, f"all {len(names)} by digest")


def _needed_secrets(look: Look) -> dict[tuple[str, str], set[str]]:
    needed: dict[tuple[str, str], set[str]] = {}
    for namespace, pod in _pods(look):
        for one in _nested(pod, "secretKeyRef"):
            if not one.get("optional"):
                needed.setdefault((namespace, str(one["name"])), set()).add(str(one["key"]))
        for volume in pod.get("volumes", ()):
            secret = volume.get("secret") or {}
            if secret and not secret.get("optional"):
                keys = {str(item["key"]) for item in secret.get("items", ())}
                needed.setdefault((namespace, str(secret["secretName"])), set()).update(keys)
    for gateway in look.of_kind("Gateway"):
        for one in (ref for refs in _nested(gateway, "certificateRefs") for ref in refs):
            key = (value(gateway, "metadata", "namespace"), str(one["name"]))
            needed.setdefault(key, set()).update({"tls.crt", "tls.key"})
    return needed


def _pods(look: Look) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The namespace and the specification of every pod that the manifests make."""
    for one in look.manifests:
        for pod in _pod_specs(one.get("spec")):
            yield value(one, "metadata", "namespace"), pod


def _pod_specs(document: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(document, list):
        for one in document:
            yield from _pod_specs(one)
    if isinstance(document, dict):
        if "containers" in document or "model" in document:
            yield document
        else:
            for one in document.values():
                yield from _pod_specs(one)


def _nested(document: Any, name: str) -> Iterator[Any]:
    if isinstance(document, list):
        for one in document:
            yield from _nested(one, name)
    if isinstance(document, dict):
        for key, one in document.items():
            if key == name:
                yield one
            else:
                yield from _nested(one, name)


def _name_of(document: Document) -> tuple[str, str]:
    return value(document, "metadata", "namespace"), value(document, "metadata", "name")
