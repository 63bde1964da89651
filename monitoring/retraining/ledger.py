"""The record of retraining runs, in the store's notes: who begins a run has it alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any, Final, NamedTuple, Protocol

from contender.release.trail import TRANSITION
from monitoring.drift.check import NOTES as DRIFT_NOTES
from monitoring.retraining.triggers import Decision, Limits, Run, Signs, decide

NOTES: Final = "retraining"
"""The kind of note that holds runs."""


class Note(Protocol):
    """A note as the store gives it back."""

    @property
    def document(self) -> dict[str, Any]:
        """What was kept."""
        ...


class LedgerStore(Protocol):
    """What the ledger needs of the store."""

    def keep_note(self, task: str, kind: str, key: str, at: float, document: Mapping[str, Any]) -> bool:
        """Keep a note unless its key is taken; whether it was kept."""
        ...

    def revise_note(self, task: str, kind: str, key: str, at: float, document: Mapping[str, Any]) -> None:
        """Keep a note, in place of an earlier one of that key."""
        ...

    def notes(self, task: str, kind: str, *, since: float = 0.0, limit: int = 1000) -> Sequence[Note]:
        """Notes of that kind, newest first."""
        ...


class Begun(NamedTuple):
    """What was decided, and the run that began; None where none did."""

    decision: Decision
    run: Run | None


def runs(store: LedgerStore, task: str, now: float, limits: Limits) -> list[Run]:
    """The runs of the budget's span, newest first."""
    return [Run(**note.document) for note in store.notes(task, NOTES, since=now - limits.budget_s)]


def signs(store: LedgerStore, task: str, champion_since: float | None, limits: Limits, asked: str = "") -> Signs:
    """What the store says for retraining: drift verdicts of the champion of today, newest first."""
    verdicts = [note.document for note in store.notes(task, DRIFT_NOTES, since=champion_since or 0.0, limit=50)]
    judged = [verdict for verdict in verdicts if verdict["state"] != "not enough data"]
    return Signs(judged[: limits.confirm], champion_since, asked)


def begin(store: LedgerStore, task: str, found: Signs, now: float, limits: Limits) -> Begun:
    """Decide, and record the run that begins; of several callers at once, one begins it."""
    earlier = runs(store, task, now, limits)
    decision = decide(found, earlier, now, limits)
    if not decision.due or decision.reason is None:
        return Begun(decision, None)
    last = store.notes(task, NOTES, limit=1)
    # Whoever decides at the same moment takes the same number, and only one of them gets it.
    number = int(last[0].document["key"]) + 1 if last else 1
    run = Run(f"{number:06d}", now, decision.reason, decision.why, "running")
    if not store.keep_note(task, NOTES, run.key, now, run.to_document()):
        return Begun(decision._replace(due=False, why=f"{decision.why}; but a run is under way"), None)
    return Begun(decision, run)


def record(store: LedgerStore, task: str, run: Run) -> None:
    """Record a run as it stands: that it goes on elsewhere, or how it ended."""
    store.revise_note(task, NOTES, run.key, run.at, run.to_document())


def elsewhere(store: LedgerStore, task: str, now: float, limits: Limits) -> list[Run]:
    """The runs, newest first, that were left to Kubeflow and whose end nobody has recorded."""
    return [run for run in runs(store, task, now, limits) if run.result == "running" and run.run_id]


def champion_since(trail: Sequence[Mapping[str, Any]]) -> float | None:
    """When the champion of today began to serve everyone (seconds since the epoch); None before anyone did.

    `trail` holds the release's audit records, oldest first. Who is champion is what counts, not what the transition is
    called: an experiment that ends by `undo` leaves the champion as old as it was.
    """
    undone = {record["detail"]["undone"] for record in trail if "undone" in record["detail"]}
    held = [
        (record["detail"]["champion"], float(record["at"]))
        for record in trail
        if record["detail"].get("champion") and record["detail"].get(TRANSITION) not in undone
    ]
    latest = [at for _, at in takewhile(lambda one: one[0] == held[-1][0], reversed(held))]
    return latest[-1] if latest else None
