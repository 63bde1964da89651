"""Every file that is written from the catalogue of metrics: dashboards, rules, routing, Kubernetes objects."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from monitoring.alerts.documents import as_yaml, prometheus_rule, rules
from monitoring.alerts.routing import Receivers, alertmanager
from monitoring.dashboards.boards import BOARDS
from monitoring.dashboards.grafana import to_json
from monitoring.paths import GENERATED, MANIFESTS, ROOT, RULES

RECEIVERS: Final = Receivers(
    pager="http://alerts.monitoring.svc/pager",
    tickets="http://alerts.monitoring.svc/tickets",
    watchdog="http://alerts.monitoring.svc/watchdog",
)
"""A webhook in the cluster that passes on to people; whoever runs it says how."""

SOURCES: Final[Mapping[str, Any]] = {
    "apiVersion": 1,
    "datasources": [
        {
            "name": "Prometheus",
            "type": "prometheus",
            "uid": "prometheus",
            "access": "proxy",
            "url": "http://prometheus-operated.monitoring.svc:9090",
            "isDefault": True,
            "jsonData": {"timeInterval": "15s", "httpMethod": "POST"},
        }
    ],
}
PROVIDERS: Final[Mapping[str, Any]] = {
    "apiVersion": 1,
    "providers": [
        {
            "name": "contender",
            "folder": "Contender",
            "type": "file",
            "disableDeletion": True,
            "allowUiUpdates": False,
            "options": {"path": "/var/lib/grafana/dashboards/contender"},
        }
    ],
}


def files() -> dict[Path, str]:
    """Path under the root to content; the same for the same code."""
    written = {GENERATED / f"{board.uid}.json": to_json(board) for board in BOARDS}
    return {
        **written,
        RULES: as_yaml(rules()),
        GENERATED / "alertmanager.yaml": as_yaml(alertmanager(RECEIVERS)),
        GENERATED / "provisioning" / "datasources.yaml": as_yaml(dict(SOURCES)),
        GENERATED / "provisioning" / "dashboards.yaml": as_yaml(dict(PROVIDERS)),
        MANIFESTS / "rules.yaml": as_yaml(prometheus_rule()),
        MANIFESTS / "dashboards.yaml": "---\n".join(
            as_yaml(_config_map(path.stem, path.name, text)) for path, text in written.items()
        ),
    }


def write(root: Path = ROOT) -> list[Path]:
    """Write every file under `root`; return those that changed."""
    changed = outdated(root)
    for path in changed:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(files()[path])
    return changed


def outdated(root: Path = ROOT) -> list[Path]:
    """The files that are missing under `root`, or are not what the code says."""
    return [path for path, text in files().items() if not _says(root / path, text)]


def _says(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text() == text


def _config_map(name: str, file: str, text: str) -> dict[str, Any]:
    """A dashboard as Grafana's sidecar finds it: by its label."""
    labels = {"app.kubernetes.io/name": "contender", "grafana_dashboard": "1"}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "labels": labels, "annotations": {"grafana_folder": "Contender"}},
        "data": {file: text},
    }
