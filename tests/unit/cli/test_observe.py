"""What observes a home: where it is, what is said when it cannot be, what is scraped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli import observe
from cli.compose import Workplace
from cli.settings import Settings
from contender.errors import Unavailable
from monitoring.local import Around, prometheus, targets


def test_what_is_not_installed_is_said_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert observe.missing() == ["prometheus", "alertmanager"]
    observe.begin(Workplace(Settings(home=tmp_path), "job-change"))
    said = capsys.readouterr().err
    assert "not observed" in said
    assert "apt-get install prometheus prometheus-alertmanager" in said


def test_a_home_that_nothing_observes_has_no_address(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no prometheus observes"):
        observe.url(tmp_path)
    assert observe.processes(tmp_path) == []


def test_leaving_a_home_that_nothing_observes_does_nothing(tmp_path: Path) -> None:
    observe.leave(tmp_path, "job-change")
    assert list(tmp_path.iterdir()) == []


def test_places_are_scraped_by_their_role() -> None:
    found = {role: json.loads(text) for role, text in targets({"blue": 1, "transformer": 2}, "transformer").items()}
    assert found == {
        "predictor": [{"targets": ["127.0.0.1:1"], "labels": {"server": "blue"}}],
        "transformer": [{"targets": ["127.0.0.1:2"], "labels": {"server": "transformer"}}],
    }


def test_servers_come_and_go_with_files() -> None:
    document = prometheus(Around(Path("rules.yaml"), Path("targets"), 1, 2))
    assert document["rule_files"] == ["rules.yaml"]
    assert [job["job_name"] for job in document["scrape_configs"]] == [
        "contender-transformer", "contender-predictor", "contender-exporter",
    ]  # fmt: skip
