"""The composition root: everything of one home and one task, wired."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cli.endpoint import Endpoint
from cli.settings import Settings
from contender.adapters.anchor_file import AnchorFiles
from contender.adapters.routing_file import RoutingFile
from contender.adapters.slots_process import ProcessSlots
from contender.adapters.supervisor.control import observed
from contender.adapters.supervisor.documents import TRANSFORMER
from contender.adapters.supervisor.probe import HOST
from contender.errors import Unavailable
from contender.release.actions import Deadlines, Ports
from contender.release.approval import Approvals
from contender.release.executor import Release
from contender.tasks.catalog import task_named
from contender.tasks.task import Task
from contender.values import ModelVersion

if TYPE_CHECKING:
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

        return MlflowRegistry(self.settings.tracking_uri, str(self.settings.artifacts))

    @cached_property
    def routing(self) -> RoutingFile:
        """The routing document in force."""
        return RoutingFile(self.settings.routing)

    @cached_property
    def slots(self) -> ProcessSlots:
        """Blue, green and baseline as processes here."""
        return ProcessSlots(self.settings.home, self.task.name)

    @cached_property
    def anchors(self) -> AnchorFiles:
        """The ends of the audit trails."""
        return AnchorFiles(self.settings.anchor_folder)

    @cached_property
    def approvals(self) -> Approvals:
        """Whose approvals count, and whether a promotion needs one."""
        if not self.settings.approvers.is_dir():
            return Approvals(required=self.settings.require_approval)
        from contender.adapters.keys_ed25519 import keyring

        return Approvals(keyring(self.settings.approvers), self.settings.require_approval)

    @cached_property
    def release(self) -> Release:
        """The release of this task, in the name of the configured actor."""
        return Release(
            Ports(self.slots, self.routing, _LaterRegistry(self), self.store, self.anchors, self.approvals),
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
        seen = observed(self.settings.home, self.task.name)
        if seen is None:
            raise Unavailable(f"{self.task.name} is not up", remedy=f"contender up --task {self.task.name}")
        return Endpoint(HOST, seen.ports[TRANSFORMER], self.task.name)


class _LaterRegistry:
    """The registry, connected to when it is first asked: traffic is switched back before its client is even loaded."""

    def __init__(self, place: Workplace) -> None:
        self._place = place

    def version(self, task: str, ref: str) -> ModelVersion:
        return self._place.registry.version(task, ref)

    def aliases(self, task: str) -> Mapping[str, str]:
        return self._place.registry.aliases(task)

    def set_alias(self, task: str, alias: str, version: str | None) -> None:
        self._place.registry.set_alias(task, alias, version)


def workplace(task_name: str) -> Workplace:
    """The workplace that the environment describes."""
    return Workplace(Settings(), task_name)


def server_environment() -> Mapping[str, str]:
    """What servers inherit: this process's environment, with one thread for numbers and no telemetry."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "DO_NOT_TRACK": "1", "PYTHONUNBUFFERED": "1"}


def git_sha() -> str:
    """The commit of the code that runs, or ``unknown`` outside a checkout."""
    folder = Path(__file__).parent
    command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return found.stdout.strip() or "unknown"
