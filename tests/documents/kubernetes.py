"""Holds a documented kubectl command against the rendered overlays: what it names is there, selectors select."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Final

from infrastructure.policy.objects import Document, Rendered, space
from infrastructure.policy.upgrade import read
from tests.documents.extract import ROOT, Text

KINDS: Final = {
    "cronjob": "CronJob",
    "job": "Job",
    "deployment": "Deployment",
    "deploy": "Deployment",
    "statefulset": "StatefulSet",
    "service": "Service",
    "secret": "Secret",
    "configmap": "ConfigMap",
    "inferenceservice": "InferenceService",
    "inferenceservices": "InferenceService",
    "isvc": "InferenceService",
    "pod": "Pod",
    "pods": "Pod",
    "namespace": "Namespace",
    "certificate": "Certificate",
    "lease": "Lease",
    "events": "Event",
    "jobs": "Job",
    "cronjobs": "CronJob",
    "serviceaccount": "ServiceAccount",
    "nodes": "Node",
    "role": "Role",
    "rolebinding": "RoleBinding",
    "customresourcedefinition": "CustomResourceDefinition",
}
_MADE: Final = frozenset(
    {"Secret", "ConfigMap", "Pod", "Event", "Certificate", "Node", "Lease", "CustomResourceDefinition"}
)
"""Kinds that the overlays do not state, since a person or a controller makes them."""

_VERBS: Final = frozenset(
    {"annotate", "apply", "create", "delete", "describe", "diff", "exec", "get", "kustomize", "label", "logs", "patch"}
    | {"port-forward", "proxy", "rollout", "scale", "set", "wait"}
)
_FOREIGN: Final = frozenset({"kubeflow", "monitoring", "kserve", "kube-system", "cert-manager", "envoy-gateway-system"})
"""Namespaces of what must be there first."""

_KSERVE: Final = ("-predictor", "-transformer")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise ValueError(message)


def _parser() -> _Parser:
    parser = _Parser(add_help=False, allow_abbrev=False)
    for names in (
        ("-n", "--namespace"),
        ("-l", "--selector"),
        ("-p", "--patch"),
        ("-o", "--output"),
        ("-c", "--container"),
        ("-f", "--filename"),
    ):
        parser.add_argument(*names, default="")
    for name in (
        "type",
        "field-manager",
        "timeout",
        "for",
        "from",
        "kustomize",
        "sort-by",
        "tail",
        "since",
        "replicas",
        "image",
        "subresource",
        "dry-run",
        "cert",
        "key",
    ):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--from-literal", action="append", default=[])
    parser.add_argument("--from-file", action="append", default=[])
    for name in (
        "server-side",
        "ignore-not-found",
        "force-conflicts",
        "all-namespaces",
        "overwrite",
        "previous",
        "follow",
        "stdin",
        "tty",
    ):
        parser.add_argument(f"--{name}", action="store_true")
    parser.add_argument("--wait", nargs="?", default="", const="true")
    parser.add_argument("words", nargs="*")
    return parser


def kubectl(words: Sequence[str], told: Text, overlays: Mapping[str, Rendered]) -> Iterator[str]:
    """What is wrong with ``kubectl words``: verbs, flags, namespaces, objects, selectors, keys of Secrets."""
    own = list(words[: words.index("--")] if "--" in words else words)
    if "logs" in own:
        own = ["--follow" if word == "-f" else word for word in own]
    try:
        asked = _parser().parse_intermixed_args(own)
    except ValueError as error:
        yield f"kubectl: {error}"
        return
    verb, rest = (asked.words or [""])[0], asked.words[1:]
    if verb not in _VERBS:
        yield f"kubectl has no verb {verb!r} that the documents may use"
        return
    objects = [one for rendered in overlays.values() for one in rendered]
    yield from _space(asked.namespace, objects)
    yield from _folder(asked.kustomize or (rest[0] if verb == "kustomize" and rest else ""), told)
    yield from _selected(asked.selector, asked.namespace, overlays)
    yield from _patch(asked.patch)
    if verb == "create":
        yield from _created(rest, asked, objects)
    elif verb in ("rollout", "set"):
        yield from _named(rest[1:], asked.namespace, objects, verb == "rollout" and rest[:1] == ["restart"])
    elif verb not in ("apply", "kustomize", "proxy", "diff"):
        yield from _named(rest, asked.namespace, [*objects, *(_before() if verb == "delete" else ())])


@cache
def _before() -> Sequence[Document]:
    """What a version before applied, and what an upgrade deletes."""
    return read(ROOT / "tests" / "integration" / "policy" / "applied-19b984c.yaml")


def _space(name: str, objects: Sequence[Document]) -> Iterator[str]:
    if name and name not in _FOREIGN | {space(one) for one in objects} and not name.isupper():
        yield f"nothing is in a namespace {name}"


def _folder(name: str, told: Text) -> Iterator[str]:
    if name and not any((base / name).is_dir() for base in (ROOT, (ROOT / told.page).parent)):
        yield f"there is no folder {name}"


def _patch(text: str) -> Iterator[str]:
    try:
        json.loads(text or "{}")
    except ValueError as error:
        yield f"the patch is not JSON: {error}"


def _selected(selector: str, name: str, overlays: Mapping[str, Rendered]) -> Iterator[str]:
    if not selector:
        return
    labels = [dict(pod.labels) for one in overlays.values() for pod in one.pods() if name in ("", pod.namespace)]
    labels += [one["metadata"].get("labels", {}) for rendered in overlays.values() for one in rendered]
    labels += [{"app": f"isvc.{_name(one)}{part}"} for one in _all(overlays, "InferenceService") for part in _KSERVE]
    if not any(all(_holds(term, found) for term in selector.split(",")) for found in labels):
        yield f"nothing has the labels {selector}"


def _holds(term: str, labels: Mapping[str, str]) -> bool:
    key, _, value = term.partition("!=" if "!=" in term else "=")
    return (labels.get(key) == value) != ("!=" in term) if value else key in labels


def _created(rest: Sequence[str], asked: argparse.Namespace, objects: Sequence[Document]) -> Iterator[str]:
    kind, name = rest[0], rest[-1]
    if kind == "job":
        yield from _named([asked.__dict__["from"]], asked.namespace, objects)
    elif kind in ("secret", "configmap"):
        keys = [one.partition("=")[0].rpartition("/")[2] for one in [*asked.from_literal, *asked.from_file]]
        yield from _keys(kind, name, keys, _readers(objects, asked.namespace))
    elif kind != "namespace":
        yield f"kubectl create {kind} is not known to the documents"


def _keys(kind: str, name: str, keys: Sequence[str], readers: Mapping[tuple[str, str], set[str]]) -> Iterator[str]:
    read = readers.get((kind, name))
    if read is None:
        yield f"nothing reads the {kind} {name}"
    elif name == "approvers":
        yield from (f"{key} is no approver's key: NAME.pub" for key in keys if not key.endswith(".pub"))
    elif read:
        yield from (f"nothing reads the key {key} of {name}" for key in keys if key not in read)


def _readers(objects: Sequence[Document], name: str) -> Mapping[tuple[str, str], set[str]]:
    """The keys that are read of each Secret and ConfigMap; an empty set where all are, as files."""
    found: dict[tuple[str, str], set[str]] = {}
    for one in objects:
        if name in ("", "kubeflow", space(one)):
            for part in _parts(one):
                for kind, reference in _references(part):
                    found.setdefault((kind, reference["name"]), set()).update(
                        [reference["key"]] if "key" in reference else []
                    )
    return found


def _references(part: Document) -> Iterator[tuple[str, Document]]:
    for field, kind in (
        ("secretKeyRef", "secret"),
        ("secretRef", "secret"),
        ("configMapKeyRef", "configmap"),
        ("configMapRef", "configmap"),
    ):
        if isinstance(reference := part.get(field), dict):
            yield kind, reference
    volume = part.get("secret")
    if isinstance(volume, dict) and "secretName" in volume:
        yield from (("secret", {"name": volume["secretName"], "key": one["key"]}) for one in volume.get("items", []))
        yield "secret", {"name": volume["secretName"]}
    yield from (("secret", {"name": one["name"]}) for one in part.get("certificateRefs", ()))
    held = part.get("configMap")
    if isinstance(held, dict) and "name" in held:
        yield "configmap", {"name": held["name"]}


def _parts(value: object) -> Iterator[Document]:
    if isinstance(value, dict):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _parts(one)


def _named(words: Sequence[str], name: str, objects: Sequence[Document], restart: bool = False) -> Iterator[str]:
    """Whether what `words` name is there: ``kind/name`` or ``kind name``."""
    pairs = [tuple(word.split("/", 1)) for word in words if "/" in word]
    if not pairs and words:
        pairs = [(words[0], one) for one in words[1:]] or [(words[0], "")]
    for kind, one in pairs:
        if kind not in KINDS:
            yield f"kind {kind!r} is not known to the documents"
        elif restart and one.endswith(_KSERVE):
            yield f"{one} is KServe's: its controller takes the restart back"
        elif one and KINDS[kind] not in _MADE and name not in _FOREIGN and not _there(KINDS[kind], one, name, objects):
            yield f"there is no {kind} {one} in {name or 'any namespace'}"


def _there(kind: str, name: str, namespace: str, objects: Sequence[Document]) -> bool:
    if kind in ("Deployment", "Service") and name.endswith(_KSERVE):
        base = name.rpartition("-")[0]
        return any(one["kind"] == "InferenceService" and _name(one) == base for one in objects)
    made_by_hand = kind == "Job" and name.endswith(("-by-hand", "-now"))
    return made_by_hand or any(
        (one["kind"], _name(one)) == (kind, name) and namespace in ("", space(one)) for one in objects
    )


def _name(one: Document) -> str:
    return str(one["metadata"]["name"])


def _all(overlays: Mapping[str, Rendered], kind: str) -> Iterator[Document]:
    for rendered in overlays.values():
        yield from rendered.of(kind)
