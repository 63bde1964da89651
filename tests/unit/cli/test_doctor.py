"""`contender doctor` tells what is wrong with a machine, and is not stopped by it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.main import run


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CONTENDER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    """What the doctor finds, by name."""
    capsys.readouterr()
    run(["doctor", "--json"])
    return {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)["findings"]}


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("CONTENDER_PORT", "abc", "valid integer"),
        ("CONTENDER_PORT", "70000", "less than or equal to 65535"),
        ("CONTENDER_SLOTS", "pink", "must name at least 2"),
        ("CONTENDER_HOME", "/dev/null", "/dev/null is no folder"),
        ("CONTENDER_HOME", "~nobody-of-that-name/x", "write the whole path"),
        ("CONTENDER_STORE_URL", "sqlite://", "keeps nothing beyond one process"),
        ("CONTENDER_GRPC_PORT", "abc", "valid integer"),
        ("CONTENDER_ROUTING", "/elsewhere", "is not obeyed on one machine"),
        ("CONTENDER_PREVIEW_KEY", "/no/such/key", "cannot be read: No such file"),
    ],
)
def test_a_setting_that_is_wrong_is_a_finding_by_its_name(
    name: str, value: str, found: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, value)
    findings = told(capsys)
    assert found in findings[name]["found"]
    assert findings[name]["remedy"]
    assert not findings[name]["ok"]
    assert findings["python"]["ok"]
    assert run(["doctor"]) == 1


def test_every_wrong_setting_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CONTENDER_PORT", "abc")
    monkeypatch.setenv("CONTENDER_START_SECONDS", "-1")
    assert {"CONTENDER_PORT", "CONTENDER_START_SECONDS"} <= set(told(capsys))


def test_settings_at_odds_are_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CONTENDER_BACKEND", "cluster")
    monkeypatch.delenv("CONTENDER_STORE_URL", raising=False)
    assert "CONTENDER_STORE_URL must be set" in told(capsys)["settings"]["found"]


def test_a_home_whose_files_are_no_databases_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "store" not in told(capsys)
    home.mkdir()
    for name in ("store.db", "mlflow.db"):
        (home / name).write_text("no database, but longer than a head")
    findings = told(capsys)
    assert findings["store"]["found"] == f"{home}/store.db is no database"
    assert findings["registry"]["found"] == f"{home}/mlflow.db is no database"
    assert "restore.md" in findings["registry"]["remedy"]


def test_the_home_that_is_looked_at_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys)["home"]["found"] == str(home)
