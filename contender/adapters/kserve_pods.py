"""Why the pods of a slot do not serve, in their own words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from contender.adapters.kubernetes_api import Document, field_of

MOST_RESTARTS: Final = 2
"""A container that ended so often is not going to start: waiting on would only lose time."""

_MOST_WORDS: Final = 400
_USUAL: Final = frozenset({"PodInitializing", "ContainerCreating"})


FETCHED: Final = "internal.serving.kserve.io/storage-initializer-sourceuri"
"""The annotation by which KServe tells a pod which artifact to fetch."""

_REVISION: Final = "deployment.kubernetes.io/revision"
_HASH: Final = "pod-template-hash"


class Trouble(NamedTuple):
    """What keeps pods from serving, empty while nothing does, and how often the worst container was restarted."""

    reason: str = ""
    restarts: int = 0


def trouble_of(pods: Sequence[Document]) -> Trouble:
    """The trouble of the youngest pod that has any, pods that are leaving left out."""
    living = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    troubles = [trouble for pod in sorted(living, key=_age) if (trouble := _of_pod(pod)).reason]
    return troubles[-1] if troubles else Trouble()


def newest_of(artifact: str, replica_sets: Sequence[Document], pods: Sequence[Document]) -> list[Document]:
    """The pods of the newest of `replica_sets` that fetches `artifact`; none while there is no such set yet.

    Pods of an older one say nothing about the version: a slot that held none restarts for ever until the new pods are
    ready, and the controller may not have acted at all.
    """
    sets = [
        one for one in replica_sets if field_of(one, "spec", "template", "metadata", "annotations", FETCHED) == artifact
    ]
    newest = max(sets, key=_revision, default=None)
    wanted = field_of(newest, "metadata", "labels", _HASH)
    return [pod for pod in pods if wanted and field_of(pod, "metadata", "labels", _HASH) == wanted]


def _revision(replica_set: Document) -> int:
    return int(field_of(replica_set, "metadata", "annotations", _REVISION) or 0)


def _of_pod(pod: Document) -> Trouble:
    found = [_of_container(one) for one in _containers(pod) if not one.get("ready")]
    worst = max(found, key=lambda trouble: (trouble.restarts, bool(trouble.reason)), default=Trouble())
    reason = worst.reason or _unscheduled(pod)
    return Trouble(f"{pod['metadata']['name']}: {reason}" if reason else "", worst.restarts)


def _of_container(status: Document) -> Trouble:
    waiting = field_of(status, "state", "waiting") or {}
    ended = field_of(status, "state", "terminated") or field_of(status, "lastState", "terminated") or {}
    words = []
    if waiting.get("reason") not in (None, *_USUAL):
        words += [str(waiting["reason"]), str(waiting.get("message", ""))]
    if ended.get("exitCode"):
        words += [f"{status['name']} ended with code {ended['exitCode']}", str(ended.get("message", "")).strip()]
    return Trouble(": ".join(filter(None, words))[:_MOST_WORDS], int(status.get("restartCount", 0)))


def _containers(pod: Document) -> Iterator[Document]:
    for kind in ("initContainerStatuses", "containerStatuses"):
        yield from field_of(pod, "status", kind) or ()


def _unscheduled(pod: Document) -> str:
    conditions = field_of(pod, "status", "conditions") or ()
    words = [one.get("message", "") for one in conditions if (one["type"], one["status"]) == ("PodScheduled", "False")]
    return f"not scheduled: {words[0]}" if words else ""


def _age(pod: Document) -> str:
    return str(field_of(pod, "metadata", "creationTimestamp") or "")
