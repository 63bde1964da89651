"""Values planted in every field of rows are found nowhere but where rows themselves are kept.

They go through quality check, serving (answered and refused), scoring and drift of the observed stack. Where rows are
kept, in the store's tables of rows, the spool, good and bad files and predictions, they are of course.
"""

from __future__ import annotations

import csv
import http.client
import json
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from contender.adapters.store_sql import Store
from contender.tasks.job_change.task import JobChange
from contender.tasks.job_role.task import JobRole

pytestmark = pytest.mark.slow

WORD = "KANARIENVOGEL"
CITY = "city_987"
INDEX = 0.7654321
PLANTED = (WORD, CITY, str(INDEX))
TASK = "job-change"
NOTES = ("quality", "drift", "retraining")


@pytest.fixture
def heard() -> Iterator[tuple[str, list[str]]]:
    """The address of a webhook, and what it was sent."""
    taken: list[str] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(self.rfile.read(int(self.headers["content-length"])).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"json://127.0.0.1:{server.server_port}", taken
    server.shutdown()
    thread.join()
    server.server_close()


def table(path: Path, rows: list[dict[str, Any]]) -> str:
    with path.open("w", newline="") as stream:
        lines = csv.DictWriter(stream, list(rows[0]))
        lines.writeheader()
        lines.writerows(rows)
    return str(path)


def marked(count: int) -> list[dict[str, Any]]:
    """Rows that every gate lets through, with what nobody may see in each field that is not a choice of few."""
    rows = JobChange().generate(count, seed=21)
    return [
        {**row, "enrollee_id": f"{WORD}-{number}", "city": CITY, "city_development_index": INDEX}
        for number, row in enumerate(rows)
    ]


def spoilt(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows again, each with the word in one field, every field in turn."""
    names = list(rows[0])
    return [
        {**row, names[number % len(names)]: f"{WORD} {number}", names[0]: f"{WORD}-again-{number}"}
        for number, row in enumerate(rows)
    ]


def post(port: int, path: str, body: Mapping[str, Any], **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", path, json.dumps(body), {"content-type": "application/json", **headers})
        response = connection.getresponse()
        return response.status, json.loads(response.read() or b"null")
    finally:
        connection.close()


def ask(port: int) -> None:
    """People who are answered, people who are refused for each field, outcomes, and a path that is not there."""
    fields = list(JobChange().schema.model_fields)
    rows = [{name: row[name] for name in fields} for row in marked(260)]
    people = [{**row, "unit_id": f"{WORD}-{number}"} for number, row in enumerate(rows)]
    predict, outcome = f"/v1/models/{TASK}:predict", f"/v1/models/{TASK}:outcome"
    status, answer = post(port, predict, {"instances": people}, **{"X-Request-Id": WORD, "Idempotency-Key": WORD})
    assert status == 200
    refused = [{**people[0], name: f"{WORD} {name}"} for name in fields] + [{**people[0], WORD: WORD}]
    assert {post(port, predict, {"instances": [row]})[0] for row in refused} <= {400, 422}
    known = answer["predictions"][0]["prediction_id"]
    events = [{"event_id": f"{WORD}-1", "prediction_id": known, "value": 1}]
    events += [{"event_id": f"{WORD}-2", "prediction_id": WORD, "value": WORD}]
    for event in events:
        post(port, outcome, {"outcomes": [event]})
        post(port, outcome, event)
    post(port, f"/v1/models/{WORD}:predict", {"instances": people[:1]})


def said(observed: Any, folder: Path) -> dict[str, str]:
    """What commands print while files and rows with the word go through them, and the pages they write."""
    good = table(folder / "good.csv", marked(300))
    bad = table(folder / "bad.csv", spoilt(marked(300)))
    skills = [{name: f"{WORD} {name}" for name in row} for row in JobRole().generate(80, seed=2)]
    role = table(folder / "role.csv", skills)
    page = str(folder / "{}.html")
    commands = {
        "check good": ("quality", "check", good, "--report", page.format("good")),
        "check bad": ("quality", "check", bad, "--report", page.format("bad"), "--json"),
        "check bad again": ("quality", "check", bad),
        "check role": ("quality", "check", role, "--task", "job-role", "--report", page.format("role")),
        "check as other": ("quality", "check", good, "--task", "job-role"),
        "score": ("score",),
        "score in-process": ("score", "--in-process", "--out", str(folder / "predictions"), "--json"),
        "drift check": ("drift", "check", "--window", "10m"),
        "drift report": ("drift", "report", "--window", "10m", "--html", page.format("drift"), "--json"),
        "watch": ("drift", "watch", "--looks", "1", "--window", "10m"),
        "rehearse": ("rehearse", "--shift", "training_hours", "--data", good, "--for", "2s", "--among-people"),
        "retrain": ("retrain", "--data", bad, "--trials", "0"),
        "health": ("health", "--json"),
        "status": ("status", "--json"),
        "exporter": ("exporter", "--once"),
        "render": ("dash", "render", "--out", page.format("dash")),
        "audit": ("audit", "show", "--json"),
    }
    told = {}
    for name, arguments in commands.items():
        done = observed.run(*arguments)
        usual = {0, 1, 2, 3, 4} if name == "retrain" else {0, 1, 3, 4}  # bad rows are no rows to train on
        assert done.returncode in usual, f"{name}: {done.stderr}"
        assert "Traceback" not in done.stderr, name
        told[name] = done.stdout + done.stderr
    pages = {file.name: file.read_text() for file in folder.glob("*.html")}
    assert {"good.html", "bad.html", "role.html", "drift.html", "dash.html"} <= set(pages)
    return told | pages


def logged(home: Path) -> dict[str, str]:
    files = [*(home / "logs").rglob("*"), *(home / "run").rglob("*"), *(home / "routing").rglob("*")]
    return {str(file): file.read_text(errors="replace") for file in files if file.is_file()}


def shown(observed: Any) -> dict[str, str]:
    """What servers export, what Prometheus keeps of it, and the alerts."""
    ports = {name: one["port"] for name, one in observed.processes().items()}
    found = {f"metrics of {name}": observed.metrics(name) for name in ("transformer", "blue", "baseline", "exporter")}
    for server, path in (
        ("prometheus", "/api/v1/series?match[]={__name__=~%22.%2B%22}"),
        ("prometheus", "/api/v1/alerts"),
        ("alertmanager", "/api/v2/alerts"),
    ):
        with urllib.request.urlopen(f"http://127.0.0.1:{ports[server]}{path}", timeout=20) as answer:
            found[path] = answer.read().decode()
    return found


def noted(home: Path) -> dict[str, str]:
    store = Store(f"sqlite:///{home}/store.db", clock=time.time)
    try:
        return {f"note {kind}": json.dumps([n.document for n in store.notes(TASK, kind)]) for kind in NOTES}
    finally:
        store.close()


def test_what_people_send_is_found_nowhere(observed: Any, heard: tuple[str, list[str]], tmp_path: Path) -> None:
    observed = replace(observed, environment={**observed.environment, "CONTENDER_NOTIFY_URLS": heard[0]})
    # Names of files are the operator's and are told; those of pytest hold the name of the test, not the word.
    ask(observed.processes()["transformer"]["port"])
    time.sleep(6)  # the shipper's turn, and a scrape after it
    texts = said(observed, tmp_path) | shown(observed) | logged(observed.home) | noted(observed.home)
    texts |= {f"announcement {number}": text for number, text in enumerate(heard[1])}
    assert any(name.startswith("announcement") for name in texts), "the faulty file was announced"
    assert WORD in (tmp_path / "bad.csv").read_text()
    found = sorted({(name, word) for name, text in texts.items() for word in PLANTED if word in text})
    assert not found, found
