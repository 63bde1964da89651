"""Approving on evidence that was printed elsewhere: nothing but the file and the key is needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.main import run
from contender.adapters.keys_ed25519 import keyring
from contender.experiment.decision import evidence_digest
from contender.release.approval import Approvals, Asked, Subject

VERDICT: dict[str, Any] = {"decision": "promote", "reason": "better by 0.02", "interval": [0.01, 0.03]}
SUBJECT = Subject("job-change", "7", "sha256:a", "8", "sha256:b", evidence_digest(VERDICT))


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The key of ada, on a machine that knows of a cluster and reaches none of its stores."""
    monkeypatch.setenv("CONTENDER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CONTENDER_ACTOR", "ada")
    monkeypatch.setenv("CONTENDER_BACKEND", "cluster")
    assert run(["release", "key", "--out", str(tmp_path / "ada.key")]) == 0
    return tmp_path / "ada.key"


def evidence(folder: Path, **changed: object) -> Path:
    document = {"subject": vars_of(SUBJECT), "verdict": VERDICT} | changed
    (folder / "evidence.json").write_text(json.dumps(document))
    return folder / "evidence.json"


def vars_of(subject: Subject) -> dict[str, str]:
    return {name: getattr(subject, name) for name in Subject.__dataclass_fields__}


def approve(key: Path, file: Path, *more: str) -> int:
    return run(
        ["approve", "--key", str(key), "--evidence", str(file), "--out", str(key.parent / "approval.json"), *more]
    )


def test_what_is_signed_elsewhere_holds_where_it_is_checked(key: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert approve(key, evidence(key.parent)) == 0
    assert "the verdict is promote: better by 0.02" in capsys.readouterr().err
    document = json.loads((key.parent / "approval.json").read_text())
    asked = Asked(SUBJECT, frozenset({"release-job"}), frozenset(), document["issued_at"] + 1)
    checked = Approvals(keyring(key.parent / "home" / "approvers"), required=True).check(document, asked)
    assert checked["approver"] == "ada"


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"verdict": {**VERDICT, "decision": "hold"}}, "shows another verdict"),
        ({"subject": {**vars_of(SUBJECT), "evidence": "0" * 64}}, "shows another verdict"),
        ({"subject": {**vars_of(SUBJECT), "task": "job-role"}}, "is of the task job-role"),
        ({"subject": {"task": "job-change"}}, "holds no evidence"),
        ({"verdict": None}, "holds no evidence"),
    ],
)
def test_evidence_that_was_edited_is_not_signed(
    key: Path, capsys: pytest.CaptureFixture[str], changed: dict[str, object], problem: str
) -> None:
    assert approve(key, evidence(key.parent, **changed)) == 2
    assert problem in capsys.readouterr().err
    assert not (key.parent / "approval.json").exists()


def test_a_file_that_is_no_evidence_is_named(key: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert approve(key, key.parent / "nowhere.json") == 2
    assert "contender cluster run -- release evidence" in capsys.readouterr().err
    (key.parent / "list.json").write_text("[]")
    assert approve(key, key.parent / "list.json") == 2
    assert "--evidence" in capsys.readouterr().err


def test_a_key_that_is_refused_leaves_nothing_behind(key: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again = key.parent / "again.key"
    assert run(["release", "key", "--out", str(again)]) == 1
    assert "ada has a key already" in capsys.readouterr().err
    assert run(["release", "key", "--out", str(again), "--name", "a/b"]) == 2
    assert not again.exists()
    (key.parent / "home" / "approvers" / "ada.pub").unlink()
    assert run(["release", "key", "--out", str(again)]) == 0
