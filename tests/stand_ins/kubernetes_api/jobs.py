"""The Job and CronJob controllers, the kubelet and the garbage collector, as far as whoever runs a job sees them.

A job's container is a process here, in a folder of its own. Its two streams are one log, line by line as they come, as
a container runtime keeps them: lines of more than 16 KiB in pieces, a piece without an end joined to what comes next.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from tests.stand_ins.kubernetes_api.objects import ApiError, Document, Key, Objects, unless_deleted
from tests.stand_ins.kubernetes_api.server import KubernetesApi

ROOT = Path(__file__).parents[3]
BATCH = "apis/batch/v1"
RUNTIME_LINE = 16 * 1024
COMMAND = [sys.executable, "-c", "from cli.main import main; main()"]
"""What the image holds as /opt/contender/bin/contender."""


@dataclass
class Container:
    """A process with its log."""

    process: subprocess.Popen[bytes]
    log: bytearray = field(default_factory=bytearray)
    readers: list[threading.Thread] = field(default_factory=list)


class JobController:
    """Runs the jobs of `namespace`, with `environment` beside what their containers state.

    While `unschedulable` names a reason, pods stay pending for it. `command` is run instead of `contender` where a test
    wants a program of its own.
    """

    def __init__(self, api: KubernetesApi, namespace: str, folder: Path, environment: Mapping[str, str]) -> None:
        self._objects, self._namespace, self._folder, self._environment = api.objects, namespace, folder, environment
        self.unschedulable = ""
        self.command = COMMAND
        self.started: dict[str, Document] = {}
        self.containers: dict[str, Container] = {}
        self._closing = False
        api.log_of = self.log_of
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with self._objects.changed:
            self._closing = True
            self._objects.changed.notify_all()
        self._thread.join()
        for container in self.containers.values():
            container.process.kill()
            container.process.wait()
            for reader in container.readers:
                reader.join()

    def log_of(self, pod: str) -> bytes:
        self._objects.get(self._key("api/v1", "pods", pod))
        if pod not in self.containers:
            raise ApiError(400, "BadRequest", f'container "release" in pod "{pod}" is waiting to start')
        return bytes(self.containers[pod].log)

    def _run(self) -> None:
        while not self._closing:
            jobs, _ = self._objects.listed(BATCH, "jobs", self._namespace)
            for job in jobs:
                with unless_deleted():
                    self._reconcile(job)
            self._collect({job["metadata"]["uid"] for job in jobs})
            self._forget(jobs)
            with self._objects.changed:
                if not self._closing:
                    self._objects.changed.wait(0.05)

    def _reconcile(self, job: Document) -> None:
        name, pod = job["metadata"]["name"], f"{job['metadata']['name']}-abcde"
        if job["spec"].get("suspend") or job.get("status", {}).get("conditions"):
            return
        if not self._objects.has(self._key("api/v1", "pods", pod)):
            self._make_pod(job, pod)
        if pod in self.containers:
            self._ended(name, pod)
        elif not self._keeps(job, pod):
            self.started[name] = job
            self.containers[pod] = self._start(name, job["spec"]["template"]["spec"])
            self._status(pod, {"phase": "Running", "containerStatuses": [_container({"running": {}}, ready=True)]})

    def _make_pod(self, job: Document, pod: str) -> None:
        owner = {"kind": "Job", "name": job["metadata"]["name"], "uid": job["metadata"]["uid"]}
        metadata = {
            "name": pod,
            "labels": {"batch.kubernetes.io/job-name": job["metadata"]["name"]},
            "ownerReferences": [owner],
            "creationTimestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        document = {"kind": "Pod", "metadata": metadata, "spec": job["spec"]["template"]["spec"], "status": {}}
        self._objects.create(self._key("api/v1", "pods", pod), document)

    def _keeps(self, job: Document, pod: str) -> bool:
        """Whether something keeps the pod's container from starting."""
        if self.unschedulable:
            condition = {"type": "PodScheduled", "status": "False", "message": self.unschedulable}
            self._status(pod, {"phase": "Pending", "conditions": [condition]})
            return True
        volumes = job["spec"]["template"]["spec"].get("volumes", [])
        maps = [one["configMap"] for one in volumes if "configMap" in one and not one["configMap"].get("optional")]
        if all(self._objects.has(self._key("api/v1", "configmaps", one["name"])) for one in maps):
            return False
        waiting = {"waiting": {"reason": "ContainerCreating"}}
        self._status(pod, {"phase": "Pending", "containerStatuses": [_container(waiting)]})
        return True

    def _start(self, name: str, pod: Document) -> Container:
        (container,) = pod["containers"]
        # There are no Secrets here: what they hold is in the environment that the controller was made with.
        known = [one for one in container.get("env", []) if "secretKeyRef" not in one.get("valueFrom", {})]
        stated = {one["name"]: one.get("value", self._namespace) for one in known}
        folder = self._folder / name
        folder.mkdir(parents=True)
        words = [self._mounted(_expanded(one, stated), pod, folder) for one in container["args"]]
        own = {**stated, **self._environment, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            [*self.command, *words],
            cwd=folder,
            env={**os.environ, **own},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        made = Container(process)
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            reader = threading.Thread(target=_keep, args=(stream, made.log), daemon=True)
            reader.start()
            made.readers.append(reader)
        return made

    def _mounted(self, word: str, pod: Document, folder: Path) -> str:
        """The argument with the path of a mounted ConfigMap's file as it is here."""
        (container,) = pod["containers"]
        for mount in container.get("volumeMounts", []):
            volume = next(one for one in pod["volumes"] if one["name"] == mount["name"])
            if mount["mountPath"] not in word or "configMap" not in volume:
                continue
            data = self._objects.get(self._key("api/v1", "configmaps", volume["configMap"]["name"]))["data"]
            for file, text in data.items():
                (folder / file).write_text(text)
            word = word.replace(mount["mountPath"], str(folder))
        return word

    def _ended(self, name: str, pod: str) -> None:
        container = self.containers[pod]
        code = container.process.poll()
        if code is None:
            return
        for reader in container.readers:
            reader.join()
        code = 128 - code if code < 0 else code
        self.finish(name, pod, {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed"}})

    def finish(self, name: str, pod: str, state: Document) -> None:
        """Let a pod and its job end in `state`."""
        self._status(pod, {"phase": "Succeeded", "containerStatuses": [_container(state)]})
        kind = "Failed" if state["terminated"]["exitCode"] else "Complete"
        conditions = {"status": {"conditions": [{"type": kind, "status": "True"}]}}
        self._objects.merge(self._key(BATCH, "jobs", name), conditions, "job-controller", "status")

    def _collect(self, living: set[str]) -> None:
        """Delete what belonged to jobs that are gone, and end its processes."""
        for resource in ("pods", "configmaps"):
            for one in self._objects.listed("api/v1", resource, self._namespace)[0]:
                owners = one["metadata"].get("ownerReferences", [])
                jobs = {owner["uid"] for owner in owners if owner["kind"] == "Job"}
                if jobs and not jobs & living:
                    name = one["metadata"]["name"]
                    if name in self.containers:
                        self.containers[name].process.terminate()
                    self._objects.delete(self._key("api/v1", resource, name))

    def _forget(self, jobs: list[Document]) -> None:
        """What a CronJob's history limits do: its finished children are deleted, the newest left."""
        crons = {one["metadata"]["name"]: one for one in self._objects.listed(BATCH, "cronjobs", self._namespace)[0]}
        for name, cron in crons.items():
            for kind, field_name in (("Complete", "successfulJobsHistoryLimit"), ("Failed", "failedJobsHistoryLimit")):
                children = [one for one in jobs if _child_of(one, name) and _is(one, kind)]
                for child in children[: max(len(children) - cron["spec"].get(field_name, 1), 0)]:
                    self._objects.delete(self._key(BATCH, "jobs", child["metadata"]["name"]))

    def _status(self, pod: str, status: Document) -> None:
        self._objects.merge(self._key("api/v1", "pods", pod), {"status": status}, "kubelet", "status")

    def _key(self, api: str, resource: str, name: str) -> Key:
        return Key(api, resource, self._namespace, name)


def _keep(stream: IO[bytes], log: bytearray) -> None:
    with stream:
        while line := stream.readline(RUNTIME_LINE):
            log.extend(line)


def _expanded(argument: str, variables: Mapping[str, str]) -> str:
    """As the kubelet does it: ``$(NAME)`` is replaced where NAME is known, ``$$`` is ``$``."""

    def value(found: re.Match[str]) -> str:
        return "$" if found[0] == "$$" else variables.get(found[1], found[0])

    return re.sub(r"\$\$|\$\(([^)]*)\)", value, argument)


def _container(state: Document, *, ready: bool = False) -> Document:
    return {"name": "release", "ready": ready, "restartCount": 0, "state": state}


def _child_of(job: Document, cron: str) -> bool:
    owners: list[dict[str, Any]] = job["metadata"].get("ownerReferences", [])
    return any((one["kind"], one["name"]) == ("CronJob", cron) for one in owners)


def _is(job: Document, kind: str) -> bool:
    return any(one["type"] == kind for one in job.get("status", {}).get("conditions", []))


def deploy_release(objects: Objects, namespace: str, documents: list[Document]) -> None:
    """Apply the CronJobs of rendered manifests, in `namespace`."""
    for one in documents:
        key = Key(BATCH, "cronjobs", namespace, one["metadata"]["name"])
        bare = {name: value for name, value in one.items() if name != "metadata"}
        objects.create(key, {**bare, "metadata": {"name": key.name}}, "contender-manifests")
