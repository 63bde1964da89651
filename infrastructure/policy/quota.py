"""What a namespace's manifests can ask for at once: the figures that its ResourceQuota is held against."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from infrastructure.policy.objects import Document, Pod, Rendered

AT_MOST: Final = 1.25
"""How much more than it needs a namespace may be given: room for a container that KServe adds."""
ASKED: Final[Mapping[str, tuple[str, str]]] = {
    "requests.cpu": ("requests", "cpu"),
    "requests.memory": ("requests", "memory"),
    "limits.memory": ("limits", "memory"),
}
_UNITS: Final[Mapping[str, float]] = {"": 1.0, "m": 1e-3, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30}


def amount(text: object) -> float:
    """A quantity in its base unit: processors, bytes, or a number.

    >>> amount("500m"), amount("1Gi"), amount(2)
    (0.5, 1073741824.0, 2.0)

    Raises:
        ValueError: not a quantity, or a unit that nothing here uses.
    """
    found = re.fullmatch(r"([0-9.]+)(m|Ki|Mi|Gi)?", str(text))
    if found is None:
        raise ValueError(f"{text!r} is no quantity")
    return float(found[1]) * _UNITS[found[2] or ""]


def need(overlay: Rendered, namespace: str) -> dict[str, float]:
    """What all pods of a namespace ask for, everything scaled up as far as it may, and rolled, at once."""
    pods = [(pod, copies(pod)) for pod in overlay.pods() if pod.namespace == namespace]
    told = {name: sum(_of(pod, *where) * count for pod, count in pods) for name, where in ASKED.items()}
    return told | {"pods": float(sum(count for _, count in pods))}


def copies(pod: Pod) -> int:
    """How many of a pod there may be at once: one more than its replicas while it is rolled."""
    spec = pod.owner["spec"]
    if pod.part:
        return int(spec[pod.part].get("maxReplicas", 1)) + 1
    if pod.owner["kind"] in ("Deployment", "StatefulSet"):
        return int(spec.get("replicas", 1)) + 1
    return 1


def _of(pod: Pod, kind: str, resource: str) -> float:
    """A pod's request or limit, as it is counted: the containers' sum, or the largest of those that go first."""
    first = [_asks(one, kind, resource) for one in pod.spec.get("initContainers", [])]
    return max(sum(_asks(one, kind, resource) for one in pod.spec["containers"]), *first, 0.0)


def _asks(container: Document, kind: str, resource: str) -> float:
    return amount(container.get("resources", {}).get(kind, {}).get(resource, "0"))
