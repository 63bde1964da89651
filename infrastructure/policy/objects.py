"""What the rules read and say: rendered documents, the pods they bring about, and findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

Document = dict[str, Any]
OVERLAYS: Final = ("local", "staging", "production")
OWN: Final = "contender"
SERVERS: Final = ("predictor", "transformer")


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One breach: the rule's name, the object or file, what is wrong there, and what to do about it."""

    rule: str
    where: str
    why: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.rule}: {self.where}: {self.why}" + (f" ({self.remedy})" if self.remedy else "")


@dataclass(frozen=True, slots=True)
class Pod:
    """One kind of pod that an object brings about: its labels and its spec, as the controller makes it."""

    where: str
    namespace: str
    labels: Mapping[str, str]
    spec: Document
    owner: Document
    part: str = ""

    @property
    def containers(self) -> list[Document]:
        """Every container, those that start first included."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    @property
    def serves(self) -> bool:
        """Whether people are answered by it."""
        return self.part in SERVERS


class Rendered(list[Document]):
    """Everything one overlay applies."""

    def __init__(self, overlay: str, documents: Iterable[Document]) -> None:
        super().__init__(documents)
        self.overlay = overlay

    def of(self, *kinds: str) -> list[Document]:
        """Its objects of those kinds, in order."""
        return [one for one in self if one["kind"] in kinds]

    def named(self, kind: str, name: str, namespace: str | None = None) -> Document | None:
        """The one object of that name, or None; in any namespace unless it is said."""
        for one in self.of(kind):
            if one["metadata"]["name"] == name and namespace in (None, space(one)):
                return one
        return None

    def pods(self) -> Iterator[Pod]:
        """Every pod that comes about by these objects."""
        for one in self:
            yield from _PODS.get(one["kind"], _none)(self, one)


Rule = Callable[[Rendered], Iterator[Finding]]


def label(document: Document) -> str:
    """How an object is named in a finding: kind, namespace and name."""
    meta = document["metadata"]
    return "/".join(part for part in (document["kind"], meta.get("namespace"), meta["name"]) if part)


def space(document: Document) -> str:
    """The namespace of an object, empty for those of the cluster."""
    return str(document["metadata"].get("namespace", ""))


def image_of_ours(image: str) -> bool:
    """Whether an image is built here."""
    return f"/{OWN}/" in f"/{image}"


def _none(overlay: Rendered, one: Document) -> Iterator[Pod]:  # noqa: ARG001 - the table's shape
    yield from ()


def _template(overlay: Rendered, one: Document) -> Iterator[Pod]:  # noqa: ARG001 - the table's shape
    spec = one["spec"]["jobTemplate"]["spec"] if one["kind"] == "CronJob" else one["spec"]
    template = spec["template"]
    yield Pod(label(one), space(one), template["metadata"].get("labels", {}), template["spec"], one)


def _service(overlay: Rendered, one: Document) -> Iterator[Pod]:
    """The pods of an InferenceService, as KServe makes them in Standard mode."""
    for part in SERVERS:
        if part in one["spec"]:
            own = one["spec"][part]
            labels = {
                **one["metadata"].get("labels", {}),
                **own.get("labels", {}),
                "app": f"isvc.{one['metadata']['name']}-{part}",
                "component": part,
                "serving.kserve.io/inferenceservice": one["metadata"]["name"],
            }
            spec = _predictor(overlay, own) if part == "predictor" else own
            yield Pod(f"{label(one)} {part}", space(one), labels, spec, one, part)


def _predictor(overlay: Rendered, own: Document) -> Document:
    """Its runtime's containers with its own variables, and the container that fetches the artifact."""
    model = own.get("model", {})
    runtime = overlay.named("ServingRuntime", model.get("runtime", ""))
    fetch = overlay.named("ClusterStorageContainer", own.get("storageContainerName", ""))
    base = runtime["spec"] if runtime else {"containers": []}
    containers = [{**one, "env": [*one.get("env", []), *model.get("env", [])]} for one in base["containers"]]
    first = [fetch["spec"]["container"]] if fetch else []
    rest = {name: value for name, value in own.items() if name not in ("model", "labels")}
    volumes = [*base.get("volumes", []), *own.get("volumes", [])]
    return {**rest, "initContainers": first, "containers": containers, "volumes": volumes}


_PODS: Final[Mapping[str, Callable[[Rendered, Document], Iterator[Pod]]]] = {
    "InferenceService": _service,
    **dict.fromkeys(("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"), _template),
}


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector (matchLabels, matchExpressions) picks these labels; an empty one picks all."""
    if selector is None:
        return False
    exact = all(labels.get(name) == value for name, value in selector.get("matchLabels", {}).items())
    return exact and all(_expression(one, labels) for one in selector.get("matchExpressions", []))


def _expression(one: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, values = labels.get(one["key"]), one.get("values", [])
    return {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }[str(one["operator"])]
