"""Alerts as files: for a Prometheus, and as the operator's PrometheusRule."""

from __future__ import annotations

from typing import Any, Final

import yaml

from monitoring.alerts.catalog import GROUPS
from monitoring.alerts.rule import Alert, Group

HEAD: Final = "# Written by `contender dash generate`; change monitoring/ instead.\n"


def rules() -> dict[str, Any]:
    """Every rule, as Prometheus reads them."""
    return {"groups": [_group(group) for group in GROUPS]}


def prometheus_rule() -> dict[str, Any]:
    """The same rules as an object of the Prometheus operator."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "contender", "labels": {"app.kubernetes.io/name": "contender"}},
        "spec": rules(),
    }


def as_yaml(document: object) -> str:
    """The document with a word on where it comes from; the same text for the same document."""
    text: str = yaml.safe_dump(document, sort_keys=False, width=120, allow_unicode=True)
    return HEAD + text


def _group(group: Group) -> dict[str, Any]:
    recorded = [{"record": one.record, "expr": one.expr} for one in group.recordings]
    return {"name": group.name, "rules": [*recorded, *(_alert(alert) for alert in group.alerts)]}


def _alert(alert: Alert) -> dict[str, Any]:
    rule: dict[str, Any] = {"alert": alert.name, "expr": alert.expr}
    if alert.held != "0m":
        rule["for"] = alert.held
    annotations = {"summary": alert.summary, "description": alert.description, "runbook_url": alert.runbook}
    return {**rule, "labels": {"severity": alert.severity}, "annotations": annotations}
