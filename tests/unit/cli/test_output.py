"""What a person or a program reads when something is wrong."""

import json
import os
from pathlib import Path

import boto3
import pytest
import typer
from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from cli.compose import name_s3_for_all
from cli.main import app, run
from cli.output import PlainConsole, exit_code, fail, figure, note, out, pairs, show, table
from cli.streams import Stream
from contender.errors import (
    Conflict,
    ContenderError,
    DeadlineExceeded,
    FaultFound,
    InvalidArtifact,
    InvalidInput,
    InvalidRouting,
    NotFound,
    Refused,
    Unavailable,
)
from contender.release import diagram as picture


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ContenderError("x"), 1),
        (NotFound("x"), 1),
        (Conflict("x"), 1),
        (InvalidInput("field", "x"), 2),
        (InvalidRouting("field", "x"), 2),
        (InvalidArtifact("field", "x"), 2),
        (Refused("x"), 3),
        (FaultFound("x"), 4),
        (Unavailable("x"), 5),
        (DeadlineExceeded("x"), 5),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error: ContenderError, code: int) -> None:
    assert exit_code(error) == code


def test_a_disk_without_room_is_told_with_what_helps(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["release", "diagram", "--out", "/dev/full"]) == 1
    told = capsys.readouterr().err
    assert "No space left on device" in told
    assert "make room on the disk of CONTENDER_HOME" in told


def test_an_error_for_people_names_the_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail(Refused("not now", remedy="wait"), as_json=False) == 3
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "not now" in shown.err
    assert "wait" in shown.err


def test_an_error_for_programs_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    fail(InvalidInput("rows", "too few", remedy="bring more"), as_json=True)
    assert json.loads(capsys.readouterr().out) == {
        "error": "rows: too few",
        "remedy": "bring more",
        "kind": "InvalidInput",
    }


HOSTILE = "a [/b] closes, [red] colours, :fire: burns, [link=x]y[/link]"
"""What somebody may give as a reason, a name or a path; printed as it is, whatever it looks like to a library."""


def test_brackets_that_people_write_stay_brackets(capsys: pytest.CaptureFixture[str]) -> None:
    fail(Refused(HOSTILE, remedy=HOSTILE), as_json=False)
    note(HOSTILE)
    assert capsys.readouterr().err.count(HOSTILE) == 3
    show({}, False, lambda _: HOSTILE)
    show({}, False, lambda _: pairs({"reason": HOSTILE}, "t"))
    assert capsys.readouterr().out.count("[/b]") == 2


ACTING = "harmless\x1b[1A\x1b[2K\u202e"
SHOWN = "harmless\\x1b[1A\\x1b[2K\\u202e"


def test_control_characters_are_shown_wherever_text_of_others_is(capsys: pytest.CaptureFixture[str]) -> None:
    grid = table("reason", title=ACTING)
    grid.add_row(ACTING)
    grid.add_row(Text.assemble("by ", (ACTING, "bold"), " hand"))
    for shown in (ACTING, Text(ACTING), grid, pairs({ACTING: ACTING}), Group(ACTING, Padding(Text(ACTING), 1))):
        out.print(shown)
    note(ACTING)
    fail(Refused(ACTING, remedy=ACTING), as_json=False)
    seen = capsys.readouterr()
    assert (seen.out + seen.err).replace("\n", "").isprintable()
    assert (seen.out.count(SHOWN), seen.err.count(SHOWN)) == (9, 3)


def test_styles_stay_on_what_they_were_on(capsys: pytest.CaptureFixture[str]) -> None:
    console = PlainConsole(Stream("stdout"))
    segments = console.render(Text.assemble("a\x1b", ("b\x1bc", "bold"), "\x1bd"))
    bold = "".join(one.text for one in segments if one.style and one.style.bold)
    assert bold == "b\\x1bc"
    assert capsys.readouterr().out == ""


def test_a_message_of_others_begins_no_line_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    fail(Unavailable("the registry: 500\nerror: all is well", remedy="look\nhere"), as_json=False)
    show({}, False, lambda _: pairs({"reason": "by hand\nchampion  9"}))
    seen = capsys.readouterr()
    assert [line for line in seen.err.splitlines() if not line.startswith(" ")] == ["error: the registry: 500"]
    assert "by hand\\nchampion" in seen.out


def test_a_file_that_is_no_text_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "picture").write_bytes(b"\x89PNG\xff")
    assert run(["predict", "--file", str(tmp_path / "picture")]) == 2
    assert "is not JSON in UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize(("value", "text"), [(None, "–"), (0.12345, "0.1235"), (3, "3"), ("x", "x")])
def test_figures_are_short(value: object, text: str) -> None:
    assert figure(value) == text


def test_a_path_that_cannot_be_written_is_told_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["release", "diagram", "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith(f"error: {tmp_path}: Is a directory")
    with pytest.raises(IsADirectoryError):
        run(["--debug", "release", "diagram", "--out", str(tmp_path)])


def test_of_a_defect_the_place_is_told_and_no_word_that_may_quote_somebody(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> str:
        raise KeyError("Ada Lovelace")

    monkeypatch.setattr(picture, "document", broken)
    assert run(["release", "diagram", "--check"]) == 1
    told = capsys.readouterr().err
    assert "a defect: KeyError at test_output.py:" in told
    assert "Ada" not in told


def test_an_unknown_option_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "--nope"]) == 2
    assert "nope" in capsys.readouterr().err


def test_an_unknown_task_names_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "--task", "nope"]) == 1
    assert "job-change, job-role" in capsys.readouterr().err


def test_debug_lets_the_traceback_through() -> None:
    with pytest.raises(NotFound):
        run(["--debug", "status", "--task", "nope"])


def test_a_failure_after_the_object_is_told_on_stderr(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One JSON object is on stdout, whatever fails once it is there."""

    def late(as_json: bool = typer.Option(False, "--json")) -> None:
        show({"phase": "promoted"}, as_json, lambda found: found)
        raise Unavailable("the registry does not answer")

    app.command("late")(late)
    try:
        assert run(["late", "--json"]) == 5
    finally:
        app.registered_commands.pop()
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"phase": "promoted"}
    assert "the registry does not answer" in captured.err


def test_one_setting_names_the_s3_api_for_every_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTENDER_S3_ENDPOINT", "http://s3.backends:9000")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "")
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    monkeypatch.delenv("MLFLOW_S3_ENDPOINT_URL", raising=False)
    name_s3_for_all()
    client = boto3.client("s3", region_name="eu-central-1")
    assert client.meta.endpoint_url == "http://s3.backends:9000"
    monkeypatch.setenv("CONTENDER_S3_ENDPOINT", "http://other:9000")
    name_s3_for_all()
    assert os.environ["AWS_ENDPOINT_URL_S3"] == "http://other:9000"  # as our own clients are told
