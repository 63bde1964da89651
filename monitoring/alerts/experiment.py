"""Alerts of experiments and releases."""

from __future__ import annotations

from typing import Final

from contender.moments import DAY_S
from monitoring import metrics as m
from monitoring.alerts.rule import Alert, Group
from monitoring.promql import equal, series

RUNNING: Final = f"{series(m.EXPERIMENT_RUNNING)} == 1"
FALLEN: Final = 'decision=~"promote|roll_back|error"'
RATIO_ALPHA: Final = 0.01
"""The level of the sample-ratio test in a plan that says nothing else."""

ASSIGNED: Final = series(m.EXPERIMENT_UNITS, equal("stage", "assigned"))
NEWCOMERS: Final = f"sum by (task) ({ASSIGNED}) - sum by (task) ({ASSIGNED} offset 1d)"

GROUP: Final = Group(
    "contender-experiment",
    (
        Alert(
            "ContenderSampleRatioMismatch",
            "page",
            f"{series(m.EXPERIMENT_RATIO_P)} < {RATIO_ALPHA}",
            "0m",
            "{{ $labels.task }}: the arms do not have the people they should have",
            "Always-valid p is {{ $value }}. No effect of this experiment may be believed.",
        ),
        Alert(
            "ContenderGuardrailBreached",
            "page",
            f"{series(m.EXPERIMENT_GUARDRAIL)} == 1",
            "0m",
            "{{ $labels.task }}: guardrail {{ $labels.guardrail }} is breached",
            "The challenger does harm by this measure: the verdict is to roll back.",
        ),
        Alert(
            "ContenderVerdictWaits",
            "ticket",
            f"{series(m.EXPERIMENT_VERDICT, FALLEN)} == 1 and on (task) {RUNNING}",
            "1h",
            "{{ $labels.task }}: the verdict {{ $labels.decision }} waits to be carried out",
            "The experiment has been going on for an hour after its verdict fell.",
        ),
        Alert(
            "ContenderExperimentStuck",
            "ticket",
            f"({series(m.EXPERIMENT_LOOK_AGE)} > {DAY_S:.0f} and on (task) {RUNNING})\n"
            f"or (({NEWCOMERS}) == 0 and on (task) {series(m.EXPERIMENT_AGE)} > {DAY_S:.0f})",
            "15m",
            "{{ $labels.task }}: the experiment does not move",
            "For a day nobody has looked at it, or nobody new has come.",
        ),
        Alert(
            "ContenderReleaseUnfinished",
            "page",
            f"{series(m.RELEASE_UNFINISHED)} > 600",
            "0m",
            "{{ $labels.task }}: a transition of the release was begun and not ended",
            "It has lasted {{ $value | humanizeDuration }}.",
        ),
        Alert(
            "ContenderSuspended",
            "ticket",
            f"{series(m.RELEASE_SUSPENDED)} == 1",
            "15m",
            "{{ $labels.task }}: everybody is handed to a person",
            "The kill switch has been on for 15 minutes.",
        ),
        Alert(
            "ContenderAuditBroken",
            "page",
            f"{series(m.AUDIT_VALID)} == 0",
            "0m",
            "{{ $labels.task }}: the audit trail does not hold",
            "A record was changed, removed or put in. Nothing in the trail after it can be relied on.",
        ),
        Alert(
            "ContenderRecordsUnreadable",
            "ticket",
            f"{series(m.EXPORTED)} == 0",
            "10m",
            "{{ $labels.task }}: the records of {{ $labels.part }} cannot be read",
            "Its figures are missing, and so are alerts that need them.",
        ),
    ),
)
