"""Every alert fires when it should, saying all it should, and does not when it should not: by promtool."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring.alerts.catalog import ALERTS
from monitoring.alerts.rule import Alert
from monitoring.paths import ROOT, RULES
from tests.integration.alerts.cases import CASES, Case, Series

BY_NAME = {alert.name: alert for alert in ALERTS}
WATCHDOG = Case("ContenderWatchdog", {}, {}, "alerting works", BY_NAME["ContenderWatchdog"].description, {})


def promtool(
    folder: Path, case: Case, series: Series, expected: list[dict[str, Any]]
) -> subprocess.CompletedProcess[str]:
    """What promtool says when exactly `expected` should fire over `series`."""
    test = {
        "interval": f"{case.step}m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": f"{case.at}m", "alertname": case.alert, "exp_alerts": expected}],
    }
    document = {"rule_files": [str(ROOT / RULES)], "evaluation_interval": f"{case.step}m", "tests": [test]}
    path = folder / "test.yaml"
    path.write_text(yaml.safe_dump(document))
    command = ["promtool", "test", "rules", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def said(case: Case, alert: Alert) -> dict[str, Any]:
    annotations = {"summary": case.summary, "description": case.description, "runbook_url": alert.runbook}
    return {"exp_labels": {**case.labels, "severity": alert.severity}, "exp_annotations": annotations}


@pytest.mark.parametrize("case", [*CASES, WATCHDOG], ids=lambda case: case.alert)
def test_it_fires_with_its_words(case: Case, tmp_path: Path) -> None:
    done = promtool(tmp_path, case, case.firing, [said(case, BY_NAME[case.alert])])
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.alert)
def test_it_does_not_fire_without_reason(case: Case, tmp_path: Path) -> None:
    done = promtool(tmp_path, case, case.quiet, [])
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_expectation_is_noticed(tmp_path: Path) -> None:
    case = CASES[0]
    assert promtool(tmp_path, case, case.firing, []).returncode == 1


def test_every_alert_has_a_case() -> None:
    assert {case.alert for case in (*CASES, WATCHDOG)} == set(BY_NAME)


def test_the_rules_are_well_formed() -> None:
    done = subprocess.run(
        ["promtool", "check", "rules", "--lint=all", "--lint-fatal", str(ROOT / RULES)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
