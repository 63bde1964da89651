"""Slots as KServe InferenceServices: states which artifact each serves, and believes the slots' own answers.

KServe says ``Ready=True`` of an InferenceService whose new version crashes, because its old pods still serve. So a
slot counts as prepared when its Deployment has rolled out *and* it answers with the version, the digest and the golden
answers that are wanted.

A release owns three fields of an InferenceService, by server-side apply under its own field manager, and nobody else
may state them: ``spec.predictor.model.storageUri``, ``.modelFormat`` and the annotation ``serving.kserve.io/stop``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from contender.adapters.kserve_pods import MOST_RESTARTS, Trouble, newest_of, trouble_of
from contender.adapters.kserve_probe import SlotAnswer, SlotProbe
from contender.adapters.kubernetes_api import APPLY, MANAGER, Api, Document, core_path, field_of, group_path
from contender.artifact import GOLDEN, MANIFEST, check_file, digest, parse_manifest
from contender.errors import (
    ContenderError,
    DeadlineExceeded,
    InvalidArtifact,
    InvalidInput,
    NotFound,
    Refused,
    Unavailable,
)
from contender.values import BASELINE, SLOTS, ModelVersion

SERVING: Final = "serving.kserve.io/v1beta1"
STOP: Final = "serving.kserve.io/stop"
MODEL_FORMAT: Final = "contender-onnx"

_NAME: Final = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?")
TELL_S: Final = 5.0
"""How often the same reason for waiting is told."""

_PAUSE_S: Final = 0.5
_RETIRE_S: Final = 60.0
_NOT_DEPLOYED: Final = "apply infrastructure/kubernetes first"
_MORE_SLOTS: Final = "add the component more-slots to the overlay and apply it, or name fewer in CONTENDER_SLOTS"
_EXACT: Final = ("s3://", "gs://", "abfs://", "https://", "pvc://")


class Artifacts(Protocol):
    """Reads files of serving artifacts where they are kept."""

    def read(self, artifact: str, name: str) -> bytes:
        """The file `name` of `artifact`.

        Raises:
            InvalidArtifact: there is no such file, or it is too large.
            Unavailable: the store of artifacts does not answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class Waiting:
    """Seconds that only grow, a way to let some of them pass, and who is told what is waited for meanwhile.

    `tell` hears each new reason at once, and the same one again after `TELL_S`.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    tell: Callable[[str], object] = lambda _: None


class KServeSlots:
    """The slots of one task, such as ``blue`` and ``green``, and its ``baseline``, in `api`'s namespace.

    `artifacts` is asked for manifest and golden requests before a slot is touched; `probe` asks slots what they serve.
    """

    def __init__(
        self,
        api: Api,
        task: str,
        artifacts: Artifacts,
        probe: SlotProbe,
        waiting: Waiting = Waiting(),
    ) -> None:
        self._api, self._task, self._artifacts, self._probe = api, task, artifacts, probe
        self._waiting = waiting

    def prepare(self, slot: str, version: ModelVersion, *, deadline_s: float) -> None:
        """Serve `version` in `slot`: return once it is rolled out and answers with exactly that version and digest.

        A slot that already does goes on, and is asked its golden requests. On failure the slot is told to serve what it
        served before, or to stop if that was nothing; what was served before never stopped, since pods are replaced one
        by one.

        Raises:
            NotFound: the manifests, which say all else of the InferenceService, were not applied for this slot.
            Unavailable: the API is away or the version does not start, with the pods' own reason.
            DeadlineExceeded: not within `deadline_s`, with the pods' own reason.
            InvalidArtifact: the artifact is not the one that `version` names; the slot is not touched.
        """
        deadline = self._waiting.now() + deadline_s
        if self._service(_checked(slot)) is None:
            remedy = _NOT_DEPLOYED if slot in (*SLOTS, BASELINE) else _MORE_SLOTS
            raise NotFound(f"{self._name(slot)} is not deployed", remedy=remedy)
        golden = self._verified(slot, version)
        before = self._stated(slot)
        if before != version.artifact:
            self._state(slot, version.artifact)
        try:
            self._await(slot, version, deadline)
            self._probe.golden(slot, golden)
        except ContenderError as error:
            self._take_back(slot, version, before, error)
            raise

    def serves(self, slot: str, version: ModelVersion) -> bool:
        """Whether `slot` is to serve that version, is rolled out and answers with its version and digest."""
        return self._stated(_checked(slot)) == version.artifact and self._serves(slot, version)

    def answers(self, slot: str) -> str | None:
        """The version that `slot` answers with now, or None when it does not answer."""
        answer = self._probe.ask(_checked(slot))
        return answer.version if answer else None

    def retire(self, slot: str) -> None:
        """Stop serving in `slot`: return once its Deployment is gone or empty. Idempotent.

        Raises:
            Refused: the baseline, whose InferenceService holds the transformer as well.
            DeadlineExceeded: pods are still there after a minute.
        """
        end = self._waiting.now() + _RETIRE_S
        if _checked(slot) == BASELINE:
            raise Refused(f"the baseline of {self._task} goes with its transformer", remedy="delete the entry")
        service = self._service(slot)
        if service is None:
            return
        if field_of(service, "metadata", "annotations", STOP) != "true":
            self._state(slot, field_of(service, "spec", "predictor", "model", "storageUri"), stop=True)
        while field_of(self._deployment(slot), "status", "replicas"):
            if self._waiting.now() >= end:
                raise DeadlineExceeded(f"{self._name(slot)} still has pods after {_RETIRE_S:g} s")
            self._waiting.sleep(_PAUSE_S)

    def _verified(self, slot: str, version: ModelVersion) -> bytes:
        """The golden requests of the artifact, once its manifest is the one that `version` names."""
        if not version.artifact.startswith(_EXACT):
            raise InvalidArtifact(version.artifact, f"{slot} cannot fetch it: not one of {', '.join(_EXACT)}")
        manifest = self._artifacts.read(version.artifact, MANIFEST)
        if digest(manifest) != version.digest:
            raise InvalidArtifact(MANIFEST, f"is not that of version {version.version}", remedy="register it again")
        golden = self._artifacts.read(version.artifact, GOLDEN)
        check_file(parse_manifest(manifest), GOLDEN, golden)
        return golden

    def _await(self, slot: str, version: ModelVersion, deadline: float) -> None:
        told = _Told(self._waiting, f"{slot} to serve version {version.version}")
        while not self._serves(slot, version):
            trouble = trouble_of(self._pods(slot, version.artifact))
            if trouble.restarts >= MOST_RESTARTS:
                raise Unavailable(f"version {version.version} does not start in {slot}: {trouble.reason}")
            if self._waiting.now() >= deadline:
                raise DeadlineExceeded(
                    f"{slot} does not answer as version {version.version} in time: {self._why(slot, trouble)}"
                )
            told.say(trouble.reason or "no pod of it is ready")
            self._waiting.sleep(_PAUSE_S)

    def _serves(self, slot: str, version: ModelVersion) -> bool:
        """Whether both agree: the Deployment, which knows of old pods, and the slot itself."""
        wanted = SlotAnswer(version.version, version.digest)
        return _rolled_out(self._deployment(slot)) and self._probe.ask(slot) == wanted

    def _why(self, slot: str, trouble: Trouble) -> str:
        answer = self._probe.ask(slot)
        said = f"it answers as version {answer.version}" if answer else "it does not answer"
        info = field_of(self._service(slot), "status", "modelStatus", "lastFailureInfo", "message")
        # KServe's own word goes stale, so that it is the last to be believed.
        return f"{said}; {trouble.reason or info or 'its pods give no reason'}"

    def _take_back(self, slot: str, version: ModelVersion, before: str | None, error: ContenderError) -> None:
        """State what was stated `before`, unless somebody has stated something else since."""
        try:
            if self._stated(slot) == version.artifact:
                self._state(slot, before or version.artifact, stop=before is None)
        except ContenderError as second:
            error.add_note(f"{slot} could not be told to serve what it served before: {second}")

    def _stated(self, slot: str) -> str | None:
        """The artifact that the slot is to serve; None when it is to serve nothing."""
        service = self._service(slot)
        stopped = field_of(service, "metadata", "annotations", STOP) == "true"
        uri = field_of(service, "spec", "predictor", "model", "storageUri")
        return None if stopped or not uri else str(uri)

    def _state(self, slot: str, artifact: str | None, *, stop: bool = False) -> None:
        model = {"modelFormat": {"name": MODEL_FORMAT}} | ({"storageUri": artifact} if artifact else {})
        name = self._name(slot)
        wanted: Document = {
            "apiVersion": SERVING,
            "kind": "InferenceService",
            "metadata": {"name": name, **_annotations(slot, stop)},
            "spec": {"predictor": {"model": model}},
        }
        # Forced: these fields are the release's, whoever set them last.
        query = {"fieldManager": MANAGER, "force": "true"}
        path = group_path(SERVING, self._api.namespace, "inferenceservices", name)
        self._api.call("PATCH", path, wanted, kind=APPLY, query=query)

    def _service(self, slot: str) -> Document | None:
        return self._found(group_path(SERVING, self._api.namespace, "inferenceservices", self._name(slot)))

    def _deployment(self, slot: str) -> Document | None:
        return self._found(group_path("apps/v1", self._api.namespace, "deployments", f"{self._name(slot)}-predictor"))

    def _pods(self, slot: str, artifact: str) -> list[Document]:
        """The pods that were made for `artifact`; those of what the slot held before are no sign of it."""
        query = {"labelSelector": f"app=isvc.{self._name(slot)}-predictor"}
        sets = self._api.call("GET", group_path("apps/v1", self._api.namespace, "replicasets"), query=query)["items"]
        pods = self._api.call("GET", core_path(self._api.namespace, "pods"), query=query)["items"]
        return newest_of(artifact, sets, pods)

    def _found(self, path: str) -> Document | None:
        try:
            return self._api.call("GET", path)
        except NotFound:
            return None

    def _name(self, slot: str) -> str:
        return service_name(self._task, slot)


class _Told:
    """Says what `subject` still waits for: a new reason at once, the same one every `TELL_S`."""

    def __init__(self, waiting: Waiting, subject: str) -> None:
        self._waiting, self._subject = waiting, subject
        self._last, self._at = "", 0.0

    def say(self, reason: str) -> None:
        now = self._waiting.now()
        if reason != self._last or now - self._at >= TELL_S:
            self._last, self._at = reason, now
            self._waiting.tell(f"waiting for {self._subject}: {reason}")


def service_name(task: str, slot: str) -> str:
    """The InferenceService of `slot`; the baseline is the predictor of the task's entry."""
    return task if slot == BASELINE else f"{task}-{slot}"


def _annotations(slot: str, stop: bool) -> Document:
    """Of the baseline's service none: a changed annotation rolls every pod of it, the transformer's too."""
    return {} if slot == BASELINE else {"annotations": {STOP: "true" if stop else "false"}}


def _checked(slot: str) -> str:
    if not _NAME.fullmatch(slot):
        raise InvalidInput("slot", f"{slot!r} cannot be a part of an InferenceService's name")
    return slot


def _rolled_out(deployment: Document | None) -> bool:
    """Whether every pod of the Deployment is of its newest template and available, and none of an older one is left."""
    if deployment is None:
        return False
    wanted, status = field_of(deployment, "spec", "replicas"), field_of(deployment, "status") or {}
    counts = {status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")}
    return (
        bool(wanted) and counts == {wanted} and status.get("observedGeneration") == deployment["metadata"]["generation"]
    )
