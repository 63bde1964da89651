"""Files that options name: whatever they hold, the option is named and what it is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.documents import MOST_BYTES, object_of, text_of
from cli.main import run
from contender.errors import InvalidInput

PLAN = '{"challenger_share": 0.5}'
WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "UTF-16, as PowerShell redirects": (lambda path: path.write_text(PLAN, encoding="utf-16"), "is not JSON in UTF-8"),
    "Latin-1": (lambda path: path.write_bytes('{"reason": "für"}'.encode("latin-1")), "is not JSON in UTF-8"),
    "binary": (lambda path: path.write_bytes(bytes(range(256))), "is not JSON in UTF-8"),
    "empty": (lambda path: path.touch(), "is empty"),
    "deep": (lambda path: path.write_text("[" * 200_000), "is not JSON in UTF-8"),
    "no object": (lambda path: path.write_text("[1]"), "holds no JSON object"),
    "a folder": (lambda path: path.mkdir(), "cannot be read: Is a directory"),
    "missing": (lambda path: None, "cannot be read: No such file"),
    "too large": (lambda path: path.write_text(" " * (MOST_BYTES + 1)), "is larger than 4096 KiB"),
    "without end": (lambda path: path.symlink_to("/dev/zero"), "is larger than 4096 KiB"),
}
OPTIONS = {
    "--plan": ["experiment", "start", "--plan"],
    "--approval": ["promote", "--approval"],
    "--evidence": ["approve", "--key", "KEY", "--out", "OUT", "--evidence"],
    "--anchor": ["audit", "verify", "--anchor"],
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_holds_something_else_is_told(name: str, tmp_path: Path) -> None:
    make, problem = WRONG[name]
    make(tmp_path / "file")
    with pytest.raises(InvalidInput, match=f"^--plan: .*{problem}"):
        object_of("--plan", tmp_path / "file")


def test_the_mark_that_windows_puts_before_a_text_is_none_of_it(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(PLAN, encoding="utf-8-sig")
    assert text_of("--plan", tmp_path / "plan.json") == PLAN
    assert object_of("--plan", tmp_path / "plan.json") == json.loads(PLAN)


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("name", ["UTF-16, as PowerShell redirects", "a folder", "no object"])
def test_every_option_that_takes_such_a_file_says_so(
    option: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from contender.adapters.keys_ed25519 import create

    monkeypatch.setenv("CONTENDER_HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "artifacts").mkdir(parents=True)
    create(tmp_path / "KEY")
    WRONG[name][0](tmp_path / "file")
    words = [str(tmp_path / word) if word in {"KEY", "OUT"} else word for word in OPTIONS[option]]
    assert run([*words, str(tmp_path / "file")]) == 2
    assert f"error: {option}: " in capsys.readouterr().err
