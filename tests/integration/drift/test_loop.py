"""The whole loop on this machine: a shift in a running stream, the alert, the training run, the challenger.

Commands run as processes, servers are real, the alert goes to a real webhook. What the world does quickly here, rows a
second and looks a minute, is all that differs from production.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from contender.tasks.job_change.task import JobChange

COMMAND = "import sys; from cli.main import run; sys.exit(run(sys.argv[1:]))"
ROOT = Path(__file__).parents[3]
SECRET = "canary-7f31"  # noqa: S105 - made up


class Webhook(BaseHTTPRequestHandler):
    """Takes every message and keeps it."""

    messages: list[str]

    def do_POST(self) -> None:
        self.messages.append(self.rfile.read(int(self.headers["content-length"])).decode())
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Keep quiet."""


@pytest.fixture
def alerts() -> Iterator[tuple[str, list[str]]]:
    """The address of a webhook, and what it was sent."""
    taken: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Hook", (Webhook,), {"messages": taken}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"json://127.0.0.1:{server.server_port}/{SECRET}", taken
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def environment(tmp_path: Path, alerts: tuple[str, list[str]]) -> Iterator[Mapping[str, str]]:
    found = {
        **os.environ,
        "CONTENDER_HOME": str(tmp_path / "home"),
        "CONTENDER_PORT": "0",
        "CONTENDER_INPUTS_PER_SECOND": "1000",
        "CONTENDER_NOTIFY_URLS": alerts[0],
    }
    yield found
    contender(found, "down")


def contender(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", COMMAND, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env=dict(environment), cwd=ROOT, timeout=240, check=False
    )


def told(environment: Mapping[str, str], *arguments: str, code: int = 0) -> dict[str, Any]:
    done = contender(environment, *arguments, "--json")
    assert done.returncode == code, done.stderr + done.stdout
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def people(path: Path, count: int) -> str:
    rows = JobChange().generate(count, seed=4)
    with path.open("w", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return str(path)


def inject(environment: Mapping[str, str], column: str, amount: float) -> None:
    told(environment, "rehearse", "--shift", column, "--amount", str(amount), "--rate", "150", "--for", "3s")


def watched(environment: Mapping[str, str], data: str) -> tuple[list[dict[str, Any]], str]:
    """What two looks said that may retrain, and what was said to the person at the terminal."""
    options = ("--looks", "2", "--every", "1s", "--retrain", "--trials", "0", "--data", data)
    done = contender(environment, "drift", "watch", *options)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def findings(environment: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in told(environment, "health")["findings"]}


@pytest.mark.slow
def test_a_shift_leads_to_an_alert_a_run_and_a_challenger(
    environment: Mapping[str, str], alerts: tuple[str, list[str]], tmp_path: Path
) -> None:
    data = people(tmp_path / "rows.csv", 1_500)
    told(environment, "train", "--data", data, "--trials", "0")
    told(environment, "up")
    inject(environment, "training_hours", 0.0)
    assert told(environment, "drift", "check")["state"] in ("ok", "warn")

    inject(environment, "city_development_index", -0.4)
    looks, words = watched(environment, data)
    assert [look["state"] for look in looks] == ["drift", "drift"]
    assert "city_development_index" in looks[0]["drifted"]
    assert ["city_development_index" in text for text in alerts[1]] == [True], "told when it begins, not at every look"
    assert SECRET not in words

    status = told(environment, "status")
    # Played people bring outcomes along, so that what was predicted of them decays at the same look.
    begun = [line for line in status["watch"] if line.startswith(("retraining (drift): ", "retraining (decay): "))]
    assert [": version 3 was registered" in line for line in begun] == [True]
    assert findings(environment)["drift"]["state"] == "bad"
    assert findings(environment)["retraining"]["next"] == "contender experiment start --task job-change"
    again = told(environment, "retrain", "--if-due")
    assert (again["due"], "cooldown" in again["why"]) == (False, True)
    exported = contender(environment, "exporter", "--once").stdout
    assert 'contender_drift_verdict{kind="all",task="job-change"} 2.0' in exported
    runs = [
        f'contender_retraining_runs{{reason="{why}",result="challenger",task="job-change"}} 1.0'
        for why in ("drift", "decay")
    ]
    assert [one in exported for one in runs].count(True) == 1
    page = tmp_path / "drift.html"
    told(environment, "drift", "report", "--window", "5m", "--html", str(page), code=4)
    assert "city_development_index" in page.read_text()


def test_without_a_champion_nothing_is_measured_and_that_is_an_error(environment: Mapping[str, str]) -> None:
    assert "champion" in told(environment, "drift", "check", code=1)["error"]
    watch = contender(environment, "drift", "watch", "--looks", "1")
    assert json.loads(watch.stdout)["state"] == "error"
    health = {one["name"]: one for one in told(environment, "health")["findings"]}
    assert health["drift"]["state"] == "bad"


def test_a_run_that_a_person_interrupts_is_recorded_and_blocks_none(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    data = people(tmp_path / "rows.csv", 3_000)
    # A run of tests in the background ignores the signal, and so would its children.
    command = ["env", "--default-signal=INT", sys.executable, "-c", COMMAND, "retrain", "--data", data]
    run = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=dict(environment), cwd=ROOT, start_new_session=True
    )
    with run:
        assert run.stderr is not None
        first, _ = run.stderr.readline(), run.stderr.readline()
        os.killpg(run.pid, signal.SIGINT)
        rest = run.stderr.read()
    assert first.startswith("job-change: retraining (asked)")
    assert (run.returncode, "Traceback" in rest) == (130, False), rest
    assert "interrupted by a person" in findings(environment)["retraining"]["reason"]


def test_a_run_that_cannot_begin_costs_nothing_of_the_budget(environment: Mapping[str, str], tmp_path: Path) -> None:
    assert "there is no file" in told(environment, "retrain", "--data", str(tmp_path / "none.csv"), code=2)["error"]
    assert findings(environment)["retraining"]["reason"].startswith("no run in 30 days")


def test_a_run_without_rows_to_train_on_costs_nothing_of_the_budget(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("name,age\nann,33\n")
    ended = told(environment, "retrain", "--data", str(wrong), code=2)
    assert (ended["due"], ended["result"], "column is missing" in ended["message"]) == (True, "untrained", True)
    found = findings(environment)["retraining"]
    assert (found["state"], found["next"]) == ("bad", "contender quality check FILE --task job-change")
    assert "8 of 8 runs left" in found["reason"]
