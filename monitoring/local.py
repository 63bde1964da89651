"""The configuration of a Prometheus that watches one machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

HOST: Final = "127.0.0.1"
ROLES: Final = ("transformer", "predictor")
SCRAPE_S: Final = 5


@dataclass(frozen=True, slots=True)
class Around:
    """What the Prometheus has around it: rules, the folder of targets, the ports of Alertmanager and exporter."""

    rules: Path
    targets: Path
    alertmanager: int
    exporter: int


def prometheus(around: Around, *, scrape_s: int = SCRAPE_S, evaluate_s: int = 15) -> dict[str, Any]:
    """The configuration; servers come and go with the files in the folder of targets."""
    jobs = [
        {
            "job_name": f"contender-{role}",
            "file_sd_configs": [{"files": [str(around.targets / f"*.{role}.json")], "refresh_interval": "5s"}],
        }
        for role in ROLES
    ]
    return {
        "global": {"scrape_interval": f"{scrape_s}s", "evaluation_interval": f"{evaluate_s}s"},
        "rule_files": [str(around.rules)],
        "alerting": {"alertmanagers": [{"static_configs": [_at(around.alertmanager)]}]},
        "scrape_configs": [*jobs, {"job_name": "contender-exporter", "static_configs": [_at(around.exporter)]}],
    }


def targets(ports: Mapping[str, int], front: str) -> dict[str, str]:
    """Role to the content of its file of targets, for one task's `ports` by place; `front` is the transformer's."""
    found: dict[str, list[dict[str, Any]]] = {role: [] for role in ROLES}
    for place, port in ports.items():
        role = "transformer" if place == front else "predictor"
        found[role].append({**_at(port), "labels": {"server": place}})
    return {role: json.dumps(groups, indent=1) for role, groups in found.items()}


def _at(port: int) -> dict[str, list[str]]:
    return {"targets": [f"{HOST}:{port}"]}
