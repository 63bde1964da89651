"""What is given and empty ends with a named error, and nothing else is done instead."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from cli.given import refuse_empty
from cli.main import run
from contender.errors import InvalidInput

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CONTENDER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def trained(home: Path) -> None:
    """A home in which something was trained."""
    (home / "artifacts").mkdir(parents=True)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["train", "--data", ""], "--data"),
        (["train", "-d", " "], "-d"),
        (["train", "--data="], "--data"),
        (["promote", "--override", ""], "--override"),
        (["experiment", "stop", "--reason", ""], "--reason"),
        (["quality", "check", ""], "an argument"),
        (["outcome", "--event-id", ""], "--event-id"),
        (["pipeline", "submit", "--set", "data.file="], "--set data.file"),
        (["cluster", "run", "--", "promote", "--approval", ""], "--approval"),
    ],
)
def test_an_empty_word_is_no_missing_one(words: list[str], named: str, home: Path, capsys: Captured) -> None:
    assert run(words) == 2
    assert f"{named}: is empty" in capsys.readouterr().err
    assert not home.exists()


def test_what_says_something_passes() -> None:
    refuse_empty(["predict", "--row", "-", "--as=champion", "--", "--set", "a=b=", "x="])


@pytest.mark.parametrize("content", ["", "  \n", "[]", '{"instances": []}', "null", "{}", "\ufeff"])
def test_no_rows_are_not_an_example_row(content: str, tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "rows.json"
    file.write_text(content, encoding="utf-8")
    assert run(["predict", "--file", str(file)]) == 2
    said = capsys.readouterr().err
    assert "--file: " in said
    assert "holds no rows" in said or "is empty" in said


def test_nothing_on_stdin_is_not_an_example_row(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert run(["predict", "--row", "-"]) == 2
    assert "--row: holds no rows" in capsys.readouterr().err


def test_a_row_and_a_file_are_one_too_many(tmp_path: Path, capsys: Captured) -> None:
    assert run(["predict", "--row", "{}", "--file", str(tmp_path)]) == 2
    assert "--row: cannot go with --file" in capsys.readouterr().err


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe{\0"])
@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["experiment", "start", "--plan"], "--plan"),
        (["audit", "verify", "--anchor"], "--anchor"),
        (["promote", "--approval"], "--approval"),
    ],
)
def test_an_empty_file_is_named_by_its_option(
    words: list[str], named: str, content: bytes, tmp_path: Path, capsys: Captured
) -> None:
    file = tmp_path / "given"
    file.write_bytes(content)
    assert run([*words, str(file)]) == 2
    said = capsys.readouterr().err
    assert f"{named}: " in said
    assert "is empty" in said or "is not JSON in UTF-8" in said


@pytest.mark.parametrize("name", ["CONTENDER_HOME", "CONTENDER_STORE_URL", "CONTENDER_ACTOR", "CONTENDER_PORT"])
def test_an_empty_setting_is_no_missing_one(name: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setenv(name, " ")
    assert run(["status"]) == 2
    assert f"{name}: is empty" in capsys.readouterr().err


def test_an_address_that_is_blank_is_named() -> None:
    with pytest.raises(InvalidInput, match="--b: is empty"):
        refuse_empty(["a", "--b", "\t"])
