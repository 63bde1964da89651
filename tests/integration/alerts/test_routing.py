"""Who is told of what: by amtool over what is generated, and once through real servers to a real webhook."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from contender.adapters.supervisor.daemons import Daemons, free_port, wait_answering
from monitoring.alerts.catalog import ALERTS
from monitoring.alerts.documents import as_yaml
from monitoring.alerts.routing import Patience, Receivers, alertmanager
from monitoring.local import Around, prometheus
from monitoring.paths import GENERATED, ROOT, RULES

CONFIGURATION = ROOT / GENERATED / "alertmanager.yaml"
RECEIVER = {"page": "pager", "ticket": "tickets", "info": "nobody"}


def amtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["amtool", *arguments], capture_output=True, text=True, timeout=30, check=False)


def test_the_configuration_is_well_formed() -> None:
    done = amtool("check-config", str(CONFIGURATION))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_each_alert_goes_to_whom_its_severity_says(alert: Any) -> None:
    expected = "watchdog" if alert.name == "ContenderWatchdog" else RECEIVER[alert.severity]
    labels = (f"alertname={alert.name}", f"severity={alert.severity}", "task=job-change")
    done = amtool(
        "config", "routes", "test", f"--config.file={CONFIGURATION}", f"--verify.receivers={expected}", *labels
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_receiver_is_noticed() -> None:
    done = amtool(
        "config", "routes", "test", f"--config.file={CONFIGURATION}", "--verify.receivers=pager", "severity=info"
    )
    assert done.returncode != 0


class Page(BaseHTTPRequestHandler):
    """What a watched server tells: the audit trail of one task does not hold."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(b'contender_audit_valid{task="job-change"} 0\n')

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Keep quiet."""


class Webhook(Page):
    """Takes what Alertmanager sends."""

    taken: list[dict[str, Any]]

    def do_POST(self) -> None:
        self.taken.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.end_headers()


def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def exporter() -> Iterator[int]:
    yield from serving(Page)


@pytest.fixture
def webhook() -> Iterator[tuple[int, list[dict[str, Any]]]]:
    taken: list[dict[str, Any]] = []
    for port in serving(type("Hook", (Webhook,), {"taken": taken})):
        yield port, taken


@pytest.mark.slow
def test_a_broken_audit_trail_reaches_the_webhook(
    tmp_path: Path, exporter: int, webhook: tuple[int, list[dict[str, Any]]]
) -> None:
    port, taken = webhook
    address = f"http://127.0.0.1:{port}/pager"
    at = {"prometheus": free_port(0), "alertmanager": free_port(0)}
    around = Around(ROOT / RULES, tmp_path / "targets", at["alertmanager"], exporter)
    documents = {
        "prometheus": prometheus(around, scrape_s=1, evaluate_s=1),
        "alertmanager": alertmanager(Receivers(pager=address), Patience(gather="1s")),
    }
    for name, document in documents.items():
        (tmp_path / f"{name}.yml").write_text(as_yaml(document))
    commands = {
        "alertmanager": ["prometheus-alertmanager", f"--storage.path={tmp_path}/am", "--cluster.listen-address="],
        "prometheus": ["prometheus", f"--storage.tsdb.path={tmp_path}/tsdb"],
    }
    daemons = Daemons(tmp_path, tmp_path / "logs")
    try:
        begun = [
            daemons.start(
                name,
                at[name],
                [*argv, f"--config.file={tmp_path / name}.yml", f"--web.listen-address=127.0.0.1:{at[name]}"],
                dict(os.environ),
            )
            for name, argv in commands.items()
        ]
        wait_answering(begun, 30)
        end = time.monotonic() + 60
        while not taken and time.monotonic() < end:
            time.sleep(0.1)
    finally:
        daemons.stop()
    assert taken, "nothing arrived within a minute"
    (alert,) = taken[0]["alerts"]
    assert (taken[0]["receiver"], alert["labels"]["alertname"]) == ("pager", "ContenderAuditBroken")
    assert alert["annotations"]["summary"] == "job-change: the audit trail does not hold"
    assert alert["annotations"]["runbook_url"].endswith("/docs/runbooks/alerts.md#contenderauditbroken")
