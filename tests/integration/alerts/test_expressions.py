"""What panels show while something is not known: by promtool."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from monitoring.dashboards.boards.experiment import VERDICT

TASK = "job-change"
BASE = {
    f'contender_experiment_running{{task="{TASK}"}}': "1",
    f'contender_experiment_info{{task="{TASK}",experiment="e"}}': "1",
}
LEFT = {f'contender_experiment_time_left_seconds{{task="{TASK}"}}': "172800"}


def told(decision: str) -> dict[str, str]:
    return {
        f'contender_experiment_verdict{{task="{TASK}",decision="{one}"}}': str(int(one == decision))
        for one in ("promote", "roll_back", "hold", "error")
    }


def expected(title: str, labels: str, value: float) -> dict[str, object]:
    (expression,) = (panel.queries[0].expr for panel in VERDICT.panels if panel.title == title)
    filled = expression.replace("$task", TASK).replace("$experiment", ".+")
    return {"expr": filled, "eval_time": "0m", "exp_samples": [{"labels": labels, "value": value}]}


@pytest.mark.parametrize(
    ("series", "days", "name"),
    [
        ({}, -1.0, 'contender_experiment_running{task="job-change",decision="no look yet"}'),
        (told("hold"), -1.0, 'contender_experiment_verdict{task="job-change",decision="hold"}'),
        (told("hold") | LEFT, 2.0, 'contender_experiment_verdict{task="job-change",decision="hold"}'),
        (told("promote"), 0.0, 'contender_experiment_verdict{task="job-change",decision="promote"}'),
    ],
    ids=["no look", "no forecast", "two days", "decided"],
)
def test_what_is_not_known_is_no_zero_and_no_gap(
    series: dict[str, str], days: float, name: str, tmp_path: Path
) -> None:
    given = [{"series": one, "values": value} for one, value in (BASE | series).items()]
    tests = [expected("Days left", f'{{task="{TASK}"}}', days), expected("Verdict", name, 1.0)]
    case = {"interval": "1m", "input_series": given, "promql_expr_test": tests}
    file = tmp_path / "expressions.json"
    file.write_text(json.dumps({"tests": [case]}))
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
