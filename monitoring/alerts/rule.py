"""What an alert is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Severity = Literal["page", "ticket", "info"]
"""page: somebody must act now; ticket: within a working day; info: shown, and told to nobody."""

REPOSITORY: Final = "https://github.com/example/contender"
"""Where people read this repository: the one line to change in a copy of it, before `make generate`."""

RUNBOOKS: Final = f"{REPOSITORY}/blob/main/docs/runbooks/alerts.md"
"""Where the runbooks are read; one heading an alert."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A condition, for how long it must hold, and what is said: `summary` in a line, `description` with figures.

    Both are Prometheus templates over the labels and the value of what `expr` finds. No label holds anything personal,
    so that no alert can.
    """

    name: str
    severity: Severity
    expr: str
    held: str
    summary: str
    description: str

    @property
    def runbook(self) -> str:
        """The address of its runbook."""
        return f"{RUNBOOKS}#{self.name.lower()}"


@dataclass(frozen=True, slots=True)
class Recording:
    """A series that Prometheus keeps of `expr`, so that long windows cost little."""

    record: str
    expr: str


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated together, recordings first."""

    name: str
    alerts: tuple[Alert, ...]
    recordings: tuple[Recording, ...] = ()
