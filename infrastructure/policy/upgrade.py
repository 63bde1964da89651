"""What an apply over another version leaves to do: fields that the API refuses to change, objects left behind."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from infrastructure.policy.objects import Document, Finding, label

FIXED: Final[Mapping[str, tuple[str, ...]]] = {
    "Deployment": ("spec.selector",),
    "DaemonSet": ("spec.selector",),
    "StatefulSet": ("spec.selector", "spec.serviceName", "spec.volumeClaimTemplates", "spec.podManagementPolicy"),
    "Job": ("spec.selector", "spec.template", "spec.completionMode"),
    "RoleBinding": ("roleRef",),
    "ClusterRoleBinding": ("roleRef",),
    "PersistentVolumeClaim": ("spec.storageClassName", "spec.accessModes", "spec.volumeName"),
    "PriorityClass": ("value", "preemptionPolicy"),
    "StorageClass": ("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"),
}
"""Fields that the API server refuses to change, by kind."""


def read(file: Path) -> list[Document]:
    """What `kubectl kustomize` wrote into a file."""
    return [one for one in yaml.safe_load_all(file.read_text()) if one]


def reduced(documents: Iterable[Document]) -> Iterator[Document]:
    """What of each object `findings` looks at: its name, and the fields that cannot be changed."""
    for one in documents:
        meta = {name: value for name, value in one["metadata"].items() if name in ("name", "namespace")}
        found: Document = {"kind": one["kind"], "metadata": meta}
        for path in FIXED.get(one["kind"], ()):
            if (value := _at(one, path)) is not None:
                _put(found, path, value)
        yield found


def findings(before: Iterable[Document], after: Iterable[Document]) -> Iterator[Finding]:
    """What has to be deleted by hand on the way from one rendering to another, with the command for it."""
    next_ones = {label(one): one for one in after}
    for one in before:
        new = next_ones.get(label(one))
        if new is None:
            yield Finding("left-behind", label(one), "is applied no more, and stays", _delete(one))
            continue
        for path in FIXED.get(one["kind"], ()):
            if json.dumps(_at(one, path), sort_keys=True) != json.dumps(_at(new, path), sort_keys=True):
                yield Finding("cannot-be-changed", label(one), f"{path} is another", _delete(one))


def _delete(one: Document) -> str:
    space = one["metadata"].get("namespace")
    where = f" -n {space}" if space else ""
    return f"kubectl{where} delete {one['kind'].lower()} {one['metadata']['name']} --ignore-not-found"


def _at(node: Any, path: str) -> Any:
    for step in path.split("."):
        node = node.get(step) if isinstance(node, dict) else None
    return node


def _put(node: Document, path: str, value: Any) -> None:
    *steps, last = path.split(".")
    for step in steps:
        node = node.setdefault(step, {})
    node[last] = value
