"""The only list of alerts."""

from __future__ import annotations

from typing import Final

from monitoring.alerts import experiment, models, objectives, platform, serving
from monitoring.alerts.rule import Alert, Group

GROUPS: Final[tuple[Group, ...]] = (
    objectives.GROUP,
    serving.GROUP,
    experiment.GROUP,
    models.GROUP,
    platform.GROUP,
)

ALERTS: Final[tuple[Alert, ...]] = tuple(alert for group in GROUPS for alert in group.alerts)
"""Every alert."""

UNUSED: Final[dict[str, str]] = {}
"""Metrics that no dashboard and no alert uses, and why they are exported all the same."""
