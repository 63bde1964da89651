"""The composition root: everything of one home and one task, wired."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from cli.endpoint import Endpoint
from cli.output import note
from cli.settings import Settings
from contender.adapters.anchor_file import AnchorFiles
from contender.adapters.anchor_s3 import SCHEME, S3Anchors
from contender.adapters.artifacts_s3 import exact_address
from contender.adapters.lease_file import FileLease
from contender.adapters.process_environment import child_environment
from contender.adapters.routing_file import RoutingFile
from contender.adapters.slots_process import ProcessSlots
from contender.adapters.supervisor.control import observed
from contender.adapters.supervisor.documents import TRANSFORMER
from contender.adapters.supervisor.probe import HOST
from contender.errors import InvalidInput, NotFound, Unavailable
from contender.release.actions import Deadlines, Ports
from contender.release.approval import Approvals
from contender.release.executor import Release
from contender.release.ports import Anchors, RoutingStore, Slots
from contender.tasks.catalog import task_named
from contender.tasks.task import Task
from contender.values import CHALLENGER, ModelVersion

if TYPE_CHECKING:
    from cli.cluster import Cluster
    from contender.adapters.lease_kubernetes import KubernetesLease
    from contender.adapters.registry_mlflow import MlflowRegistry
    from contender.adapters.store_sql import Store


class Workplace:
    """One task in one home: its adapters, each made when it is first needed."""

    def __init__(self, settings: Settings, task_name: str) -> None:
        self.settings = settings
        self.task: Task = task_named(task_name)

    @cached_property
    def store(self) -> Store:
        """Exposures, outcomes, experiments, releases and the audit trail."""
        from contender.adapters.store_sql import Store

        self.settings.home.mkdir(parents=True, exist_ok=True)
        return Store(self.settings.store_url, clock=time.time)

    @cached_property
    def registry(self) -> MlflowRegistry:
        """Model versions and aliases."""
        from contender.adapters.registry_mlflow import MlflowRegistry

        if not self.settings.tracking_uri:
            raise InvalidInput("CONTENDER_TRACKING_URI", "must be set, since the backend is a cluster")
        return MlflowRegistry(self.settings.tracking_uri, self.settings.artifacts)

    @cached_property
    def cluster(self) -> Cluster | None:
        """The cluster that serves the task; None where processes here do."""
        if self.settings.backend == "local":
            return None
        from cli.cluster import Cluster

        return Cluster(self.settings, self.task.name)

    @cached_property
    def routing(self) -> RoutingStore:
        """The routing document in force."""
        return self.cluster.routing() if self.cluster else RoutingFile(self.settings.routing)

    @cached_property
    def slots(self) -> Slots:
        """Blue, green and baseline: InferenceServices of the cluster, or processes here."""
        return self.cluster.slots() if self.cluster else self._processes()

    def _processes(self) -> ProcessSlots:
        return ProcessSlots(self.settings.home, self.task.name, artifacts=self.settings.artifacts)

    def version(self, ref: str) -> ModelVersion:
        """The model version that `ref` (a number or an alias) names, its artifact at the address slots fetch it from.

        Raises:
            NotFound: no such version or alias.
        """
        try:
            found = self.registry.version(self.task.name, ref)
        except NotFound as error:
            raise NotFound(error.message, remedy=error.remedy or self._instead_of(ref)) from error
        return replace(found, artifact=exact_address(found.artifact, self.settings.artifact_root))

    def _instead_of(self, ref: str) -> str:
        """What to do without the version or alias `ref`: take one that is there, or train."""
        numbers = [found.version for found in self.registry.versions(self.task.name)]
        if not numbers or ref == CHALLENGER:
            return f"contender train --task {self.task.name}"
        return f"choose one of: {', '.join([*self.registry.aliases(self.task.name), *numbers])}"

    def lease(self, name: str) -> FileLease | KubernetesLease:
        """What one process holds at a time, here or in the cluster, in the name of actor, machine and process."""
        holder = f"{self.settings.actor}@{socket.gethostname()}/{os.getpid()}"
        return self.cluster.lease(name, holder) if self.cluster else FileLease(self.settings.home / name, holder)

    @cached_property
    def anchors(self) -> Anchors:
        """The ends of the audit trails: in files, or on S3."""
        place = self.settings.anchor_place
        if not place.startswith(SCHEME):
            return AnchorFiles(Path(place))
        from contender.adapters.client_s3 import connect

        return S3Anchors(place, lambda: connect(self.settings.s3_endpoint))

    @cached_property
    def approvals(self) -> Approvals:
        """Whose approvals count, and whether a promotion needs one; files that are no approver's key are warned of."""
        folder = self.settings.approvers
        if not folder.is_dir():
            return Approvals(required=self.settings.require_approval)
        from contender.adapters.keys_ed25519 import keyring, unread

        # No error: a stray file must not stand in the way of an undo.
        if strays := unread(folder):
            note(f"{folder}: not read as approvers' keys: {', '.join(strays)}; a key's name is NAME.pub")
        return Approvals(keyring(folder), self.settings.require_approval)

    @cached_property
    def release(self) -> Release:
        """The release of this task, in the name of the configured actor."""
        return Release(
            Ports(
                self.slots,
                self.routing,
                _LaterRegistry(self),
                self.store,
                self.anchors,
                self.approvals,
                self.settings.slots,
            ),
            self.task.name,
            self.task.policy,
            clock=time.time,
            actor=self.settings.actor,
            deadlines=Deadlines(prepare_s=self.settings.start_seconds, applied_s=self.settings.switch_seconds),
        )

    def endpoint(self) -> Endpoint:
        """A new connection to the running transformer.

        Raises:
            Unavailable: nothing is up.
        """
        if self.cluster:
            return self.cluster.endpoint()
        seen = observed(self.settings.home, self.task.name)
        if seen is None:
            raise Unavailable(f"{self.task.name} is not up", remedy=f"contender up --task {self.task.name}")
        return Endpoint(HOST, seen.ports[TRANSFORMER], self.task.name)


class _LaterRegistry:
    """The registry, connected to when it is first asked: traffic is switched back before its client is even loaded."""

    def __init__(self, place: Workplace) -> None:
        self._place = place

    def version(self, task: str, ref: str) -> ModelVersion:  # noqa: ARG002 - the port's shape; a place has one task
        return self._place.version(ref)

    def aliases(self, task: str) -> Mapping[str, str]:
        return self._place.registry.aliases(task)

    def set_alias(self, task: str, alias: str, version: str | None) -> None:
        self._place.registry.set_alias(task, alias, version)


def workplace(task_name: str) -> Workplace:
    """The workplace that the environment describes.

    Raises:
        InvalidInput: a setting is wrong or missing, by the name it has in the environment.
    """
    return Workplace(settings_from(), task_name)


def settings_from(**given: object) -> Settings:
    """The settings that the environment describes; those in `given` whatever it says.

    Raises:
        InvalidInput: a setting is wrong or missing, by the name it has in the environment.
    """
    try:
        settings = Settings(**given)  # type: ignore[arg-type]  # checked there
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = "_".join(map(str, ("contender", *first["loc"]))).upper() if first["loc"] else ""
        problem = first["msg"].removeprefix("Value error, ")
        raise InvalidInput(name, problem, remedy="docs/reference.md lists the settings") from error
    return settings


def name_s3_for_all() -> None:
    """Have every S3 client of this process use CONTENDER_S3_ENDPOINT: MLflow's as well, which is not made by us.

    It changes the process's environment, so it is for its entry alone.
    """
    if endpoint := os.environ.get("CONTENDER_S3_ENDPOINT"):
        os.environ["AWS_ENDPOINT_URL_S3"] = endpoint


def server_environment(settings: Settings | None = None) -> Mapping[str, str]:
    """What processes of ours inherit: this one's environment but for what is other tools', one thread for numbers.

    Those of a home are told its `settings` of where records are, whatever they were when this process began.
    """
    inherited = {**child_environment(os.environ), "OMP_NUM_THREADS": "1"}
    if settings is None:
        return inherited
    return inherited | {
        "CONTENDER_HOME": str(settings.home),
        "CONTENDER_STORE_URL": settings.store_url,
        "CONTENDER_TRACKING_URI": settings.tracking_uri,
        "CONTENDER_ARTIFACT_ROOT": settings.artifacts,
    }


def git_sha() -> str:
    """The commit of the code that runs, as the image says or the checkout; ``unknown`` without either."""
    if built := os.environ.get("CONTENDER_GIT_SHA"):
        return built
    folder = Path(__file__).parent
    command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return found.stdout.strip() or "unknown"
