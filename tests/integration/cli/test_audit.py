"""`contender audit` over a trail in a home of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.main import run
from contender.adapters.anchor_file import AnchorFiles
from contender.adapters.store_sql import Store
from contender.release.trail import Trail


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CONTENDER_HOME", str(tmp_path))
    return tmp_path


def tell(home: Path, anchors: AnchorFiles | None) -> None:
    store = Store(f"sqlite:///{home}/store.db", clock=lambda: 1.0)
    Trail("job-change", store, anchors).append("prepare", at=1.0, actor="ann", detail={})
    store.close()


def test_a_trail_that_holds_is_one_document(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tell(home, AnchorFiles(home / "anchors"))
    assert run(["audit", "verify", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ok"]


def test_a_trail_with_problems_is_one_document_too(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tell(home, None)
    assert run(["audit", "verify", "--json"]) == 4
    told = capsys.readouterr()
    document = json.loads(told.out)
    assert not document["ok"]
    assert "no anchor is kept" in document["problems"][0]
    assert "no anchor is kept" in told.err


def test_a_clock_that_the_trail_contradicts_prunes_nothing_without_a_reason(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    anchors = AnchorFiles(home / "anchors")
    tell(home, anchors)
    tell(home, anchors)
    assert run(["audit", "prune"]) == 3
    assert "nothing was written for" in capsys.readouterr().err
    assert run(["audit", "prune", "--override", "it slept in a cellar", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pruned"] == 1
    assert run(["audit", "show", "--json"]) == 0
    assert "it slept in a cellar" in json.loads(capsys.readouterr().out)["records"][-1]["detail"]["clock"]
    assert run(["audit", "verify"]) == 0
