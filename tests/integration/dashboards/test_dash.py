"""Every question of every dashboard, asked of a real Prometheus that scrapes real servers under traffic."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

pytestmark = pytest.mark.slow


def test_every_panel_and_variable_is_answered(observed: Any) -> None:
    document = observed.told("dash", "check", "--minutes", "5", codes=(0, 4))
    wrong = [one for one in document["findings"] if one["state"] != "ok"]
    assert not wrong, "\n".join(f"{one['board']} · {one['panel']} {one['ref']}: {one['state']}" for one in wrong)
    assert document["counts"]["ok"] > 90


@pytest.mark.parametrize("server", ["transformer", "blue", "baseline", "exporter"])
def test_what_is_exported_is_clean(observed: Any, server: str) -> None:
    text = observed.metrics(server)
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert "contender_" in text


def test_every_panel_is_drawn(observed: Any, tmp_path: Any) -> None:
    page = tmp_path / "page.html"
    document = observed.told("dash", "render", "--minutes", "5", "--out", str(page))
    text = page.read_text()
    assert text.count('class="panel') == document["panels"]
    assert "no data" not in text
    assert "http://" not in text.replace("http://www.w3.org", "")


def test_status_shows_what_observes(observed: Any) -> None:
    processes = observed.processes()
    assert {"prometheus", "alertmanager", "exporter"} <= set(processes)
    assert all(processes[name]["ready"] for name in ("prometheus", "alertmanager", "exporter"))
