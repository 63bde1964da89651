"""Alerts of models and the data they live on."""

from __future__ import annotations

from typing import Final

from contender.moments import DAY_S
from monitoring import metrics as m
from monitoring.alerts.rule import Alert, Group
from monitoring.promql import equal, series

MOVED: Final = 'kind=~"features|prediction|confidence"'
WORSE: Final = 'kind=~"reward|calibration"'

GROUP: Final = Group(
    "contender-models",
    (
        Alert(
            "ContenderDrift",
            "ticket",
            f"{series(m.DRIFT_VERDICT, MOVED)} == 2",
            "0m",
            "{{ $labels.task }}: people or answers are no longer as when the champion was chosen ({{ $labels.kind }})",
            "The newest window is beyond the limit, by a test corrected for the number of columns.",
        ),
        Alert(
            "ContenderDecay",
            "ticket",
            f"{series(m.DRIFT_VERDICT, WORSE)} == 2",
            "0m",
            "{{ $labels.task }}: the champion has become worse ({{ $labels.kind }})",
            "Reward or calibration is beyond its limit: answers are worth less, or not right as often as they say.",
        ),
        Alert(
            "ContenderDriftUnmeasured",
            "ticket",
            f"{series(m.DRIFT_VERDICT, equal('kind', 'all'))} == 3 or {series(m.DRIFT_AGE)} > {2 * DAY_S:.0f}",
            "15m",
            "{{ $labels.task }}: nobody knows whether there is drift",
            "Measuring failed, or was last done two days ago.",
        ),
        Alert(
            "ContenderQualityFaults",
            "ticket",
            f"{series(m.QUALITY_FAULTS)} > 0",
            "0m",
            "{{ $labels.task }}: the newest file has faults ({{ $labels.type }})",
            "{{ $value | humanize }} of that type. Rows at fault were set aside, or the file is held.",
        ),
        Alert(
            "ContenderRetrainingFailed",
            "ticket",
            f"{series(m.RETRAINING_FAILED)} == 1",
            "0m",
            "{{ $labels.task }}: the newest retraining run failed",
            "No challenger came of it, and a cooldown runs.",
        ),
        Alert(
            "ContenderRetrainingBudgetSpent",
            "info",
            f"{series(m.RETRAINING_BUDGET)} <= 0",
            "0m",
            "{{ $labels.task }}: no further retraining run may begin",
            "The budget of the period is spent.",
        ),
        Alert(
            "ContenderReviewBacklog",
            "ticket",
            f"{series(m.REVIEW_BACKLOG)} > 500",
            "1h",
            "{{ $labels.task }}: people wait for a person to decide",
            "{{ $value | humanize }} of the last 7 days have no outcome yet.",
        ),
        Alert(
            "ContenderOutcomesPending",
            "ticket",
            f"{series(m.OUTCOMES_HELD, equal('state', 'pending'))} > 1000",
            "1h",
            "{{ $labels.task }}: outcomes wait for predictions that nobody knows",
            "{{ $value | humanize }} of them: ids are wrong, or exposures do not arrive.",
        ),
    ),
)
