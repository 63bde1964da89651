"""`contender database` on a store that is new, old, and up to date."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import typer

from cli import database
from cli.output import fail
from contender.adapters.store_sql.versions import NEWEST
from contender.errors import ContenderError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CONTENDER_HOME", str(tmp_path))
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    root = typer.Typer()
    database.register(root)
    try:
        code = root(args=["database", *arguments, "--json"], standalone_mode=False)
    except ContenderError as error:
        code = fail(error, as_json=False)
    return code, json.loads(capsys.readouterr().out)


def make_old(home: Path) -> None:
    script = (Path(__file__).parent / "version_1_sqlite.sql").read_text()
    connection = sqlite3.connect(home / "store.db")
    connection.executescript(script)
    connection.close()


def test_checking_makes_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "check") == (0, {"ok": True, "version": None, "needed": NEWEST})
    assert list(home.iterdir()) == []


def test_old_tables_are_a_fault_until_they_are_upgraded(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_old(home)
    assert run(capsys, "check") == (4, {"ok": False, "version": 1, "needed": NEWEST})
    assert run(capsys, "upgrade") == (0, {"before": 1, "version": NEWEST, "changed": True})
    assert run(capsys, "upgrade") == (0, {"before": NEWEST, "version": NEWEST, "changed": False})
    assert run(capsys, "check") == (0, {"ok": True, "version": NEWEST, "needed": NEWEST})


def test_people_are_told_in_words(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = typer.Typer()
    database.register(root)
    for arguments in (["check"], ["upgrade"], ["upgrade"]):
        assert root(args=["database", *arguments], standalone_mode=False) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"the store has no tables yet; they are made at version {NEWEST} when they are first needed",
        f"the store's tables were brought to version {NEWEST}",
        f"the store's tables have version {NEWEST} already: nothing to do",
    ]
