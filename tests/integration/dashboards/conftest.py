"""A whole local stack under traffic, observed by a real Prometheus: every kind of thing that is shown happens once."""

from __future__ import annotations

import csv
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli.compose import Workplace
from cli.crowd import Crowd, Person, Tally
from cli.settings import Settings
from contender.tasks.job_change.task import JobChange

ROOT = Path(__file__).parents[3]
TASK = "job-change"
COMMAND = "import sys; from cli.main import run; sys.exit(run(sys.argv[1:]))"
TOO_LARGE = 64 * 1024**2
SCRAPED_S = 90.0
NEEDED = ("prometheus", "promtool", "amtool", "prometheus-alertmanager")


@dataclass(frozen=True)
class Observed:
    """A home with everything up; `contender` runs a command in it."""

    environment: Mapping[str, str]
    home: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", COMMAND, *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, env=dict(self.environment), cwd=ROOT, timeout=240, check=False
        )

    def told(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> dict[str, Any]:
        done = self.run(*arguments, "--json")
        assert done.returncode in codes, done.stderr + done.stdout
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def processes(self) -> dict[str, dict[str, Any]]:
        return {one["name"]: one for one in self.told("status")["processes"]}

    def metrics(self, name: str) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.processes()[name]["port"], timeout=10)
        try:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()
        finally:
            connection.close()


@pytest.fixture(scope="session")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    if lacking := [name for name in NEEDED if shutil.which(name) is None]:
        pytest.skip(f"not installed: {', '.join(lacking)} (apt-get install prometheus prometheus-alertmanager)")
    folder = tmp_path_factory.mktemp("observed")
    home = folder / "home"
    environment = {
        **os.environ,
        "CONTENDER_HOME": str(home),
        "CONTENDER_PORT": "0",
        "CONTENDER_INPUTS_PER_SECOND": "1000",
        "CONTENDER_NOTIFY_URLS": "",
    }
    stack = Observed(environment, home)
    rows = folder / "rows.csv"
    _write(rows, JobChange().generate(1_500, seed=4))
    stack.told("train", "--data", str(rows), "--trials", "0")
    try:
        stack.told("up", "--observe")
        _live_through(stack, rows, folder)
        yield stack
    finally:
        stack.run("down")


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def _live_through(stack: Observed, rows: Path, folder: Path) -> None:
    """An experiment with outcomes, a place that hangs, a client too large, a faulty file, drift, a failed run."""
    plan = folder / "plan.json"
    terms = ("--set", "min_units=100", "--set", "covariate=baseline", "--deviation", "0.5", "--window", "3s")
    stack.told("experiment", "plan", *terms, "--metric", "acceptance", "--out", str(plan))
    stack.told("experiment", "start", "--challenger", "baseline", "--ramp", "0.5", "--plan", str(plan))
    crowd, people = _crowd(stack), _people()
    status, stop = stack.told("status"), threading.Event()
    ports = {one["name"]: one["port"] for one in status["processes"]}
    beside = [
        threading.Thread(target=_keep_asking, args=(crowd, people, stop), daemon=True),
        threading.Thread(target=_send_too_much, args=(ports["transformer"], stop), daemon=True),
    ]
    for thread in beside:
        thread.start()
    try:
        _hang(stack, status["routing"]["arms"][1]["slot"])
        _damage(stack)
        spoilt = folder / "spoilt.csv"
        stack.told("quality", "corrupt", str(rows), "--type", "out_of_range", "--share", "0.05", "--out", str(spoilt))
        stack.told("quality", "check", str(spoilt), codes=(4,))
        stack.told("drift", "check", codes=(0, 4))
        (folder / "useless.csv").write_text("nothing\nof use\n")
        stack.told("retrain", "--data", str(folder / "useless.csv"), codes=(2,))
        stack.told("experiment", "status", codes=(0, 3))
        _scraped(stack)
    finally:
        stop.set()
        for thread in beside:
            thread.join()


def _scraped(stack: Observed) -> None:
    """Wait until Prometheus has seen all of it; what it has not seen by the deadline, the tests name."""
    deadline = time.monotonic() + SCRAPED_S
    while time.monotonic() < deadline:
        stack.told("experiment", "status", codes=(0, 3))
        if stack.run("dash", "check", "--minutes", "5").returncode == 0:
            return
        time.sleep(1)


def _people() -> list[Person]:
    task = JobChange()
    names = task.schema.model_fields
    found = []
    for row in task.generate(600, seed=9):
        value = row[task.target]
        assert isinstance(value, str | int | float)
        found.append(Person(str(row[task.id_column]), {name: row[name] for name in names}, value))
    return found


def _crowd(stack: Observed) -> Crowd:
    place = Workplace(Settings(home=stack.home), TASK)
    return Crowd(place.endpoint, Tally())


def _keep_asking(crowd: Crowd, people: list[Person], stop: threading.Event) -> None:
    """Everybody once with outcomes, then again and again, so that no rate is without a sample."""
    crowd.tell(crowd.ask(people), JobChange())
    while not stop.is_set():
        crowd.ask(people[:40])
        time.sleep(0.2)


def _hang(stack: Observed, slot: str) -> None:
    """A place that freezes for a while: calls fail, the place is ejected, others answer."""
    pid = stack.processes()[slot]["pid"]
    os.kill(pid, signal.SIGSTOP)
    time.sleep(6)
    os.kill(pid, signal.SIGCONT)


def _send_too_much(port: int, stop: threading.Event) -> None:
    """Announce a body larger than any is taken, again and again over some scrapes."""
    while not stop.wait(3):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.putrequest("POST", f"/v1/models/{TASK}:predict")
            connection.putheader("content-length", str(TOO_LARGE))
            connection.endheaders()
            connection.getresponse().read()
        finally:
            connection.close()


def _damage(stack: Observed) -> None:
    """A line in the newest spool file that nobody can read."""
    newest = max((stack.home / "spool" / TASK).glob("*.jsonl"))
    with newest.open("ab") as spool:
        spool.write(b"{not a record\n")
