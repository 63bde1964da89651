"""Which version is watched, since when, and against what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from contender.release.state import ReleaseState
from contender.tasks.task import Task
from contender.values import CHAMPION, ModelVersion
from monitoring.drift.check import DriftStore, Span, check
from monitoring.drift.reference import TAG, Reference, load, missing
from monitoring.drift.verdict import Verdict, Window
from monitoring.retraining.ledger import champion_since


class VersionRegistry(Protocol):
    """What a check needs of the registry."""

    def version(self, task: str, ref: str) -> ModelVersion:
        """The version that a number or an alias names."""
        ...

    def fetch(self, version: ModelVersion, folder: Path) -> Path:
        """The version's artifact on this machine."""
        ...


class ReleaseRecords(DriftStore, Protocol):
    """What a check needs of the store: besides rows and rewards, who serves, and since when."""

    def load_release(self, task: str) -> dict[str, Any] | None:
        """The release document."""
        ...

    def audit(self, task: str) -> Sequence[Mapping[str, Any]]:
        """The audit records, oldest first."""
        ...


def champion_reference(task: Task, store: ReleaseRecords, registry: VersionRegistry, folder: Path) -> Reference:
    """The training reference of the version that serves everyone, or of the registry's champion before anyone does.

    Raises:
        NotFound: there is no champion, or it was registered without a reference.
        Unavailable: the store or the registry does not answer.
    """
    document = store.load_release(task.name)
    champion = ReleaseState.from_document(document).champion if document else None
    version = registry.version(task.name, champion.version if champion else CHAMPION)
    kept = version.tags.get(TAG)
    if kept is None:
        raise missing(task.name, version.version)
    return load(task, registry.fetch(replace(version, artifact=kept), folder), version.version)


def check_champion(task: Task, store: ReleaseRecords, reference: Reference, span: Span) -> tuple[Verdict, Window]:
    """The verdict on the span for the champion of today, kept as a note, and the window it was made from."""
    since = champion_since(store.audit(task.name))
    # Outcomes of the version before are not this one's.
    return check(store, task, reference, replace(span, champion_since=since or 0.0))
