"""Checks of room: what the manifests request against what the nodes have left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from cli.cluster_doctor.finding import Finding, Look, State
from contender.adapters.kubernetes_api import Document, field_of

_UNITS: Final[Mapping[str, float]] = {
    "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}  # fmt: skip
_ENDED: Final = ("Succeeded", "Failed")


class Room(NamedTuple):
    """Processors and bytes of memory."""

    cpu: float
    memory: float

    def plus(self, other: Room, times: int = 1) -> Room:
        """Both together, the other `times`."""
        return Room(self.cpu + times * other.cpu, self.memory + times * other.memory)


def quantity(text: object) -> float:
    """A quantity as Kubernetes writes it, in its base unit.

    >>> quantity("250m"), quantity("1536Mi"), quantity(2)
    (0.25, 1610612736.0, 2.0)
    """
    said = str(text)
    unit = said.lstrip("0123456789.")
    return float(said.removesuffix(unit)) * _UNITS.get(unit, 1.0)


def room(look: Look) -> Iterator[Finding]:
    """What the manifests request fits into what other namespaces leave of the nodes."""
    nodes = [one for one in look.items("/api/v1/nodes") if not field_of(one, "spec", "unschedulable")]
    allocatable = _sum(_of(field_of(one, "status", "allocatable")) for one in nodes)
    others = [
        one for one in look.items("/api/v1/pods") if field_of(one, "metadata", "namespace") not in look.namespaces
    ]
    taken = _sum(_pod(one["spec"]) for one in others if field_of(one, "status", "phase") not in _ENDED)
    wanted, left = requested(look.manifests), allocatable.plus(taken, -1)
    for name, need, have, scale, unit in (
        ("processors", wanted.cpu, left.cpu, 1.0, ""),
        ("memory", wanted.memory, left.memory, 2.0**30, " GiB"),
    ):
        words = f"{need / scale:.1f}{unit} requested, {have / scale:.1f}{unit} left on {len(nodes)} nodes"
        remedy = "" if need <= have else "add nodes, or lower the requests in the overlay: pods would stay Pending"
        yield Finding(name, State.OK if need <= have else State.FAILED, words, remedy)


def requested(manifests: Iterable[Document]) -> Room:
    """What the manifests keep running requests; jobs, which end, are left out."""
    return _sum(one for document in manifests for one in _kept_running(document))


def _kept_running(document: Document) -> Iterator[Room]:
    spec = document.get("spec") or {}
    if document["kind"] in ("Deployment", "StatefulSet"):
        yield Room(0, 0).plus(_pod(spec["template"]["spec"]), int(spec.get("replicas", 1)))
    if document["kind"] == "InferenceService":
        for part in ("predictor", "transformer"):
            if found := spec.get(part):
                containers = [*found.get("containers", ()), *([found["model"]] if "model" in found else ())]
                yield Room(0, 0).plus(_pod({"containers": containers}), int(found.get("minReplicas", 1)))


def _pod(spec: Mapping[str, Any]) -> Room:
    return _sum(_of(field_of(one, "resources", "requests")) for one in spec.get("containers", ()))


def _of(said: Any) -> Room:
    return Room(quantity((said or {}).get("cpu", 0)), quantity((said or {}).get("memory", 0)))


def _sum(rooms: Iterable[Room]) -> Room:
    total = Room(0.0, 0.0)
    for one in rooms:
        total = total.plus(one)
    return total
