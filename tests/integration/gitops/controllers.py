"""What Argo CD and Flux do with an example, as far as fields go: render, respect what is ignored, apply by force.

After Argo CD's `controller/sync.go` (normalizeTargetResources) and kustomize-controller's apply, with its clean-up of
what `kubectl` owns. They render with kustomize, patches of the example last; so does this, by kubectl.
"""

from __future__ import annotations

import copy
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from contender.adapters.kubernetes_api import APPLY, core_path, group_path
from contender.errors import NotFound
from infrastructure.policy.objects import Document, Rendered
from infrastructure.policy.render import ROOT
from tests.stand_ins.kubernetes_api.cluster import NAMESPACE, Cluster, connected
from tests.stand_ins.kubernetes_api.objects import Key
from tests.stand_ins.kubernetes_api.objects import Path as FieldPath

EXAMPLES = ROOT / "examples" / "gitops"
PLURALS = {
    "ConfigMap": "configmaps",
    "CronJob": "cronjobs",
    "InferenceService": "inferenceservices",
    "Lease": "leases",
}
MERGED = ("kustomize.toolkit.fluxcd.io/ssa", "Merge")


def examples() -> dict[str, list[Document]]:
    """The objects of each example by its controller."""
    files = {"argocd": "application.yaml", "flux": "contender.yaml"}
    return {name: list(yaml.safe_load_all((EXAMPLES / name / file).read_text())) for name, file in files.items()}


def asked(name: str) -> Document:
    """The object that asks the controller `name` for syncs."""
    return examples()[name][-1]


def rendered(name: str, work: Path) -> Rendered:
    """What the controller applies of its example: the overlay, with the example's own patches."""
    spec = asked(name)["spec"]
    source = spec["source"] if name == "argocd" else spec
    patches = source["kustomize"]["patches"] if name == "argocd" else spec["patches"]
    overlay = os.path.relpath(ROOT / source["path"], work)
    kustomization = {"resources": [overlay], "patches": patches}
    (work / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    done = subprocess.run(["kubectl", "kustomize", str(work)], capture_output=True, text=True, check=True, timeout=60)
    return Rendered(name, (one for one in yaml.safe_load_all(done.stdout) if one))


class Controller:
    """Syncs the objects of one task into a cluster's namespace, as its field manager, with force."""

    def __init__(self, cluster: Cluster, wanted: Rendered, ignored: list[Document], manager: str) -> None:
        self._cluster, self._ignored, self._manager = cluster, ignored, manager
        self._api = connected(cluster.api, manager)
        self.wanted = [self._moved(one) for one in wanted if one["kind"] in PLURALS and _of_the_task(one)]

    def sync(self) -> None:
        """Everything that is wanted is applied, each after a look at what is there."""
        for document, target in list(self.targets()):
            self.apply(document, target)

    def targets(self) -> Iterator[tuple[Document, Document]]:
        """Each object, and what would be applied of it now: a look, whose answer may be old when it is applied."""
        for one in self.wanted:
            yield one, self._respectful(one, self._live(one))

    def apply(self, document: Document, target: Document) -> None:
        key = key_of(document)
        if self._manager == "kustomize-controller" and self._cluster.api.objects.has(key) and not _merges(document):
            self._cluster.api.objects.hand_over(key, "kubectl", self._manager)
        query = {"fieldManager": self._manager, "force": "true"}
        self._api.call("PATCH", _path(document), target, kind=APPLY, query=query)

    def _moved(self, document: Document) -> Document:
        made = copy.deepcopy(document)
        made["metadata"]["namespace"] = NAMESPACE
        return made

    def _live(self, document: Document) -> Document | None:
        try:
            return self._api.call("GET", _path(document))
        except NotFound:
            return None

    def _respectful(self, wanted: Document, live: Document | None) -> Document:
        """The live value at every ignored field: by path always, by owner where it differs from the wanted one."""
        made = copy.deepcopy(wanted)
        for rule in self._ignored if live else ():
            if rule["kind"] == wanted["kind"]:
                for path in self._paths(rule, wanted, live or {}):
                    _put(made, path, _at(live, path))
        return made

    def _paths(self, rule: Mapping[str, Any], wanted: Document, live: Document) -> list[FieldPath]:
        pointers = [
            tuple(part.replace("~1", "/") for part in one.split("/")[1:]) for one in rule.get("jsonPointers", [])
        ]
        owners = self._cluster.api.objects.managers(key_of(wanted))
        owned = {path for manager in rule.get("managedFieldsManagers", []) for path in owners.get(manager, set())}
        return pointers + [path for path in owned if _at(wanted, path) not in (None, _at(live, path))]


def controller(name: str, cluster: Cluster, work: Path) -> Controller:
    """The controller `name` with its example, in `cluster`."""
    ignored = asked(name)["spec"].get("ignoreDifferences", [])
    manager = {"argocd": "argocd-controller", "flux": "kustomize-controller"}[name]
    return Controller(cluster, rendered(name, work), ignored, manager)


def key_of(document: Document) -> Key:
    """Where the stand-in keeps an object."""
    version = document["apiVersion"]
    prefix = "apis" if "/" in version else "api"
    return Key(f"{prefix}/{version}", PLURALS[document["kind"]], NAMESPACE, document["metadata"]["name"])


def _path(document: Document) -> str:
    plural, name = PLURALS[document["kind"]], document["metadata"]["name"]
    if "/" in document["apiVersion"]:
        return group_path(document["apiVersion"], NAMESPACE, plural, name)
    return core_path(NAMESPACE, plural, name)


def _of_the_task(document: Document) -> bool:
    return bool(document["metadata"].get("labels", {}).get("app.kubernetes.io/instance") == "job-change")


def _merges(document: Document) -> bool:
    name, value = MERGED
    return bool(document["metadata"].get("annotations", {}).get(name) == value)


def _pointed(pointer: str) -> FieldPath:
    return tuple(part.replace("~1", "/") for part in pointer.split("/")[1:])


def _at(document: Any, path: FieldPath) -> Any:
    for name in path:
        document = document.get(name) if isinstance(document, Mapping) else None
    return document


def _put(document: Document, path: FieldPath, value: Any) -> None:
    for name in path[:-1]:
        document = document.setdefault(name, {})
    if value is None:
        document.pop(path[-1], None)
    else:
        document[path[-1]] = value
