"""Commands as Jobs of a cluster: made from a CronJob's template, looked at, their logs read."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from contender.adapters.kserve_pods import trouble_of
from contender.adapters.kubernetes_api import MERGE, Api, Document, core_path, field_of, group_path
from contender.errors import Conflict, ContenderError, InvalidInput, NotFound, Refused
from contender.moments import DAY_S

BATCH: Final = "batch/v1"
CONTAINER: Final = "release"
"""The container of the CronJobs that runs `contender`."""

FRAME: Final = "CONTENDER_RESULT_FRAME"
"""The variable that tells a job's command how to mark its result in the log."""

INPUTS: Final = "/etc/contender/inputs"
"""Where a job finds the files that were handed in with it."""

MOST_INPUT_BYTES: Final = 512 * 1024
"""A ConfigMap holds 1 MiB with all that is around the files."""

_LOG_BYTES: Final = 32 * 1024 * 1024
_VOLUME: Final = "inputs"

Phase = Literal["pending", "running", "ended"]


class LogApi(Api, Protocol):
    """A Kubernetes API that reads texts as well."""

    def read_text(self, path: str, query: Mapping[str, str]) -> str:
        """What is at `path` as text.

        Raises:
            NotFound, Conflict, InvalidInput, Unavailable: as `refusal` says.
        """
        ...


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A job that is to be made: its name, the CronJob whose template it takes, the command's arguments.

    `frame` marks the result in its log. `files` are handed in by name and text, and found below `INPUTS`. It may run
    for `deadline_s` seconds, or as long as the template allows if that is longer.
    """

    name: str
    template: str
    arguments: tuple[str, ...]
    frame: str
    files: Mapping[str, str] = field(default_factory=dict)
    deadline_s: int = 0


@dataclass(frozen=True, slots=True)
class JobView:
    """Where a job stands: its pod, what keeps that from running, and how it ended.

    `exit_code` is that of the command; None while it runs, and where the pod ended without one, for the `reason` given.
    """

    phase: Phase
    frame: str
    pod: str = ""
    trouble: str = ""
    exit_code: int | None = None
    reason: str = ""


class KubernetesJobs:
    """The jobs of one namespace, by a Kubernetes API."""

    def __init__(self, api: LogApi) -> None:
        self._api = api

    def start(self, request: JobRequest) -> None:
        """Make the job; nothing more where it was made already, so that a call that broke off may be repeated.

        The files travel in a ConfigMap that the job owns. It waits suspended for them: a pod that finds no ConfigMap
        is tried again by the kubelet after ever longer pauses.

        Raises:
            NotFound: there is no such CronJob.
            Refused: an admission policy does not let whoever asks make this job.
            Unavailable: the API does not answer, or forbids it.
        """
        cron = self._cron(request.template)
        made = self._created(manifest(cron, request))
        if request.files:
            try:
                self._hand_in(made, request.files)
            except ContenderError:
                with contextlib.suppress(ContenderError):
                    self._api.call("DELETE", self._job(request.name), query={"propagationPolicy": "Background"})
                raise
            self._api.call("PATCH", self._job(request.name), {"spec": {"suspend": False}}, kind=MERGE)

    def look(self, name: str) -> JobView:
        """Where the job stands now.

        Raises:
            NotFound: there is none of that name, or no longer.
            Unavailable: the API does not answer, or forbids it.
        """
        try:
            job = self._api.call("GET", self._job(name))
        except NotFound as error:
            remedy = "a job is kept for a day; was it deleted? `contender status` tells where the release stands"
            raise NotFound(f"there is no job {name} in {self._api.namespace}", remedy=remedy) from error
        query = {"labelSelector": f"batch.kubernetes.io/job-name={name}"}
        return view_of(job, self._api.call("GET", core_path(self._api.namespace, "pods"), query=query)["items"])

    def log(self, pod: str) -> str:
        """All that the command has written so far; empty while its container has not started.

        Raises:
            Unavailable: the API does not answer, or forbids it.
        """
        query = {"container": CONTAINER, "limitBytes": str(_LOG_BYTES)}
        try:
            return self._api.read_text(f"{core_path(self._api.namespace, 'pods', pod)}/log", query)
        except (NotFound, InvalidInput):  # 400: the container is waiting to start
            return ""

    def _cron(self, name: str) -> Document:
        try:
            return self._api.call("GET", group_path(BATCH, self._api.namespace, "cronjobs", name))
        except NotFound as error:
            remedy = "check CONTENDER_NAMESPACE and the task, or apply the manifests (docs/cluster.md)"
            raise NotFound(f"there is no CronJob {name} in {self._api.namespace}", remedy=remedy) from error

    def _created(self, document: Document) -> Document:
        name = document["metadata"]["name"]
        try:
            return self._api.call("POST", group_path(BATCH, self._api.namespace, "jobs"), document)
        except Conflict:
            there = self._api.call("GET", self._job(name))
            if _frame_of(there) != _frame_of(document):
                raise
            return there
        except InvalidInput as error:
            if "ValidatingAdmissionPolicy" in error.message:
                remedy = "the group contender:rollback may start an undo only; ask a deployer"
                raise Refused(error.message, remedy=remedy) from error
            raise

    def _hand_in(self, job: Document, files: Mapping[str, str]) -> None:
        metadata = job["metadata"]
        owner = {"apiVersion": BATCH, "kind": "Job", "name": metadata["name"], "uid": metadata["uid"]}
        document = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": metadata["name"], "ownerReferences": [owner]},
            "data": dict(files),
        }
        with contextlib.suppress(Conflict):  # made by a call that broke off
            self._api.call("POST", core_path(self._api.namespace, "configmaps"), document)

    def _job(self, name: str) -> str:
        return group_path(BATCH, self._api.namespace, "jobs", name)


def manifest(cron: Document, request: JobRequest) -> Document:
    """The job: what the CronJob's template says, with other arguments.

    It is nobody's child: a CronJob's history limit deletes its children, read or not.
    """
    template = copy.deepcopy(cron["spec"]["jobTemplate"])
    spec: dict[str, Any] = template["spec"]
    pod = spec["template"]["spec"]
    container = next((one for one in pod["containers"] if one["name"] == CONTAINER), pod["containers"][0])
    container["args"] = [literal(one) for one in request.arguments]
    container["env"] = [*container.get("env", ()), {"name": FRAME, "value": request.frame}]
    spec.setdefault("ttlSecondsAfterFinished", int(DAY_S))
    spec["activeDeadlineSeconds"] = max(int(spec.get("activeDeadlineSeconds", 0)), request.deadline_s)
    if request.files:
        spec["suspend"] = True
        mount = {"name": _VOLUME, "mountPath": INPUTS, "readOnly": True}
        container["volumeMounts"] = [*container.get("volumeMounts", ()), mount]
        pod["volumes"] = [*pod.get("volumes", ()), {"name": _VOLUME, "configMap": {"name": request.name}}]
    told = template.get("metadata", {})
    annotations = {**told.get("annotations", {}), "cronjob.kubernetes.io/instantiate": "manual"}
    metadata = {"name": request.name, "labels": told.get("labels", {}), "annotations": annotations}
    return {"apiVersion": BATCH, "kind": "Job", "metadata": metadata, "spec": spec}


def literal(argument: str) -> str:
    """`argument` as the kubelet has to be told it, which expands ``$(NAME)`` and takes ``$$`` for ``$``.

    >>> literal("$(HOME) costs 5 $")
    '$$(HOME) costs 5 $$'
    """
    return argument.replace("$", "$$")


def view_of(job: Document, pods: Sequence[Document]) -> JobView:
    """Where a job with these pods stands."""
    frame, failed = _frame_of(job), _condition(job, "Failed")
    newest = max(pods, key=lambda one: str(field_of(one, "metadata", "creationTimestamp") or ""), default={})
    pod, state = str(field_of(newest, "metadata", "name") or ""), _state(newest)
    if ended := state.get("terminated"):
        return JobView("ended", frame, pod, exit_code=int(ended["exitCode"]), reason=str(ended.get("reason") or ""))
    if failed is not None or _condition(job, "Complete") is not None:
        words = [str(field_of(failed, "message") or ""), str(field_of(newest, "status", "message") or "")]
        return JobView("ended", frame, pod, reason="; ".join(filter(None, words)) or "its pod is gone")
    if state.get("running"):
        return JobView("running", frame, pod)
    return JobView("pending", frame, pod, trouble=trouble_of(pods).reason)


def _state(pod: Document) -> Document:
    statuses = field_of(pod, "status", "containerStatuses") or ()
    found: Document = next((one for one in statuses if one["name"] == CONTAINER), {})
    return dict(found.get("state") or {})


def _condition(job: Document, kind: str) -> Document | None:
    conditions = field_of(job, "status", "conditions") or ()
    return next((one for one in conditions if (one["type"], one["status"]) == (kind, "True")), None)


def _frame_of(job: Document) -> str:
    containers = field_of(job, "spec", "template", "spec", "containers") or ()
    variables = (variable for one in containers for variable in one.get("env", ()))
    return next((str(one.get("value", "")) for one in variables if one["name"] == FRAME), "")
