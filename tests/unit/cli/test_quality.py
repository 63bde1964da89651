"""`contender quality check` of folders: what is named, and verdicts that stay."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from cli.main import run
from contender.tasks.catalog import task_named

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CONTENDER_HOME", str(tmp_path / "home"))
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


def write(path: Path, *, seed: int, faults: bool = False) -> None:
    spoilt = {"training_hours": -1} if faults else {}
    drawn = enumerate(task_named("job-change").generate(60, seed=seed))
    table = [row | {"enrollee_id": f"{seed}-{number}"} | spoilt for number, row in drawn]
    with path.open("w", encoding="utf-8", newline="") as content:
        rows = csv.DictWriter(content, list(table[0]), lineterminator="\n")
        rows.writeheader()
        rows.writerows(table)


def check(captured: Captured, *arguments: str) -> tuple[int, dict[str, Any], str]:
    code = run(["quality", "check", *arguments, "--json"])
    said = captured.readouterr()
    return code, json.loads(said.out), said.err


def test_what_was_judged_before_keeps_verdict_exit_code_and_page(raw: Path, tmp_path: Path, capsys: Captured) -> None:
    write(raw / "BAD.CSV", seed=1, faults=True)
    page = tmp_path / "quality.html"
    first, again = (check(capsys, str(raw), "--report", str(page)) for _ in range(2))
    assert [code for code, _, _ in (first, again)] == [4, 4]
    assert [(one["verdict"], one["checked"], one["skipped"]) for _, one, _ in (first, again)] == [
        ("faults", 1, 0),
        ("faults", 0, 1),
    ]
    assert again[1]["files"] == [one | {"new": False} for one in first[1]["files"]]
    assert '<span class="verdict faults">' in page.read_text()
    write(raw / "good.csv", seed=2)
    code, document, _ = check(capsys, str(raw))
    assert (code, document["checked"], document["skipped"]) == (4, 1, 1)


def test_a_folder_of_which_nothing_was_read_is_not_good(raw: Path, tmp_path: Path, capsys: Captured) -> None:
    (raw / "people.doc").write_text("")
    page = tmp_path / "quality.html"
    code, document, said = check(capsys, str(raw), "--report", str(page))
    assert (code, document["verdict"], document["passed_over"]) == (2, "nothing", ["people.doc"])
    assert "passed over: people.doc" in said
    assert "nothing was read" in page.read_text()


def test_what_was_held_is_judged_anew_by_other_terms(raw: Path, capsys: Captured) -> None:
    write(raw / "people.csv", seed=3)
    lines = [line.rpartition(",")[0] for line in (raw / "people.csv").read_text().splitlines()]
    (raw / "people.csv").write_text("\n".join(lines) + "\n")
    code, document, _ = check(capsys, str(raw))
    assert (code, document["files"][0]["verdict"]) == (4, "held")
    held = Path(document["bad_folder"]) / "held"
    assert len(list(held.iterdir())) == 1
    assert check(capsys, str(raw))[1]["checked"] == 0
    code, document, _ = check(capsys, str(raw), "--unlabelled")
    assert (code, document["checked"], document["good"]) == (0, 1, 60)
    assert list(held.iterdir()) == []


def test_a_folder_into_which_nothing_was_checked_is_not_scored_as_nothing(raw: Path, capsys: Captured) -> None:
    write(raw / "people.csv", seed=4)
    assert run(["score", str(raw), "--in-process"]) == 2
    assert "raw: holds no file of good rows" in capsys.readouterr().err
